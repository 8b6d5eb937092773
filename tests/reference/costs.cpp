// What loops cost: updating a slice or an element of a carried array costs the slice, whatever the array's size.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "backends/reference/reference.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "compiler/plan/gpu.h"
#include "compiler/plan/memory_use.h"
#include "ir/parser.h"
#include "ir/verify.h"

namespace jaxc::reference {
namespace {

/// The numbers of the programs' text: elements along the carried array's first axis (and one less), and steps.
struct Sizes {
  std::int64_t elements = 3000;
  std::int64_t steps = 77;
};

std::string text_of(const std::string& name, const Sizes& sizes) {
  std::ifstream file(std::string(JAXC_TEST_DATA) + "/costs/" + name + ".jaxpr");
  std::stringstream stream;
  stream << file.rdbuf();
  std::string text = stream.str();
  EXPECT_FALSE(text.empty()) << name;
  const auto replace = [&](const std::string& from, std::int64_t to) {
    const std::string with = std::to_string(to);
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + with.size()))
      text.replace(at, from.size(), with);
  };
  const Sizes written;
  if (sizes.steps != written.steps) replace("77", sizes.steps);
  if (sizes.elements != written.elements) {
    replace("3000", sizes.elements);
    replace("2999", sizes.elements - 1);
  }
  return text;
}

using Planner = std::function<ir::Plan(const ir::Program&)>;

compiler::Compilation compiled(const std::string& name, const Sizes& sizes, const Planner& planner) {
  const ir::Jaxpr jaxpr = ir::parse(text_of(name, sizes), name);
  ir::verify(jaxpr);
  return compiler::compile(jaxpr, {}, {}, planner);
}

Work work_of(const std::string& name, const Sizes& sizes, const Planner& planner) {
  const compiler::Compilation program = compiled(name, sizes, planner);
  std::vector<Array> inputs;
  for (const ir::Interface& input : program.program.inputs) inputs.emplace_back(input.type);
  Work work;
  Executable(program.program, program.plan).run(inputs, {.work = &work});
  return work;
}

/// Elements stored and moved by each further step, of programs that take an even number of steps.
Work work_of_a_step(const std::string& name, std::int64_t elements, const Planner& planner) {
  const Work few = work_of(name, {elements, 40}, planner);
  const Work many = work_of(name, {elements, 60}, planner);
  return {(many.stored - few.stored) / 20, (many.moved - few.moved) / 20};
}

const Planner cpu = [](const ir::Program& program) { return compiler::plan_cpu(program, {.libraries = false}); };
const Planner gpu = [](const ir::Program& program) { return compiler::plan_gpu(program); };
const Planner gpu_workgroup = [](const ir::Program& program) {
  compiler::GpuPlanOptions options;
  options.registers_work = -1;
  return compiler::plan_gpu(program, options);
};

struct Row {
  std::string name;
  std::int64_t most;  ///< elements that a step may store and move
};

class StepCost : public testing::TestWithParam<Row> {};

TEST_P(StepCost, IsTheSliceNotTheArray) {
  for (const Planner& planner : {cpu, gpu, gpu_workgroup}) {
    const Work small = work_of_a_step(GetParam().name, 3000, planner);
    const Work large = work_of_a_step(GetParam().name, 30000, planner);
    EXPECT_EQ(small.stored, large.stored);
    EXPECT_EQ(small.moved, large.moved);
    EXPECT_LE(large.stored + large.moved, GetParam().most);
  }
}

// Slices have three elements; counters and their indices take a few more.
INSTANTIATE_TEST_SUITE_P(Updates, StepCost,
                         testing::Values(Row{"slice_scan", 9}, Row{"slice_while", 9}, Row{"scatter_scan", 9},
                                         Row{"scatter_while", 9}, Row{"stacked_scan", 9}),
                         [](const auto& info) { return info.param.name; });

// A carry whose old value is read all over while the next one is made: two buffers trade places.
TEST(StepCost, OfALargeCarryThatIsMadeAnewMovesNothing) {
  for (const std::string name : {"stencil_scan", "stencil_while"}) {
    const Work step = work_of_a_step(name, 3000, cpu);
    EXPECT_EQ(step.moved, 0) << name;
    EXPECT_GE(step.stored, 3000) << name;
    EXPECT_LE(step.stored, 3002) << name;
    const compiler::Compilation program = compiled(name, {}, cpu);
    const ir::LoopPlan& loop = program.plan.loops.begin()->second;
    EXPECT_TRUE(std::find(loop.carries.begin(), loop.carries.end(), ir::CarryMode::doubled) != loop.carries.end());
  }
}

TEST(MemoryUse, IsTheLargestLiveSetWherePackingLeavesNoGaps) {
  for (const std::string name : {"slice_scan", "scatter_while", "stencil_scan", "stencil_while"}) {
    const compiler::Compilation small = compiled(name, {3000, 77}, cpu);
    const compiler::Compilation large = compiled(name, {30000, 77}, cpu);
    const compiler::MemoryUse few = compiler::memory_use(small.program, small.plan);
    const compiler::MemoryUse many = compiler::memory_use(large.program, large.plan);
    EXPECT_LE(few.live, few.planned) << name;
    EXPECT_LE(few.planned, few.live + 1024) << name;
    EXPECT_LE(many.planned, many.live + 1024) << name;
    // Updates are made in the caller's output; a stencil takes one more array.
    const bool stencil = name.starts_with("stencil");
    EXPECT_EQ(many.live - few.live, stencil ? 27000 * 4 : 0) << name;
  }
}

}  // namespace
}  // namespace jaxc::reference
