// Whole programs that JAX printed, through lowering, planning and the interpreter, against what JAX computed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "backends/reference/reference.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "jaxc/safetensors.h"
#include "tests/compiler/agreement.h"
#include "tests/ir/program_builder.h"
#include "tests/reference/lane_plan.h"

namespace jaxc {
namespace {

std::vector<std::string> programs() {
  std::vector<std::string> names;
  for (const std::string folder : {"conformance", "lowering", "routines"})
    for (const auto& entry : std::filesystem::directory_iterator(JAXC_TEST_DATA "/" + folder))
      if (entry.path().extension() == ".jaxpr") names.push_back(folder + "/" + entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Arrays of a name, in the types that the program has: keys and bfloat16 are stored as integers of their bits.
std::vector<Array> numbered(const Safetensors& data, const std::string& prefix, const std::vector<Type>& types) {
  std::vector<Array> arrays;
  for (std::size_t k = 0; k < types.size(); ++k)
    arrays.emplace_back(types[k], data.arrays.at(prefix + std::to_string(k)).bytes());
  return arrays;
}

class Conformance : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::filesystem::path path = std::string(JAXC_TEST_DATA "/") + GetParam() + ".jaxpr";
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    jaxpr_ = ir::parse(text.str(), path.string());
    const Safetensors data = Safetensors::load(std::filesystem::path(path).replace_extension(".safetensors"));
    std::vector<Type> constant_types;
    for (ir::Variable constant : jaxpr_.constants) constant_types.push_back(jaxpr_.type(constant));
    constants_ = numbered(data, "const", constant_types);
    inputs_ = numbered(data, "in", jaxpr_.input_types());
    want_ = numbered(data, "out", jaxpr_.output_types());
    tolerance_ = std::stod(data.metadata.at("rtol"));
    const auto partitionable = data.metadata.find("threefry_partitionable");
    if (partitionable != data.metadata.end()) options_.threefry_partitionable = partitionable->second == "true";
  }

  void expect_agreement(const std::function<ir::Plan(const ir::Program&)>& plan, std::uint64_t seed) {
    const compiler::Compilation made = compiler::compile(jaxpr_, constants_, options_, plan);
    const reference::Executable executable(made.program, made.plan);
    const std::vector<Array> got = executable.run(inputs_, reference::Options{seed});
    ASSERT_EQ(got.size(), want_.size());
    for (std::size_t k = 0; k < got.size(); ++k)
      EXPECT_EQ(testing::disagreement(got[k], want_[k], tolerance_), "") << "output " << k;
  }

  ir::Jaxpr jaxpr_;
  std::vector<Array> constants_;
  std::vector<Array> inputs_;
  std::vector<Array> want_;
  double tolerance_ = 0;
  compiler::LowerOptions options_;
};

TEST_P(Conformance, RunsWithEveryArrayInItsOwnMemory) {
  expect_agreement(ir::testing::naive_plan, 1);
}

TEST_P(Conformance, RunsByThePlanForTheCpu) {
  expect_agreement([](const ir::Program& program) { return compiler::plan_cpu(program, {.libraries = false}); }, 2);
}

// Loops whose elements the analysis finds independent give the same, lane after lane in any order.
TEST_P(Conformance, RunsLoopsLaneByLane) {
  int loops = 0;
  const auto plan_in_lanes = [&](const ir::Program& program) {
    ir::Plan plan = ir::testing::naive_plan(program);
    loops = ir::testing::split_loops_in_lanes(program, program.body, plan);
    return plan;
  };
  expect_agreement(plan_in_lanes, 3);
  RecordProperty("loops_in_lanes", loops);
}

INSTANTIATE_TEST_SUITE_P(Reference, Conformance, ::testing::ValuesIn(programs()), [](const auto& program) {
  std::string name = program.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

}  // namespace
}  // namespace jaxc
