// Every kind of node through the interpreter, against values computed by hand-written loops.
#include <gtest/gtest.h>

#include <random>

#include "backends/reference/reference.h"
#include "jaxc/error.h"
#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

using reference::Executable;
using reference::Options;

std::vector<float> values(const Array& array) {
  const auto span = array.values<float>();
  return {span.begin(), span.end()};
}

TEST(ReferenceNodes, SampleProgramGivesItsFormulas) {
  const Program program = sample_program();
  verify(program);
  const Plan plan = naive_plan(program);
  verify(program, plan);
  const Executable executable(program, plan);
  std::vector<float> x(12);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k) * 0.5f - 2;
  const std::vector<float> initial = {1, -1, 0.25f};

  for (std::int32_t index : {0, 1, -5, 7}) {
    std::vector<float> carry = initial;
    std::vector<float> stacked;
    std::vector<float> sums;
    std::vector<float> flat;
    for (std::size_t t = 0; t < 4; ++t) {
      float sum = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        const float y = 2 * x[3 * t + k];
        stacked.push_back(carry[k] * y);
        carry[k] += y;
        sum += y;
        flat.push_back(y);
      }
      sums.push_back(sum);
    }
    flat[1] += 1 + 2 + 4;
    std::vector<float> negated;
    for (std::size_t k = 0; k < 3; ++k) negated.push_back(index <= 0 ? -carry[k] : -initial[k]);

    const std::vector<Array> inputs = {Array::of<float>({4, 3}, std::span<const float>(x)),
                                       Array::of<std::int32_t>({}, {index}),
                                       Array::of<float>({3}, std::span<const float>(initial))};
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const std::vector<Array> got = executable.run(inputs, Options{seed});
      ASSERT_EQ(got.size(), 5U);
      EXPECT_EQ(values(got[0]), stacked);
      EXPECT_EQ(values(got[1]), negated);
      EXPECT_EQ(values(got[2]), flat);
      EXPECT_EQ(values(got[3]), sums);
      EXPECT_EQ(got[4].values<std::int64_t>()[0], 8);
    }
  }
}

TEST(ReferenceNodes, ReversedLoopVisitsPositionsDownwards) {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::i64, {5});
  const ArrayId zero = b.input(DType::i64);
  Loop loop;
  loop.trip_count = 5;
  loop.reverse = true;
  loop.position = b.array(DType::i64);
  const Carry carry{zero, b.array(DType::i64), b.array(DType::i64), b.array(DType::i64)};
  const StackedInput slice{x, b.array(DType::i64), 0};
  const StackedOutput output{b.array(DType::i64), b.array(DType::i64, {5}), 0};
  loop.carries = {carry};
  loop.inputs = {slice};
  loop.outputs = {output};
  loop.body.nodes.push_back(node(b.map(carry.next, [&](RegionBuilder& r, std::span<const OpId>) {
    const OpId ten = r.integer(DType::i64, 10);
    return r.binary(Opcode::add, r.binary(Opcode::mul, b.read(r, carry.argument, {}), ten),
                    b.read(r, slice.argument, {}));
  })));
  loop.body.nodes.push_back(node(b.map(output.value, [&](RegionBuilder& r, std::span<const OpId>) {
    return r.binary(Opcode::add, b.read(r, carry.next, {}), b.read(r, loop.position, {}));
  })));
  loop.body.results = {carry.next, output.value};
  b.add(loop);
  b.output(output.result);
  b.output(carry.result);
  const Program program = b.finish();
  verify(program);
  const Executable executable(program, naive_plan(program));
  const auto got = executable.run(
      std::vector<Array>{Array::of<std::int64_t>({5}, {1, 2, 3, 4, 5}), Array::of<std::int64_t>({}, {0})});
  const auto stacked = got[0].values<std::int64_t>();
  EXPECT_EQ(std::vector<std::int64_t>(stacked.begin(), stacked.end()),
            (std::vector<std::int64_t>{54321, 5432 + 1, 543 + 2, 54 + 3, 5 + 4}));
  EXPECT_EQ(got[1].values<std::int64_t>()[0], 54321);
}

// Two carries that change places: next of each is the argument of the other.
Program swapping_program(std::int64_t steps) {
  ProgramBuilder b;
  const ArrayId left = b.input(DType::f32, {2});
  const ArrayId right = b.input(DType::f32, {2});
  Loop loop;
  loop.trip_count = steps;
  loop.position = b.array(DType::i64);
  const ArrayId first = b.array(DType::f32, {2});
  const ArrayId second = b.array(DType::f32, {2});
  loop.carries = {Carry{left, first, second, b.array(DType::f32, {2})},
                  Carry{right, second, first, b.array(DType::f32, {2})}};
  loop.body.results = {second, first};
  const Loop copy = loop;
  b.add(std::move(loop));
  b.output(copy.carries[0].result);
  b.output(copy.carries[1].result);
  return b.finish();
}

TEST(ReferenceNodes, CarriesSwap) {
  for (std::int64_t steps : {0, 1, 2, 3}) {
    const Program program = swapping_program(steps);
    verify(program);
    const Plan plan = naive_plan(program);
    verify(program, plan);
    const auto got =
        Executable(program, plan).run(std::vector<Array>{Array::of<float>({2}, {1, 2}), Array::of<float>({2}, {3, 4})});
    EXPECT_EQ(values(got[0]), steps % 2 == 0 ? (std::vector<float>{1, 2}) : (std::vector<float>{3, 4}));
    EXPECT_EQ(values(got[1]), steps % 2 == 1 ? (std::vector<float>{1, 2}) : (std::vector<float>{3, 4}));
  }
}

// carry' = 2 carry + 1 over f32[4]; the argument's, next's and result's arrays are 1 + position, ...
struct Doubling {
  Program program;
  ArrayId initial = 0;
  Carry carry;
  NodeId loop = 0;
};

Doubling doubling_program(std::int64_t steps, bool mirrored = false) {
  ProgramBuilder b;
  Doubling d;
  d.initial = b.input(DType::f32, {4});
  Loop loop;
  loop.trip_count = steps;
  loop.position = b.array(DType::i64);
  const ArrayId start = b.array(DType::f32, {4});
  b.add(b.map(start, [&](RegionBuilder& r, std::span<const OpId> i) { return b.read(r, d.initial, i); }));
  d.carry = Carry{start, b.array(DType::f32, {4}), b.array(DType::f32, {4}), b.array(DType::f32, {4})};
  loop.carries = {d.carry};
  loop.body.nodes.push_back(node(b.map(d.carry.next, [&](RegionBuilder& r, std::span<const OpId> i) {
    const OpId old =
        mirrored ? r.read(DType::f32, d.carry.argument, {at(i[0], -1, 3)}) : b.read(r, d.carry.argument, i);
    return r.binary(Opcode::add, r.binary(Opcode::mul, old, r.constant(DType::f32, 2)), r.constant(DType::f32, 1));
  })));
  loop.body.results = {d.carry.next};
  b.add(loop);
  b.output(d.carry.result);
  d.program = b.finish();
  d.loop = 1;
  return d;
}

std::vector<float> doubled(std::vector<float> x, std::int64_t steps, bool mirrored) {
  for (std::int64_t step = 0; step < steps; ++step) {
    if (mirrored) std::reverse(x.begin(), x.end());
    for (float& value : x) value = 2 * value + 1;
  }
  return x;
}

TEST(ReferenceCarries, EachModeGivesTheSame) {
  const std::vector<float> x = {1, 2, 3, 4};
  for (bool mirrored : {false, true}) {
    for (std::int64_t steps : {0, 1, 2, 5}) {
      const Doubling d = doubling_program(steps, mirrored);
      verify(d.program);
      for (CarryMode mode : {CarryMode::copied, CarryMode::doubled, CarryMode::in_place}) {
        if (mirrored && mode == CarryMode::in_place) continue;
        Plan plan = naive_plan(d.program);
        plan.loops[d.loop].carries = {mode};
        if (mode == CarryMode::in_place) {
          plan.placements[d.carry.next] = plan.placements[d.carry.argument];
          plan.placements[d.carry.initial] = plan.placements[d.carry.argument];
        }
        verify(d.program, plan);
        const auto got = Executable(d.program, plan).run(std::vector<Array>{Array::of<float>({4}, std::span(x))});
        EXPECT_EQ(values(got[0]), doubled(x, steps, mirrored)) << name(mode) << " " << steps;
      }
    }
  }
}

void expect_error(const std::function<void()>& action, const std::string& part) {
  try {
    action();
    ADD_FAILURE() << "no error; expected: " << part;
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(ReferenceChecks, InPlaceCarryReadElsewhereIsARaceAndRefusedByTheVerifier) {
  const Doubling d = doubling_program(3, true);
  Plan plan = naive_plan(d.program);
  plan.loops[d.loop].carries = {CarryMode::in_place};
  plan.placements[d.carry.next] = plan.placements[d.carry.argument];
  expect_error([&] { verify(d.program, plan); }, "overwrites a3, which is needed later");
  const std::vector<Array> inputs = {Array::of<float>({4}, {1, 2, 3, 4})};
  const Executable executable(d.program, plan);
  expect_error([&] { executable.run(inputs); }, "race: two parallel points meet");
  expect_error([&] { executable.run(inputs, Options{0, false, true}); }, "a3 is read where a4 was written since");
}

TEST(ReferenceChecks, SharedMemoryOfLiveArraysIsFound) {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::f32, {4});
  std::vector<ArrayId> steps = {x};
  for (int k = 0; k < 3; ++k) {
    const ArrayId next = b.array(DType::f32, {4});
    b.add(b.map(next,
                [&](RegionBuilder& r, std::span<const OpId> i) {
                  const OpId old = b.read(r, steps.back(), i);
                  if (k < 2) return r.binary(Opcode::add, old, r.constant(DType::f32, 1));
                  return r.binary(Opcode::mul, old, b.read(r, steps[1], i));
                }),
          20 + static_cast<std::uint32_t>(k));
    steps.push_back(next);
  }
  b.output(steps.back());
  const Program program = b.finish();
  Plan plan = naive_plan(program);
  verify(program, plan);
  plan.placements[steps[2]] = plan.placements[steps[1]];  // steps[1] is still needed
  expect_error([&] { verify(program, plan); }, "node 1 (line 21:1): a2 overwrites a1, which is needed later");
  const Executable executable(program, plan);
  expect_error([&] { executable.run(std::vector<Array>{Array::of<float>({4}, {1, 2, 3, 4})}); },
               "node 2 (line 22:1): a1 is read where a2 was written");
}

TEST(ReferenceChecks, CollidingParallelStoresAreARace) {
  for (AxisKind kind : {AxisKind::parallel, AxisKind::ordered}) {
    ProgramBuilder b;
    const ArrayId x = b.input(DType::f32, {4});
    const ArrayId bins = b.input(DType::i64, {4});
    const ArrayId base = b.array(DType::f32, {2});
    b.add(b.map(base, [](RegionBuilder& r, std::span<const OpId>) { return r.constant(DType::f32, 0); }));
    const ArrayId sums = b.array(DType::f32, {2});
    RegionBuilder r;
    const OpId i = r.axis(0);
    const OpId value = b.read(r, x, {i});
    const OpId bin = b.read(r, bins, {i});
    Nest nest;
    nest.axes = {{4, kind}};
    nest.body = r.finish({value});
    nest.outputs = {NestOutput{sums, base, {at(bin)}, std::nullopt, ProgramBuilder::step(Opcode::add, DType::f32)}};
    b.add(nest, 5);
    b.output(sums);
    const Program program = b.finish();
    verify(program);
    const Executable executable(program, naive_plan(program));
    const auto inputs = [](std::initializer_list<std::int64_t> bins_of) {
      return std::vector<Array>{Array::of<float>({4}, {1, 2, 3, 4}), Array::of<std::int64_t>({4}, bins_of)};
    };
    if (kind == AxisKind::ordered) {
      EXPECT_EQ(values(executable.run(inputs({0, 1, 0, 1}))[0]), (std::vector<float>{4, 6}));
    } else {
      expect_error([&] { executable.run(inputs({0, 1, 0, 1})); }, "node 1 (line 5:1): race");
    }
    expect_error([&] { executable.run(inputs({0, 1, 2, 1})); }, "is stored at index 2 of dimension 0");
  }
}

TEST(ReferenceChecks, GatheredReadOutOfBoundsIsFoundAndAGuardPreventsIt) {
  for (bool guarded : {false, true}) {
    ProgramBuilder b;
    const ArrayId x = b.input(DType::f32, {3});
    const ArrayId places = b.input(DType::i64, {2});
    const ArrayId result = b.array(DType::f32, {2});
    b.add(b.map(result, [&](RegionBuilder& r, std::span<const OpId> i) {
      const OpId place = b.read(r, places, i);
      if (!guarded) return b.read(r, x, {place});
      const OpId inside = r.binary(Opcode::lt, place, r.integer(DType::i64, 3));
      return r.read(DType::f32, x, {at(place)}, inside, r.constant(DType::f32, -7));
    }));
    b.output(result);
    const Program program = b.finish();
    verify(program);
    const Executable executable(program, naive_plan(program));
    const std::vector<Array> inputs = {Array::of<float>({3}, {1, 2, 3}), Array::of<std::int64_t>({2}, {2, 3})};
    if (guarded)
      EXPECT_EQ(values(executable.run(inputs)[0]), (std::vector<float>{3, -7}));
    else
      expect_error([&] { executable.run(inputs); }, "a0 is read at index 3 of dimension 0, whose extent is 3");
  }
}

TEST(ReferenceChecks, WrongInputsAreTheCallersFault) {
  const Program program = sample_program();
  const Executable executable(program, naive_plan(program));
  EXPECT_THROW(executable.run({}), Error);
  EXPECT_THROW(executable.run(std::vector<Array>{Array::of<float>({4}, {1, 2, 3, 4}), Array::of<std::int32_t>({}, {1}),
                                                 Array::of<float>({3}, {1, 2, 3})}),
               Error);
}

TEST(ReferenceReductions, OrderIsFreeOnlyWithMerge) {
  for (bool merge : {false, true}) {
    ProgramBuilder b;
    const ArrayId x = b.input(DType::f32, {64});
    const ArrayId sum = b.array(DType::f32);
    RegionBuilder r;
    const OpId value = b.read(r, x, {r.axis(0)});
    Nest nest;
    nest.axes = {{64, AxisKind::reduced}};
    nest.body = r.finish({value});
    nest.reduction = Reduction{{constant_of(DType::f32, 0)},
                               ProgramBuilder::step(Opcode::add, DType::f32),
                               merge ? std::optional(Opcode::add) : std::nullopt};
    nest.outputs = {NestOutput{sum, std::nullopt, {}, std::nullopt, std::nullopt}};
    b.add(nest);
    b.output(sum);
    const Program program = b.finish();
    verify(program);
    const Executable executable(program, naive_plan(program));
    std::mt19937 random(3);
    std::vector<float> x_values(64);
    float in_order = 0;
    for (float& each : x_values) in_order += each = std::ldexp(static_cast<float>(random() % 1000), random() % 20);
    std::vector<float> results;
    bool differs = false;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const float got =
          executable.run(std::vector<Array>{Array::of<float>({64}, std::span<const float>(x_values))}, Options{seed})[0]
              .values<float>()[0];
      EXPECT_NEAR(got, in_order, std::abs(in_order) * 1e-5);
      differs = differs || got != in_order;
    }
    EXPECT_EQ(differs, merge);
  }
}

}  // namespace
}  // namespace jaxc::ir::testing
