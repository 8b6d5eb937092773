// Loops under every way to keep carries: copied, doubled, in place, in registers, unrolled, in lanes.
#include <gtest/gtest.h>

#include <random>

#include "backends/reference/reference.h"
#include "jaxc/error.h"
#include "tests/ir/program_builder.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

using namespace ir;           // NOLINT: tests name many parts of ir
using namespace ir::testing;  // NOLINT

/// carry' = carry / 2 + x[t], y[t] = carry * carry' over a batch; a counter beside it; stacked along `axis`.
struct Recurrence {
  Program program;
  NodeId loop = 0;
  Carry carry;
  Carry counter;
  StackedInput slice;
  StackedOutput output;
  NodeId step = 0;  ///< the nest that computes next and output
};

Recurrence recurrence(std::int64_t steps, std::int64_t batch, bool reverse, int axis, bool with_condition = false) {
  ProgramBuilder b;
  Recurrence result;
  Shape shape = {batch};
  shape.insert(shape.begin() + axis, steps);
  const ArrayId x = b.input(DType::f32, shape);
  const ArrayId initial = b.input(DType::f32, {batch});
  const ArrayId zero = b.array(DType::i32);
  b.add(b.map(zero, [](RegionBuilder& r, std::span<const OpId>) { return r.integer(DType::i32, 0); }));
  result.carry = {initial, b.array(DType::f32, {batch}), b.array(DType::f32, {batch}), b.array(DType::f32, {batch})};
  result.counter = {zero, b.array(DType::i32), b.array(DType::i32), b.array(DType::i32)};
  Loop loop;
  loop.trip_count = with_condition ? 0 : steps;
  loop.reverse = reverse;
  loop.position = b.array(DType::i64);
  loop.carries = {result.carry, result.counter};
  if (with_condition) {
    loop.condition = Block{};
    const ArrayId more = b.array(DType::boolean);
    loop.condition->nodes.push_back(node(b.map(more, [&](RegionBuilder& r, std::span<const OpId>) {
      return r.binary(Opcode::lt, b.read(r, result.counter.argument, {}), r.integer(DType::i32, steps));
    })));
    loop.condition->results = {more};
  } else {
    result.slice = {x, b.array(DType::f32, {batch}), axis};
    result.output = {b.array(DType::f32, {batch}), b.array(DType::f32, shape), axis};
    loop.inputs = {result.slice};
    loop.outputs = {result.output};
  }
  RegionBuilder r;
  const OpId i = r.axis(0);
  const OpId old = b.read(r, result.carry.argument, {i});
  const OpId input = with_condition ? r.constant(DType::f32, 1) : b.read(r, result.slice.argument, {i});
  const OpId next = r.binary(Opcode::add, r.binary(Opcode::mul, old, r.constant(DType::f32, 0.5)), input);
  const OpId product = r.binary(Opcode::mul, old, next);
  Nest nest;
  nest.axes = {{batch, AxisKind::parallel}};
  nest.outputs = {NestOutput{result.carry.next, std::nullopt, {at(i)}, std::nullopt, std::nullopt}};
  if (with_condition) {
    nest.body = r.finish({next});
  } else {
    nest.body = r.finish({next, product});
    nest.outputs.push_back({result.output.value, std::nullopt, {at(i)}, std::nullopt, std::nullopt});
  }
  loop.body.nodes.push_back(node(nest));
  loop.body.nodes.push_back(node(b.map(result.counter.next, [&](RegionBuilder& r, std::span<const OpId>) {
    return r.binary(Opcode::add, b.read(r, result.counter.argument, {}), r.integer(DType::i32, 1));
  })));
  loop.body.results = {result.carry.next, result.counter.next};
  if (!with_condition) loop.body.results.push_back(result.output.value);
  b.add(loop);
  b.output(result.carry.result);
  b.output(result.counter.result);
  if (!with_condition) b.output(result.output.result);
  result.program = b.finish();
  visit_nodes(result.program.body, [&](const Node& node) {
    if (std::holds_alternative<Loop>(node.kind)) result.loop = node.id;
    if (const auto* nest = std::get_if<Nest>(&node.kind))
      if (nest->outputs[0].result == result.carry.next) result.step = node.id;
  });
  ir::verify(result.program);
  return result;
}

Array random_floats(const Shape& shape) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& value : values) value = normal(random);
  return Array::of<float>(shape, std::span<const float>(values));
}

void check(const Recurrence& r, const Plan& plan, const std::string& what) {
  std::vector<Array> inputs;
  for (const Interface& input : r.program.inputs) inputs.push_back(random_floats(input.type.shape));
  SCOPED_TRACE(what);
  const std::vector<Array> want = reference::Executable(r.program, naive_plan(r.program)).run(inputs);
  const std::vector<Array> got = testing::run(r.program, plan, inputs);
  for (std::size_t k = 0; k < want.size(); ++k)
    ASSERT_EQ(testing::disagreement(got[k], want[k], 1e-6), "") << what << ", output " << k;
}

BufferId add_buffer(Plan& plan, Storage storage, std::int64_t bytes) {
  plan.buffers.push_back({storage, bytes, 0});
  return static_cast<BufferId>(plan.buffers.size() - 1);
}

void use_views(const Recurrence& r, Plan& plan) {
  const auto view = [&](ArrayId part, ArrayId whole, int axis) {
    Placement place = plan.placements[whole];
    place.loop_strides.push_back({r.loop, place.strides[static_cast<std::size_t>(axis)]});
    place.strides.erase(place.strides.begin() + axis);
    plan.placements[part] = place;
  };
  view(r.slice.argument, r.slice.source, r.slice.axis);
  view(r.output.value, r.output.result, r.output.axis);
}

/// Carries, slices and the position in registers, rows in lanes.
void use_registers(const Recurrence& r, Plan& plan, std::int64_t batch, int width) {
  for (ArrayId array : {r.carry.argument, r.carry.next})
    plan.placements[array].buffer = add_buffer(plan, Storage::registers, 4 * batch);
  for (ArrayId array : {r.counter.argument, r.counter.next})
    plan.placements[array].buffer = add_buffer(plan, Storage::registers, 4);
  plan.nests[r.step].axes[0] = {Schedule::lanes, width};
}

TEST(Loops, CopiedDoubledAndInPlace) {
  for (std::int64_t steps : {0, 1, 2, 5})
    for (bool reverse : {false, true})
      for (int axis : {0, 1}) {
        const Recurrence r = recurrence(steps, 21, reverse, axis);
        Plan plan = naive_plan(r.program);
        const std::string what = fmt::format("{} steps, reverse {}, axis {}", steps, reverse, axis);
        check(r, plan, what + ", copied");
        plan.loops[r.loop].carries[0] = CarryMode::doubled;
        check(r, plan, what + ", doubled");
        use_views(r, plan);
        check(r, plan, what + ", doubled with views");
        plan.loops[r.loop].unrolled = true;
        check(r, plan, what + ", doubled and unrolled");
        plan.loops[r.loop].unrolled = false;
        plan.loops[r.loop].carries[0] = CarryMode::in_place;
        plan.placements[r.carry.next] = plan.placements[r.carry.argument];
        check(r, plan, what + ", in place");
        plan.placements[r.carry.argument] = plan.placements[r.carry.next] = plan.placements[r.carry.result];
        check(r, plan, what + ", in place in the output");
      }
}

TEST(Loops, Registers) {
  for (std::int64_t steps : {0, 1, 3})
    for (int width : {2, 8, 16})
      for (bool unrolled : {false, true}) {
        const Recurrence r = recurrence(steps, 13, true, 0);
        Plan plan = naive_plan(r.program);
        use_registers(r, plan, 13, width);
        plan.loops[r.loop].unrolled = unrolled;
        check(r, plan, fmt::format("{} steps, width {}", steps, width));
        use_views(r, plan);
        check(r, plan, fmt::format("{} steps, width {}, views", steps, width));
      }
}

TEST(Loops, WithCondition) {
  for (std::int64_t steps : {0, 1, 4, 7}) {
    const Recurrence r = recurrence(steps, 13, false, 0, true);
    Plan plan = naive_plan(r.program);
    check(r, plan, "copied");
    plan.loops[r.loop].carries[0] = CarryMode::doubled;
    check(r, plan, "doubled");
    plan.loops[r.loop].carries[0] = CarryMode::copied;
    use_registers(r, plan, 13, 16);
    check(r, plan, "registers");
  }
}

TEST(Loops, Lanes) {
  for (std::int64_t batch : {1, 8, 21, 64})
    for (int width : {1, 8})
      for (int axis : {0, 1})
        for (const Storage storage : {Storage::registers, Storage::stack}) {
          const Recurrence r = recurrence(5, batch, true, axis);
          Plan plan = naive_plan(r.program);
          use_views(r, plan);
          LoopPlan& loop = plan.loops[r.loop];
          loop.lane_extents = {batch};
          loop.lane_width = width;
          plan.nests[r.step].axes[0] = {Schedule::loop_lane, width};
          for (ArrayId array : {r.carry.argument, r.carry.next}) {
            plan.placements[array].buffer = add_buffer(plan, storage, 4);
            plan.placements[array].strides = {0};
          }
          for (ArrayId array : {r.carry.argument, r.carry.next, r.slice.argument, r.output.value})
            plan.placements[array].lane_dimensions = {0};
          for (ArrayId array : {r.counter.argument, r.counter.next}) {
            plan.placements[array].buffer = add_buffer(plan, storage, 4);
            plan.placements[array].lane_dimensions = {-1};
          }
          check(r, plan, fmt::format("batch {}, width {}, axis {}, {}", batch, width, axis, name(storage)));
        }
}

TEST(Executable, RefusesWrongCounts) {
  const Recurrence r = recurrence(2, 3, false, 0);
  const CpuExecutable executable(r.program, naive_plan(r.program));
  try {
    executable.run({}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "run: the program has 2 inputs and 3 outputs, got 0 and 0");
  }
  EXPECT_NE(llvm_ir(r.program, naive_plan(r.program)).find("define void @jaxc_program"), std::string::npos);
  EXPECT_NE(assembly(r.program, naive_plan(r.program)).find("jaxc_program:"), std::string::npos);
}

}  // namespace
}  // namespace jaxc::cpu
