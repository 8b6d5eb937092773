// Hand-built Programs under many plans: the reference interpreter says what each must give.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "backends/reference/reference.h"
#include "compiler/plan/cpu.h"
#include "tests/ir/program_builder.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

using namespace ir;           // NOLINT: tests name many parts of ir
using namespace ir::testing;  // NOLINT

Array random_array(const Type& type, std::mt19937& random) {
  Array array(type);
  const auto count = static_cast<std::size_t>(element_count(type.shape));
  if (type.dtype == DType::f32) {
    std::normal_distribution<float> normal;
    auto* values = reinterpret_cast<float*>(array.mutable_bytes().data());
    for (std::size_t k = 0; k < count; ++k) values[k] = normal(random);
  } else {
    for (std::byte& byte : array.mutable_bytes()) byte = static_cast<std::byte>(random() % 2);
  }
  return array;
}

/// Any schedule that the rules allow: axes in a random order (reduced ones last), lanes of a random width somewhere.
void randomize(const Program& program, Plan& plan, std::mt19937& random) {
  visit_nodes(program.body, [&](const Node& node) {
    const auto* nest = std::get_if<Nest>(&node.kind);
    if (nest == nullptr) return;
    NestPlan& schedule = plan.nests[node.id];
    const auto kind = [&](int axis) { return nest->axes[static_cast<std::size_t>(axis)].kind; };
    const bool ordered = std::any_of(nest->axes.begin(), nest->axes.end(),
                                     [](const Axis& axis) { return axis.kind == AxisKind::ordered; });
    if (!ordered) {
      std::shuffle(schedule.order.begin(), schedule.order.end(), random);
      std::stable_sort(schedule.order.begin(), schedule.order.end(),
                       [&](int a, int b) { return (kind(a) == AxisKind::reduced) < (kind(b) == AxisKind::reduced); });
      if (nest->reduction && !nest->reduction->merge) {
        std::stable_sort(schedule.order.begin(), schedule.order.end(), [&](int a, int b) {
          return kind(a) == AxisKind::reduced && kind(b) == AxisKind::reduced && a < b;
        });
      }
    }
    int lanes = 0;
    bool blocks = ordered || nest->reduction.has_value();
    for (std::size_t axis = 0; axis < schedule.axes.size(); ++axis) {
      const bool may_be_lanes = nest->axes[axis].kind == AxisKind::parallel ||
                                (nest->axes[axis].kind == AxisKind::reduced && nest->reduction->merge);
      const auto choice = random() % 3;
      if (choice == 0 && nest->axes[axis].extent <= 16) schedule.axes[axis].schedule = Schedule::unrolled;
      if (choice == 1 && may_be_lanes && lanes < 2)
        schedule.axes[axis] = {Schedule::lanes, ++lanes == 1 ? 1 << (1 + random() % 4) : 2};
      if (choice == 2 && !blocks) {
        schedule.axes[axis] = {Schedule::serial, 1 << (1 + random() % 4)};
        blocks = true;
      }
    }
  });
}

void expect_same(const Program& program, const Plan& plan, std::span<const Array> inputs,
                 const std::vector<Array>& want, const std::string& what) {
  const std::vector<Array> got = testing::run(program, plan, inputs);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t k = 0; k < want.size(); ++k)
    ASSERT_EQ(testing::disagreement(got[k], want[k], 1e-5), "") << what << ", output " << k << "\n"
                                                                << print(program, plan);
}

void check(const Program& program, int rounds = 12) {
  ir::verify(program);
  std::mt19937 random(7);
  std::vector<Array> inputs;
  for (const Interface& input : program.inputs) inputs.push_back(random_array(input.type, random));
  const Plan naive = naive_plan(program);
  const std::vector<Array> want = reference::Executable(program, naive).run(inputs);
  expect_same(program, naive, inputs, want, "naive plan");
  expect_same(program, compiler::plan_cpu(program), inputs, want, "CPU plan");
  for (int round = 0; round < rounds; ++round) {
    Plan plan = naive;
    randomize(program, plan, random);
    expect_same(program, plan, inputs, want, fmt::format("random plan {}", round));
  }
}

TEST(Plans, EveryKindOfNode) {
  check(sample_program());
}

/// result[i, j] = sum over k, l of x[i, k, l] y[l, k, j], and the largest x[i, k, l] y[l, k, j].
Program contraction(Shape extents) {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::f32, {extents[0], extents[2], extents[3]});
  const ArrayId y = b.input(DType::f32, {extents[3], extents[2], extents[1]});
  for (const Opcode merge : {Opcode::add, Opcode::max}) {
    const ArrayId result = b.array(DType::f32, {extents[0], extents[1]});
    RegionBuilder r;
    const OpId i = r.axis(0);
    const OpId j = r.axis(1);
    const OpId k = r.axis(2);
    const OpId l = r.axis(3);
    const OpId value = r.binary(Opcode::mul, b.read(r, x, {i, k, l}), b.read(r, y, {l, k, j}));
    Nest nest;
    nest.axes = {{extents[0], AxisKind::parallel},
                 {extents[1], AxisKind::parallel},
                 {extents[2], AxisKind::reduced},
                 {extents[3], AxisKind::reduced}};
    nest.body = r.finish({value});
    const double initial = merge == Opcode::add ? 0 : -INFINITY;
    nest.reduction = Reduction{{constant_of(DType::f32, initial)}, ProgramBuilder::step(merge, DType::f32), merge};
    nest.outputs = {NestOutput{result, std::nullopt, {at(i), at(j)}, std::nullopt, std::nullopt}};
    b.add(nest);
    b.output(result);
  }
  return b.finish();
}

TEST(Plans, Contractions) {
  for (const Shape& extents :
       {Shape{3, 5, 7, 2}, Shape{1, 16, 4, 33}, Shape{4, 4, 4, 1}, Shape{2, 37, 19, 3}, Shape{2, 3, 0, 5}})
    check(contraction(extents));
}

/// Padding, reversal, transposition and a gather in one nest; a scatter with a guard.
Program indexing(std::int64_t rows, std::int64_t columns) {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::f32, {columns, rows});
  const ArrayId where = b.input(DType::i64, {columns});
  const ArrayId result = b.array(DType::f32, {rows, columns});
  b.add(b.map(result, [&](RegionBuilder& r, std::span<const OpId> i) {
    const OpId turned = r.read(DType::f32, x, {at(i[1], -1, columns - 1), at(i[0])});
    const OpId chosen = r.binary(Opcode::rem, b.read(r, where, {i[1]}), r.integer(DType::i64, columns));
    const OpId bounded = r.binary(Opcode::max, chosen, r.integer(DType::i64, 0));
    const OpId gathered = r.read(DType::f32, x, {at(bounded), at(i[0])});
    const OpId inside = r.binary(Opcode::lt, i[1], r.integer(DType::i64, columns - 1));
    const OpId padded = r.read(DType::f32, x, {at(i[1], 1, 1), at(i[0])}, inside, r.constant(DType::f32, -3));
    return r.binary(Opcode::add, r.binary(Opcode::mul, turned, gathered), padded);
  }));
  const ArrayId updated = b.array(DType::f32, {rows, columns});
  RegionBuilder r;
  const OpId i = r.axis(0);
  const OpId value = r.convert(DType::f32, i);
  const OpId guard = r.binary(Opcode::ne, i, r.integer(DType::i64, 1));
  Nest nest;
  nest.axes = {{std::min(rows, columns), AxisKind::parallel}};
  nest.body = r.finish({value});
  nest.outputs = {NestOutput{updated, result, {at(i), at(i)}, guard, ProgramBuilder::step(Opcode::sub, DType::f32)}};
  b.add(nest);
  const ArrayId flat = b.array(DType::f32, {columns, rows});
  b.add(Reshape{updated, flat});
  b.output(flat);
  return b.finish();
}

TEST(Plans, Indexing) {
  for (const auto& [rows, columns] : {std::pair{3, 5}, {1, 40}, {17, 2}, {8, 16}, {13, 13}})
    check(indexing(rows, columns));
}

/// First index of the largest element: a reduction whose step is no single operation.
TEST(Plans, ReductionsWithoutMerge) {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::f32, {4, 9});
  const ArrayId largest = b.array(DType::f32, {4});
  const ArrayId index = b.array(DType::i64, {4});
  RegionBuilder r;
  const OpId i = r.axis(0);
  const OpId k = r.axis(1);
  Nest nest;
  nest.axes = {{4, AxisKind::parallel}, {9, AxisKind::reduced}};
  nest.body = r.finish({b.read(r, x, {i, k}), k});
  RegionBuilder s;
  const OpId best = s.argument(DType::f32);
  const OpId at_best = s.argument(DType::i64);
  const OpId value = s.argument(DType::f32);
  const OpId position = s.argument(DType::i64);
  const OpId better = s.binary(Opcode::lt, best, value);
  const OpId new_best = s.select(better, value, best);
  const OpId new_index = s.select(better, position, at_best);
  nest.reduction = Reduction{{constant_of(DType::f32, -INFINITY), constant_of_integer(DType::i64, 0)},
                             s.finish({new_best, new_index}),
                             std::nullopt};
  nest.outputs = {NestOutput{largest, std::nullopt, {at(i)}, std::nullopt, std::nullopt},
                  NestOutput{index, std::nullopt, {at(i)}, std::nullopt, std::nullopt}};
  b.add(nest);
  b.output(largest);
  b.output(index);
  check(b.finish());
}

}  // namespace
}  // namespace jaxc::cpu
