// The analysis of independent axes on small loops, and the same results lane after lane in random order.
#include "compiler/plan/independent_axes.h"

#include <gtest/gtest.h>

#include "backends/reference/reference.h"
#include "jaxc/error.h"
#include "tests/ir/program_builder.h"
#include "tests/reference/lane_plan.h"

namespace jaxc::ir::testing {
namespace {

constexpr std::int64_t batch = 4;
constexpr std::int64_t width = 6;
constexpr std::int64_t steps = 3;

/// A loop over c f32[4,6] with a stacked input x f32[3,4,6], whose body a test writes.
class LoopBuilder {
 public:
  ProgramBuilder b;
  Loop loop;
  ArrayId weights = b.input(DType::f32, {width, width});
  ArrayId places = b.input(DType::i64, {width});
  ArrayId carried = 0;  ///< f32[4,6]
  ArrayId slice = 0;    ///< f32[4,6]

  LoopBuilder() {
    const ArrayId initial = b.input(DType::f32, {batch, width});
    const ArrayId stacked = b.input(DType::f32, {steps, batch, width});
    loop.name = "scan";
    loop.trip_count = steps;
    loop.position = b.array(DType::i64);
    carried = b.array(DType::f32, {batch, width});
    slice = b.array(DType::f32, {batch, width});
    loop.carries = {Carry{initial, carried, 0, b.array(DType::f32, {batch, width})}};
    loop.inputs = {StackedInput{stacked, slice, 0}};
  }

  ArrayId add(Shape shape, const ProgramBuilder::Pointwise& body, DType dtype = DType::f32) {
    return add(loop.body, std::move(shape), body, dtype);
  }
  ArrayId add(Block& block, Shape shape, const ProgramBuilder::Pointwise& body, DType dtype = DType::f32) {
    const ArrayId result = b.array(dtype, std::move(shape));
    block.nodes.push_back(node(b.map(result, body)));
    return result;
  }
  /// Sums body(i..., j) over j < extent.
  ArrayId sum(Shape shape, std::int64_t extent, const ProgramBuilder::Pointwise& body) {
    const ArrayId result = b.array(DType::f32, shape);
    shape.push_back(extent);
    const ArrayId whole = b.array(DType::f32, shape);
    Nest nest = b.map(whole, body);
    b.program.arrays.pop_back();
    nest.axes.back().kind = AxisKind::reduced;
    nest.reduction =
        Reduction{{constant_of(DType::f32, 0)}, ProgramBuilder::step(Opcode::add, DType::f32), Opcode::add};
    nest.outputs[0].result = result;
    nest.outputs[0].indices.pop_back();
    loop.body.nodes.push_back(node(nest));
    return result;
  }
  OpId half(RegionBuilder& r, OpId value) const { return r.binary(Opcode::mul, value, r.constant(DType::f32, 0.5)); }

  /// The Program, once the body's next value is known; `output` is stacked when given.
  Program finish(ArrayId next, std::optional<ArrayId> output = std::nullopt) {
    loop.carries[0].next = next;
    for (const Carry& carry : loop.carries) loop.body.results.push_back(carry.next);
    if (output) {
      Shape shape = b.program.arrays[*output].shape;
      shape.insert(shape.begin(), steps);
      loop.outputs = {StackedOutput{*output, b.array(DType::f32, shape), 0}};
      loop.body.results.push_back(*output);
    }
    const Loop copy = loop;
    b.add(std::move(loop));
    for (const Carry& carry : copy.carries) b.output(carry.result);
    for (const StackedOutput& stacked : copy.outputs) b.output(stacked.result);
    return b.finish();
  }
};

struct Row {
  std::string_view name;
  std::string_view axes;  ///< printed; empty for none
  Program (*make)();
};

const Row rows[] = {
    {"elementwise", "4 x 6",
     [] {
       LoopBuilder l;
       return l.finish(l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::add, l.half(r, l.b.read(r, l.carried, i)), l.b.read(r, l.slice, i));
       }));
     }},
    {"product_with_weights", "4",
     [] {
       LoopBuilder l;
       return l.finish(l.sum({batch, width}, width, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::mul, l.b.read(r, l.carried, {i[0], i[2]}), l.b.read(r, l.weights, {i[2], i[1]}));
       }));
     }},
    {"product_through_stacked_value", "4",
     [] {
       LoopBuilder l;
       const ArrayId product = l.sum({batch, width}, width, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::mul, l.b.read(r, l.carried, {i[0], i[2]}), l.b.read(r, l.weights, {i[2], i[1]}));
       });
       return l.finish(l.add({batch, width},
                             [&](RegionBuilder& r, std::span<const OpId> i) {
                               return r.binary(Opcode::add, l.half(r, l.b.read(r, product, i)),
                                               l.b.read(r, l.slice, i));
                             }),
                       product);
     }},
    {"mixed_along_the_batch", "6",
     [] {
       LoopBuilder l;
       return l.finish(l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.read(DType::f32, l.carried, {at(i[0], -1, batch - 1), at(i[1])});
       }));
     }},
    {"shifted_within_a_guard", "4",
     [] {
       LoopBuilder l;
       return l.finish(l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         const OpId inside = r.binary(Opcode::lt, i[1], r.integer(DType::i64, width - 1));
         return r.read(DType::f32, l.carried, {at(i[0]), at(i[1], 1, 1)}, inside, r.constant(DType::f32, 1));
       }));
     }},
    {"gathered_across_the_width", "4",
     [] {
       LoopBuilder l;
       return l.finish(l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return l.b.read(r, l.carried, {i[0], l.b.read(r, l.places, {i[1]})});
       }));
     }},
    {"sum_of_everything", "",
     [] {
       LoopBuilder l;
       const ArrayId sums =
           l.sum({batch}, width, [&](RegionBuilder& r, std::span<const OpId> i) { return l.b.read(r, l.carried, i); });
       const ArrayId total =
           l.sum({}, batch, [&](RegionBuilder& r, std::span<const OpId> i) { return l.b.read(r, sums, i); });
       return l.finish(l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::sub, l.b.read(r, l.carried, i), l.half(r, l.b.read(r, total, {})));
       }));
     }},
    {"reshaped_and_back", "4",
     [] {
       LoopBuilder l;
       const ArrayId split = l.b.array(DType::f32, {batch, 2, width / 2});
       l.loop.body.nodes.push_back(node(Reshape{l.carried, split}));
       const ArrayId sums = l.sum({batch, 2}, width / 2,
                                  [&](RegionBuilder& r, std::span<const OpId> i) { return l.b.read(r, split, i); });
       const ArrayId spread = l.add({batch, 2, width / 2}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::add, l.b.read(r, split, i), l.half(r, l.b.read(r, sums, {i[0], i[1]})));
       });
       const ArrayId next = l.b.array(DType::f32, {batch, width});
       l.loop.body.nodes.push_back(node(Reshape{spread, next}));
       return l.finish(next);
     }},
    {"filled_inside", "4 x 6",
     [] {
       LoopBuilder l;
       const ArrayId ones =
           l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId>) { return r.constant(DType::f32, 1); });
       return l.finish(l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::add, l.b.read(r, l.carried, i), l.b.read(r, ones, i));
       }));
     }},
    {"updated_at_the_position", "4",
     [] {
       LoopBuilder l;
       const ArrayId next = l.b.array(DType::f32, {batch, width});
       RegionBuilder r;
       const OpId i = r.axis(0);
       const OpId position = l.b.read(r, l.loop.position, {});
       const OpId value = l.half(r, l.b.read(r, l.carried, {i, position}));
       Nest nest;
       nest.axes = {{batch, AxisKind::parallel}};
       nest.body = r.finish({value});
       nest.outputs = {NestOutput{next, l.carried, {at(i), at(position)}, std::nullopt, std::nullopt}};
       l.loop.body.nodes.push_back(node(nest));
       return l.finish(next);
     }},
    {"with_a_counter_and_a_branch", "4 x 6",
     [] {
       LoopBuilder l;
       const Carry counter{l.b.input(DType::i32), l.b.array(DType::i32), l.b.array(DType::i32), l.b.array(DType::i32)};
       l.loop.carries.push_back(counter);
       l.loop.body.nodes.push_back(node(l.b.map(counter.next, [&](RegionBuilder& r, std::span<const OpId>) {
         return r.binary(Opcode::add, l.b.read(r, counter.argument, {}), r.integer(DType::i32, 1));
       })));
       Branch branch;
       branch.index = counter.argument;
       branch.results = {l.b.array(DType::f32, {batch, width})};
       Block first;
       first.results = {l.slice};
       Block second;
       second.results = {l.add(second, {batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.unary(Opcode::neg, l.b.read(r, l.carried, i));
       })};
       branch.blocks = {first, second};
       const ArrayId chosen = branch.results[0];
       l.loop.body.nodes.push_back(node(branch));
       return l.finish(l.add({batch, width}, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::add, l.b.read(r, l.carried, i), l.half(r, l.b.read(r, chosen, i)));
       }));
     }},
    {"inner_loop_over_the_width", "4",
     [] {
       LoopBuilder l;
       Loop inner;
       inner.name = "inner";
       inner.trip_count = width;
       inner.position = l.b.array(DType::i64);
       const ArrayId zeros =
           l.add({batch}, [](RegionBuilder& r, std::span<const OpId>) { return r.constant(DType::f32, 0); });
       const Carry carry{zeros, l.b.array(DType::f32, {batch}), l.b.array(DType::f32, {batch}),
                         l.b.array(DType::f32, {batch})};
       const StackedInput column{l.carried, l.b.array(DType::f32, {batch}), 1};
       const StackedOutput prefix{l.b.array(DType::f32, {batch}), l.b.array(DType::f32, {batch, width}), 1};
       inner.carries = {carry};
       inner.inputs = {column};
       inner.outputs = {prefix};
       inner.body.nodes.push_back(node(l.b.map(carry.next, [&](RegionBuilder& r, std::span<const OpId> i) {
         return r.binary(Opcode::add, l.b.read(r, carry.argument, i), l.b.read(r, column.argument, i));
       })));
       inner.body.nodes.push_back(node(l.b.map(prefix.value, [&](RegionBuilder& r, std::span<const OpId> i) {
         return l.half(r, l.b.read(r, carry.next, i));
       })));
       inner.body.results = {carry.next, prefix.value};
       l.loop.body.nodes.push_back(node(inner));
       return l.finish(prefix.result, carry.result);
     }},
};

const Loop& only_loop(const Program& program) {
  return std::get<Loop>(program.body.nodes.back().kind);
}

class IndependentAxesTest : public ::testing::TestWithParam<Row> {};

TEST_P(IndependentAxesTest, AreFoundAndGiveTheSameLaneByLane) {
  const Program program = GetParam().make();
  verify(program);
  const auto axes = compiler::independent_axes(program, program.body.nodes.back());
  ASSERT_EQ(axes ? print(*axes) : "", GetParam().axes) << print(program);

  std::vector<Array> inputs;
  for (const Interface& input : program.inputs) {
    Array value(input.type);
    const std::span<std::byte> bytes = value.mutable_bytes();
    for (std::int64_t k = 0; k < element_count(input.type.shape); ++k) {
      const std::int64_t small = (k * 7 + 3) % 6;
      if (input.type.dtype == DType::f32)
        reinterpret_cast<float*>(bytes.data())[k] = static_cast<float>(small) * 0.5f - 1;
      else if (input.type.dtype == DType::i64)
        reinterpret_cast<std::int64_t*>(bytes.data())[k] = small;
    }
    inputs.push_back(value);
  }
  const Plan plan = naive_plan(program);
  verify(program, plan);
  const std::vector<Array> want = reference::Executable(program, plan).run(inputs);
  if (!axes) return;
  Plan in_lanes = plan;
  split_in_lanes(program, program.body.nodes.back(), *axes, in_lanes);
  verify(program, in_lanes);
  const reference::Executable executable(program, in_lanes);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const std::vector<Array> got = executable.run(inputs, reference::Options{seed});
    for (std::size_t k = 0; k < want.size(); ++k) {
      if (want[k].type().dtype != DType::f32) continue;
      for (std::size_t e = 0; e < want[k].values<float>().size(); ++e)
        EXPECT_NEAR(got[k].values<float>()[e], want[k].values<float>()[e], 1e-5) << k << " " << e;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, IndependentAxesTest, ::testing::ValuesIn(rows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(IndependentAxesOfConditionalLoops, EndAtAConditionThatLooksAtAllElements) {
  for (bool looks : {false, true}) {
    ProgramBuilder b;
    const ArrayId initial = b.input(DType::f32, {batch});
    const ArrayId zero = b.input(DType::i64);
    Loop loop;
    loop.name = "while";
    loop.position = b.array(DType::i64);
    const Carry values{initial, b.array(DType::f32, {batch}), b.array(DType::f32, {batch}),
                       b.array(DType::f32, {batch})};
    const Carry counter{zero, b.array(DType::i64), b.array(DType::i64), b.array(DType::i64)};
    loop.carries = {values, counter};
    loop.condition = Block{};
    const ArrayId more = b.array(DType::boolean);
    if (looks) {
      const ArrayId sum = b.array(DType::f32);
      RegionBuilder r;
      const OpId value = b.read(r, values.argument, {r.axis(0)});
      Nest nest;
      nest.axes = {{batch, AxisKind::reduced}};
      nest.body = r.finish({value});
      nest.reduction =
          Reduction{{constant_of(DType::f32, 0)}, ProgramBuilder::step(Opcode::add, DType::f32), Opcode::add};
      nest.outputs = {NestOutput{sum, std::nullopt, {}, std::nullopt, std::nullopt}};
      loop.condition->nodes.push_back(node(nest));
      loop.condition->nodes.push_back(node(b.map(more, [&](RegionBuilder& builder, std::span<const OpId>) {
        return builder.binary(Opcode::lt, b.read(builder, sum, {}), builder.constant(DType::f32, 100));
      })));
    } else {
      loop.condition->nodes.push_back(node(b.map(more, [&](RegionBuilder& builder, std::span<const OpId>) {
        return builder.binary(Opcode::lt, b.read(builder, counter.argument, {}), builder.integer(DType::i64, 3));
      })));
    }
    loop.condition->results = {more};
    loop.body.nodes.push_back(node(b.map(values.next, [&](RegionBuilder& r, std::span<const OpId> i) {
      const OpId value = b.read(r, values.argument, i);
      return r.binary(Opcode::add, value, r.unary(Opcode::abs, value));
    })));
    loop.body.nodes.push_back(node(b.map(counter.next, [&](RegionBuilder& r, std::span<const OpId>) {
      return r.binary(Opcode::add, b.read(r, counter.argument, {}), r.integer(DType::i64, 1));
    })));
    loop.body.results = {values.next, counter.next};
    b.add(loop);
    b.output(values.result);
    const Program program = b.finish();
    verify(program);
    const auto axes = compiler::independent_axes(program, program.body.nodes.back());
    EXPECT_EQ(axes.has_value(), !looks);
    if (!axes) continue;
    EXPECT_EQ(axes->dimensions.at(only_loop(program).carries[0].result), (std::vector<int>{0}));
    EXPECT_FALSE(axes->dimensions.contains(only_loop(program).carries[1].argument));
    Plan plan = naive_plan(program);
    split_in_lanes(program, program.body.nodes.back(), *axes, plan);
    const auto got =
        reference::Executable(program, plan)
            .run(std::vector<Array>{Array::of<float>({batch}, {1, 2, -3, 4}), Array::of<std::int64_t>({}, {0})});
    const auto span = got[0].values<float>();
    EXPECT_EQ(std::vector<float>(span.begin(), span.end()), (std::vector<float>{8, 16, 0, 32}));
  }
}

// An analysis that were wrong would be found out: lanes that meet are reported.
TEST(IndependentAxesChecks, LanesThatMeetInSharedMemoryAreARace) {
  const Program program = rows[3].make();  // mixes the batch
  compiler::IndependentAxes wrong;
  wrong.extents = {batch};
  const Loop& loop = only_loop(program);
  wrong.dimensions = {{loop.carries[0].argument, {0}}, {loop.carries[0].next, {0}}};
  wrong.nest_axes = {{loop.body.nodes[0].id, {0}}};
  Plan plan = naive_plan(program);
  split_in_lanes(program, program.body.nodes.back(), wrong, plan);
  for (const ArrayId array : {loop.carries[0].argument, loop.carries[0].next}) {  // back to memory that lanes share
    plan.placements[array].strides = {width, 1};
    plan.buffers[plan.placements[array].buffer].storage = Storage::shared;
    plan.buffers[plan.placements[array].buffer].bytes = batch * width * 4;
  }
  std::vector<Array> inputs;
  for (const Interface& input : program.inputs) inputs.emplace_back(input.type);
  try {
    reference::Executable(program, plan).run(inputs);
    ADD_FAILURE();
  } catch (const InternalError& error) {
    const std::string_view message = error.what();
    EXPECT_TRUE(message.find("race") != std::string_view::npos ||
                message.find("nothing was written") != std::string_view::npos)
        << message;
  }
}

}  // namespace
}  // namespace jaxc::ir::testing
