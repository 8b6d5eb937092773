// Plans that give arrays one place: those that lose no value are accepted, and those that would lose one refused.
#include <gtest/gtest.h>

#include "ir/placement.h"
#include "jaxc/error.h"
#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

/// Programs over arrays f32[4], written one nest after another.
class Writer {
 public:
  ProgramBuilder b;

  ArrayId array() { return b.array(DType::f32, {4}); }
  /// `result`[i] = -`from`[i], or of the elements in reversed order.
  Node negate(ArrayId from, ArrayId result, bool reversed = false) {
    return node(b.map(result, [&](RegionBuilder& r, std::span<const OpId> i) {
      const Index place = reversed ? at(i[0], -1, 3) : at(i[0]);
      return r.unary(Opcode::neg, r.read(DType::f32, from, {place}));
    }));
  }
  ArrayId then(ArrayId from, bool reversed = false) {
    const ArrayId result = array();
    b.program.body.nodes.push_back(negate(from, result, reversed));
    return result;
  }
};

struct Row {
  std::string name;
  bool good;
  std::function<Program(Writer&)> write;
  std::function<void(Plan&)> change;
};

/// Array `from` takes the place of `to`, `shift` elements further on.
void put(Plan& plan, ArrayId from, ArrayId to, std::int64_t shift = 0) {
  plan.placements[from].buffer = plan.placements[to].buffer;
  plan.placements[from].offset = shift;
}
/// The buffer of `from` takes the memory of that of `to`.
void lay_over(Plan& plan, ArrayId from, ArrayId to) {
  plan.buffers[from].slot = plan.buffers[to].slot;
}
void grow(Plan& plan, ArrayId array) {
  plan.buffers[array].bytes += 16;
  plan.buffers[array].slot = plan.scratch_bytes;
  plan.scratch_bytes += 64;
}

class PlanOverlap : public ::testing::TestWithParam<Row> {};

TEST_P(PlanOverlap, IsJudged) {
  Writer writer;
  const Program program = GetParam().write(writer);
  verify(program);
  Plan plan = naive_plan(program);
  ASSERT_NO_THROW(verify(program, plan));
  GetParam().change(plan);
  if (GetParam().good)
    EXPECT_NO_THROW(verify(program, plan)) << print(program, plan);
  else
    EXPECT_THROW(verify(program, plan), InternalError) << print(program, plan);
}

// x0, then a1 = -x, b2 = -a (reversed or not), c3 = -b; with `again`, d4 = -a too.
std::function<Program(Writer&)> line(bool reversed, bool again) {
  return [=](Writer& w) {
    const ArrayId a = w.then(w.b.input(DType::f32, {4}));
    w.b.output(w.then(w.then(a, reversed)));
    if (again) w.b.output(w.then(a));
    return w.b.finish();
  };
}

const Row straight_line[] = {
    {"InPlace", true, line(false, false), [](Plan& p) { put(p, 2, 1); }},
    {"InPlaceOfWhatIsNeededLater", false, line(false, true), [](Plan& p) { put(p, 2, 1); }},
    {"InPlaceInAnotherOrder", false, line(true, false), [](Plan& p) { put(p, 2, 1); }},
    {"OneElementFurtherOn", false, line(false, false), [](Plan& p) { grow(p, 1), put(p, 2, 1, 1); }},
    {"BesideEachOther", true, line(false, true), [](Plan& p) { grow(p, 1), put(p, 2, 1, 4); }},
    {"TheLastElementOverTheFirst", false, line(false, true),
     [](Plan& p) { grow(p, 1), put(p, 2, 1, 0), p.placements[1].offset = 3; }},
    {"ADescendingArray", false, line(false, true),
     [](Plan& p) { put(p, 2, 1), p.placements[1].offset = 3, p.placements[1].strides = {-1}; }},
    {"TwoBuffersAtOnePlace", false, line(false, true), [](Plan& p) { lay_over(p, 2, 1); }},
    {"InAnOutputThatIsThereAlready", false,
     [](Writer& w) {
       const ArrayId x = w.b.input(DType::f32, {4});
       w.b.output(w.then(x));
       w.b.output(w.then(w.then(x)));
       return w.b.finish();
     },
     [](Plan& p) { put(p, 2, 1); }},
    {"InAConstant", false,
     [](Writer& w) {
       const ArrayId constant = w.array();
       w.b.program.constants.push_back({constant, Array(Type{DType::f32, {4}})});
       w.b.output(w.then(w.then(constant)));
       return w.b.finish();
     },
     [](Plan& p) { put(p, 1, 0); }},
};

// x0, then a1 = -x, reshaped to r2 f32[2,2] and back to s3, and b4 = -s; c5 = -x before the reshape, and d6 = -c.
Program reshaped(Writer& w) {
  const ArrayId x = w.b.input(DType::f32, {4});
  const ArrayId a = w.then(x);
  const ArrayId r = w.b.array(DType::f32, {2, 2});
  const ArrayId s = w.array();
  const ArrayId b = w.array();
  const ArrayId c = w.then(x);
  w.b.add(Reshape{a, r});
  w.b.add(Reshape{r, s});
  w.b.program.body.nodes.push_back(w.negate(s, b));
  w.b.output(b);
  w.b.output(w.then(c));
  return w.b.finish();
}

// x0, a1 = -x, d2 = -a, then u3 = a with the elements -d at the same places; b4 = -u.
Program updated(Writer& w) {
  const ArrayId a = w.then(w.b.input(DType::f32, {4}));
  const ArrayId d = w.then(a);
  const ArrayId u = w.array();
  Node update = w.negate(d, u);
  std::get<Nest>(update.kind).outputs[0].base = a;
  w.b.program.body.nodes.push_back(update);
  w.b.output(w.then(u));
  return w.b.finish();
}

const Row moves[] = {
    {"AReshapeIsAView", true, reshaped, [](Plan& p) { put(p, 2, 1), put(p, 3, 1); }},
    {"AReshapeOneElementFurtherOn", false, reshaped, [](Plan& p) { grow(p, 1), put(p, 2, 1, 1); }},
    {"AReshapeOverWhatIsNeededLater", false, reshaped, [](Plan& p) { put(p, 2, 5); }},
    {"AnUpdateInPlace", true, updated, [](Plan& p) { put(p, 3, 1); }},
    {"AnUpdateOneElementFurtherOn", false, updated, [](Plan& p) { grow(p, 1), put(p, 3, 1, 1); }},
    {"AnUpdateOverItsOperand", false, updated, [](Plan& p) { put(p, 3, 2); }},
};

// x0; outside k1, i2 = initial, s3 f32[4,4]; the loop has position 4, carry argument 5, next 6, result 7, slice 8,
// value 9 stacked to 10; its body is t11 = -argument, w12 = -k reversed, next = -t, value = -slice, e13 = -next; j14 =
// -i just before the loop, and m15 = -k after it, with `later`; then n16 = -result.
std::function<Program(Writer&)> scan(bool later) {
  return [=](Writer& w) {
    const ArrayId x = w.b.input(DType::f32, {4});
    const ArrayId k = w.then(x);
    const ArrayId initial = w.then(x);
    const ArrayId s = w.b.array(DType::f32, {4, 4});
    w.b.add(w.b.map(s, [&](RegionBuilder& r, std::span<const OpId> i) { return w.b.read(r, x, {i[1]}); }));
    Loop loop;
    loop.name = "scan";
    loop.trip_count = 4;
    loop.position = w.b.array(DType::i64);
    const Carry carry{initial, w.array(), w.array(), w.array()};
    const StackedInput slice{s, w.array(), 0};
    const ArrayId value = w.array();
    const StackedOutput stacked{value, w.b.array(DType::f32, {4, 4}), 0};
    const ArrayId t = w.array();
    const ArrayId other = w.array();
    const ArrayId last = w.array();
    loop.carries = {carry};
    loop.inputs = {slice};
    loop.outputs = {stacked};
    loop.body.nodes = {w.negate(carry.argument, t), w.negate(k, other, true), w.negate(t, carry.next),
                       w.negate(slice.argument, value), w.negate(carry.next, last)};
    loop.body.results = {carry.next, value};
    const ArrayId beside = w.then(initial);
    w.b.add(loop);
    const ArrayId after = w.array();
    if (later) w.b.program.body.nodes.push_back(w.negate(k, after));
    w.b.output(w.then(carry.result));
    w.b.output(stacked.result);
    w.b.output(beside);
    if (later) w.b.output(after);
    return w.b.finish();
  };
}

constexpr NodeId scan_node = 4;

void trade(Plan& p) {
  p.loops[scan_node].carries = {CarryMode::doubled};
}

const Row scans[] = {
    {"InPlace", true, scan(false), [](Plan& p) { put(p, 5, 2), put(p, 11, 2), put(p, 6, 2), put(p, 7, 2); }},
    {"AfterWhatTheNextStepReads", false, scan(false), [](Plan& p) { put(p, 12, 1); }},
    {"OverTheNextStepsOperand", false, scan(false), [](Plan& p) { put(p, 11, 1); }},
    {"ThePosition", false, scan(false), [](Plan& p) { put(p, 4, 1); }},
    {"AnArgument", false, scan(false), [](Plan& p) { put(p, 5, 1); }},
    {"AnInitialValueBeforeTheLoop", false, scan(false), [](Plan& p) { put(p, 2, 14); }},
    {"WhatIsSliced", false, scan(false), [](Plan& p) { put(p, 11, 3); }},
    {"ASlice", false, scan(false), [](Plan& p) { put(p, 8, 1); }},
    {"ANextValue", false, scan(false), [](Plan& p) { put(p, 13, 6); }},
    {"AValueToStack", false, scan(false), [](Plan& p) { put(p, 13, 9); }},
    {"AStackedValue", false, scan(false), [](Plan& p) { p.placements[1].buffer = 10; }},
    {"AResult", false, scan(true), [](Plan& p) { put(p, 7, 1); }},
    {"AValueInThePlaceOfTheArgument", true, scan(false), [](Plan& p) { put(p, 9, 5); }},
    {"Doubled", true, scan(false), trade},
    {"InTheOtherOfTwoBuffers", true, scan(false), [](Plan& p) { trade(p), put(p, 11, 6); }},
    {"InMemoryThatTradesPlaces", false, scan(false), [](Plan& p) { trade(p), lay_over(p, 12, 6); }},
    {"InMemoryThatTradedPlaces", false, scan(false), [](Plan& p) { trade(p), lay_over(p, 13, 5); }},
    {"ASliceOfAnotherBuffer", false, scan(false),
     [](Plan& p) {
       p.buffers[11].bytes = 64;
       p.placements[11].loop_strides = {{scan_node, 4}};
       lay_over(p, 11, 3);
     }},
};

// x0, index 1 = -(i32 input), y2 = -x, z3 = -x; a branch to r4 and s5 of the blocks (t6 = -y, u7 = -t, v8 = -t) to v, u
// and (y9 = -z, z10 = -z); n = -r, m = -s; with `later`, o = -y.
std::function<Program(Writer&)> branches(bool later) {
  return [=](Writer& w) {
    const ArrayId x = w.b.input(DType::f32, {4});
    const ArrayId given = w.b.input(DType::i32);
    const auto negated = [&](ArrayId from) {
      const ArrayId result = w.b.array(DType::i32);
      w.b.add(w.b.map(result, [&](RegionBuilder& r, std::span<const OpId>) {
        return r.unary(Opcode::neg, w.b.read(r, from, {}));
      }));
      return result;
    };
    const ArrayId index = negated(given);
    const ArrayId y = w.then(x);
    const ArrayId z = w.then(x);
    Branch branch;
    branch.index = index;
    branch.results = {w.array(), w.array()};
    std::array<ArrayId, 5> inner{};
    for (ArrayId& each : inner) each = w.array();
    Block first;
    first.nodes = {w.negate(y, inner[0]), w.negate(inner[0], inner[1]), w.negate(inner[0], inner[2], true)};
    first.results = {inner[2], inner[1]};
    Block second;
    second.nodes = {w.negate(z, inner[3]), w.negate(z, inner[4])};
    second.results = {inner[3], inner[4]};
    branch.blocks = {first, second};
    const ArrayId other = negated(index);
    w.b.add(branch);
    w.b.output(w.then(branch.results[0]));
    w.b.output(w.then(branch.results[1]));
    w.b.output(other);
    if (later) w.b.output(w.then(y));
    return w.b.finish();
  };
}

const Row choices[] = {
    {"TheIndexBeforeTheBranch", false, branches(false), [](Plan& p) { put(p, 2, 12); }},
    {"ABlocksResult", false, branches(false), [](Plan& p) { put(p, 9, 8); }},
    {"ABranchsResult", false, branches(true), [](Plan& p) { put(p, 5, 3); }},
    {"WhatOnlyTheOtherBlockReads", true, branches(false), [](Plan& p) { put(p, 5, 4); }},
    {"TwoResults", false, branches(false), [](Plan& p) { put(p, 5, 6); }},
};

// x0; while below: c = 7. The condition makes below4 and e5 = not below; the body does not read its argument.
Program conditional(Writer& w) {
  const ArrayId initial = w.b.input(DType::i32);
  Loop loop;
  loop.name = "while";
  loop.position = w.b.array(DType::i64);
  const Carry carry{initial, w.b.array(DType::i32), w.b.array(DType::i32), w.b.array(DType::i32)};
  const ArrayId below = w.b.array(DType::boolean);
  const ArrayId other = w.b.array(DType::boolean);
  loop.carries = {carry};
  loop.condition = Block{};
  loop.condition->nodes = {node(w.b.map(below,
                                        [&](RegionBuilder& r, std::span<const OpId>) {
                                          return r.binary(Opcode::le, w.b.read(r, carry.argument, {}),
                                                          r.integer(DType::i32, 5));
                                        })),
                           node(w.b.map(other, [&](RegionBuilder& r, std::span<const OpId>) {
                             return r.unary(Opcode::bit_not, w.b.read(r, below, {}));
                           }))};
  loop.condition->results = {below};
  loop.body.nodes = {
      node(w.b.map(carry.next, [&](RegionBuilder& r, std::span<const OpId>) { return r.integer(DType::i32, 7); }))};
  loop.body.results = {carry.next};
  w.b.add(loop);
  w.b.output(carry.result);
  return w.b.finish();
}

const Row conditions[] = {
    {"OverTheArgument", false, conditional, [](Plan& p) { put(p, 6, 2); }},
    {"OverTheDecision", false, conditional, [](Plan& p) { put(p, 6, 5); }},
};

// x0, k1 = -x, a2 = -x; a library's routine makes b3 of a; c = -b, and d = -k.
Program routine(Writer& w) {
  const ArrayId x = w.b.input(DType::f32, {4});
  const ArrayId k = w.then(x);
  const ArrayId a = w.then(x);
  Routine routine;
  routine.name = "cholesky";
  routine.matrix = MatrixRoutine{};
  routine.inputs = {a};
  routine.outputs = {w.array()};
  routine.expansion.nodes = {w.negate(a, routine.outputs[0])};
  routine.expansion.results = routine.outputs;
  w.b.add(routine);
  w.b.output(w.then(routine.outputs[0]));
  w.b.output(w.then(k));
  return w.b.finish();
}

void by_library(Plan& p) {
  p.routines[2] = {RoutinePath::library, "", 0, p.scratch_bytes, 64, 1};
  p.scratch_bytes += 64;
}

const Row routines[] = {
    {"ByALibrary", true, routine, by_library},
    {"ByALibraryOverWhatIsNeededLater", false, routine, [](Plan& p) { by_library(p), put(p, 3, 1); }},
    {"ByALibraryOneElementFurtherOn", false, routine, [](Plan& p) { by_library(p), grow(p, 2), put(p, 3, 2, 1); }},
};

const auto row_name = [](const ::testing::TestParamInfo<Row>& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(StraightLine, PlanOverlap, ::testing::ValuesIn(straight_line), row_name);
INSTANTIATE_TEST_SUITE_P(Moves, PlanOverlap, ::testing::ValuesIn(moves), row_name);
INSTANTIATE_TEST_SUITE_P(Scans, PlanOverlap, ::testing::ValuesIn(scans), row_name);
INSTANTIATE_TEST_SUITE_P(Branches, PlanOverlap, ::testing::ValuesIn(choices), row_name);
INSTANTIATE_TEST_SUITE_P(Conditions, PlanOverlap, ::testing::ValuesIn(conditions), row_name);
INSTANTIATE_TEST_SUITE_P(Routines, PlanOverlap, ::testing::ValuesIn(routines), row_name);

}  // namespace
}  // namespace jaxc::ir::testing
