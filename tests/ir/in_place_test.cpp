// Which nests may store over what they read: rows of indices and guards, each with the reason it may or may not.
#include "ir/in_place.h"

#include <gtest/gtest.h>

#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

/// What a row's body is written with: points k of an axis of 4, a number s that all points share, arrays of 8.
struct Body {
  RegionBuilder& builder;
  OpId k;
  OpId s;
  ArrayId x;

  OpId sum() { return builder.binary(Opcode::add, k, s); }
  /// min(k + s, 7): several points may have one.
  OpId clamped() { return builder.binary(Opcode::min, sum(), builder.integer(DType::i64, 7)); }
  OpId inside() { return builder.binary(Opcode::le, sum(), builder.integer(DType::i64, 7)); }
  OpId positive() { return builder.binary(Opcode::le, builder.integer(DType::i64, 0), sum()); }
  OpId read(Index index) { return builder.read(DType::f32, x, {std::move(index)}); }
  OpId read(Index index, OpId guard) {
    return builder.read(DType::f32, x, {std::move(index)}, guard, builder.constant(DType::f32, 0));
  }
};

struct Stored {
  OpId value;
  Index index;
  std::optional<OpId> guard = std::nullopt;
};

struct Row {
  std::string name;
  bool in_place;
  std::function<Stored(Body&)> body;
  AxisKind axis = AxisKind::parallel;
};

const Row rows[] = {
    {"SameElement", true, [](Body& b) { return Stored{b.read(at(b.k)), at(b.k)}; }},
    {"AnotherElement", false, [](Body& b) { return Stored{b.read(at(b.k, 1, 1)), at(b.k)}; }},
    {"NothingRead", true, [](Body& b) { return Stored{b.builder.constant(DType::f32, 1), at(b.k)}; }},
    {"ComputedElementOfEveryPoint", true, [](Body& b) { return Stored{b.read(at(b.clamped())), at(b.clamped())}; }},
    {"ClampedElementThatOnePointStores", false,
     [](Body& b) { return Stored{b.read(at(b.clamped())), at(b.clamped()), b.inside()}; }},
    {"ReadUnderTheGuard", true,
     [](Body& b) { return Stored{b.read(at(b.clamped()), b.inside()), at(b.clamped()), b.inside()}; }},
    {"ReadUnderAStrongerGuard", true,
     [](Body& b) {
       const OpId both = b.builder.binary(Opcode::bit_and, b.positive(), b.inside());
       return Stored{b.read(at(b.clamped()), both), at(b.clamped()), b.inside()};
     }},
    {"ReadUnderAWeakerGuard", false,
     [](Body& b) {
       const OpId both = b.builder.binary(Opcode::bit_and, b.positive(), b.inside());
       return Stored{b.read(at(b.clamped()), b.inside()), at(b.clamped()), both};
     }},
    {"GuardedElementsOfTheirOwn", true,
     [](Body& b) {
       const Index index{0, {{1, b.k}, {1, b.s}}};
       return Stored{b.read(index), index, b.inside()};
     }},
    {"OrderedPointsMayMeet", false, [](Body& b) { return Stored{b.read(at(b.clamped())), at(b.clamped())}; },
     AxisKind::ordered},
    {"OrderedPointsThatDoNotMeet", true, [](Body& b) { return Stored{b.read(at(b.k)), at(b.k)}; }, AxisKind::ordered},
};

TEST(InPlace, HoldsWhereOnlyTheReaderStores) {
  for (const Row& row : rows) {
    ProgramBuilder b;
    const ArrayId x = b.input(DType::f32, {8});
    const ArrayId start = b.input(DType::i64);
    const ArrayId result = b.array(DType::f32, {8});
    Nest nest;
    nest.axes.push_back({4, row.axis});
    RegionBuilder builder;
    const OpId k = builder.axis(0);
    Body body{builder, k, b.read(builder, start, {}), x};
    Stored stored = row.body(body);
    nest.outputs.push_back({result, x, {stored.index}, stored.guard, std::nullopt});
    nest.body = builder.finish({stored.value});
    EXPECT_EQ(updates_in_place(b.program, nest, nest.outputs[0], x), row.in_place) << row.name;
  }
}

TEST(InPlace, NeedsTheElementsOfTheResult) {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::f32, {8});
  const ArrayId wide = b.array(DType::f64, {8});
  const ArrayId bits = b.array(DType::i32, {8});
  const auto nest = [&](ArrayId result) {
    return b.map(result, [&](RegionBuilder& builder, std::span<const OpId> axes) {
      const OpId element = b.read(builder, x, axes);
      return result == bits ? builder.bitcast(DType::i32, element) : builder.convert(DType::f64, element);
    });
  };
  const Nest widened = nest(wide);
  const Nest renamed = nest(bits);
  EXPECT_FALSE(updates_in_place(b.program, widened, widened.outputs[0], x));
  EXPECT_TRUE(updates_in_place(b.program, renamed, renamed.outputs[0], x));
}

TEST(InPlace, LeavesTheBaseOfAnotherOutput) {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::f32, {8});
  const ArrayId y = b.input(DType::f32, {8});
  Nest nest = b.map(b.array(DType::f32, {8}),
                    [&](RegionBuilder& builder, std::span<const OpId>) { return builder.constant(DType::f32, 1); });
  nest.outputs.push_back(nest.outputs[0]);
  nest.outputs[1].result = b.array(DType::f32, {8});
  nest.body.results.push_back(nest.body.results[0]);
  nest.outputs[0].base = y;
  nest.outputs[1].base = x;
  EXPECT_FALSE(updates_in_place(b.program, nest, nest.outputs[0], x));
  EXPECT_TRUE(updates_in_place(b.program, nest, nest.outputs[1], x));
}

}  // namespace
}  // namespace jaxc::ir::testing
