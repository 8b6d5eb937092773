// Updates of carried arrays under the planners' plans: no point reads what another stores, in any order of points.
#include <gtest/gtest.h>

#include "backends/reference/reference.h"
#include "compiler/plan/cpu.h"
#include "compiler/plan/gpu.h"
#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

using reference::Executable;
using reference::Options;

constexpr std::int64_t length = 5;

/// Each step s replaces x[i] by 2 x[i] + other[i], i = min(s + k, 4) for k in 0..3, where s + k <= 4. With `crossed`
/// there are two such carries, updated by one nest, and the update of each is based on the other.
Program updating_program(bool crossed) {
  ProgramBuilder b;
  const ArrayId left = b.input(DType::i32, {length});
  const ArrayId right = b.input(DType::i32, {length});
  Loop loop;
  loop.trip_count = length;
  loop.position = b.array(DType::i64);
  for (const ArrayId initial : {left, right}) {
    const ArrayId argument = b.array(DType::i32, {length});
    const ArrayId next = b.array(DType::i32, {length});
    loop.carries.push_back({initial, argument, next, b.array(DType::i32, {length})});
  }
  const ArrayId x = loop.carries[0].argument;
  const ArrayId y = loop.carries[1].argument;

  Nest nest;
  nest.axes.push_back({4, AxisKind::parallel});
  RegionBuilder builder;
  const OpId k = builder.axis(0);
  const OpId wanted = builder.binary(Opcode::add, b.read(builder, loop.position, {}), k);
  const OpId last = builder.integer(DType::i64, length - 1);
  const OpId i = builder.binary(Opcode::min, wanted, last);
  const OpId doubled = builder.binary(Opcode::mul, b.read(builder, x, {i}), builder.integer(DType::i32, 2));
  const OpId value = builder.binary(Opcode::add, doubled, b.read(builder, y, {i}));
  const OpId inside = builder.binary(Opcode::le, wanted, last);
  nest.outputs.push_back({loop.carries[0].next, crossed ? y : x, {at(i)}, inside, std::nullopt});
  nest.outputs.push_back({loop.carries[1].next, crossed ? x : y, {at(i)}, inside, std::nullopt});
  nest.body = builder.finish({value, value});
  loop.body.nodes.push_back(node(std::move(nest)));
  loop.body.results = {loop.carries[0].next, loop.carries[1].next};
  const Loop kept = loop;
  b.add(std::move(loop));
  b.output(kept.carries[0].result);
  b.output(kept.carries[1].result);
  return b.finish();
}

std::vector<std::int32_t> ints(const Array& array) {
  const auto span = array.values<std::int32_t>();
  return {span.begin(), span.end()};
}

TEST(InPlace, GuardedUpdatesAtClampedElementsDoNotRace) {
  for (const bool crossed : {false, true}) {
    const Program program = updating_program(crossed);
    verify(program);
    std::vector<std::int32_t> x{1, 2, 3, 4, 5};
    std::vector<std::int32_t> y{10, 20, 30, 40, 50};
    const std::vector<Array> inputs{Array::of<std::int32_t>({length}, std::span<const std::int32_t>(x)),
                                    Array::of<std::int32_t>({length}, std::span<const std::int32_t>(y))};
    for (std::size_t s = 0; s < 5; ++s) {
      if (crossed) std::swap(x, y);
      for (std::size_t i = s; i < std::min<std::size_t>(s + 4, 5); ++i) {
        const std::int32_t old_x = crossed ? y[i] : x[i];
        const std::int32_t old_y = crossed ? x[i] : y[i];
        x[i] = y[i] = 2 * old_x + old_y;
      }
    }
    compiler::GpuPlanOptions shared;
    shared.registers_work = 0;
    for (const Plan& plan : {naive_plan(program), compiler::plan_cpu(program, {.libraries = false}),
                             compiler::plan_gpu(program), compiler::plan_gpu(program, shared)}) {
      const Executable executable(program, plan);
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        const std::vector<Array> got = executable.run(inputs, Options{seed});
        EXPECT_EQ(ints(got[0]), x) << crossed;
        EXPECT_EQ(ints(got[1]), y) << crossed;
      }
    }
  }
}

}  // namespace
}  // namespace jaxc::ir::testing
