// Builds Programs by hand for tests, and plans that place every array by itself.
#pragma once

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "ir/plan.h"
#include "ir/program.h"
#include "ir/region_builder.h"

namespace jaxc::ir::testing {

/// coefficient * op + offset.
inline Index at(OpId op, std::int64_t coefficient = 1, std::int64_t offset = 0) {
  return Index{offset, {Index::Term{coefficient, op}}};
}

inline Node node(decltype(Node::kind) kind, std::uint32_t line = 0) {
  Node result;
  result.location.line = line;
  result.location.column = line == 0 ? 0 : 1;
  result.kind = std::move(kind);
  return result;
}

class ProgramBuilder {
 public:
  Program program;

  ArrayId array(DType dtype, Shape shape = {}) {
    program.arrays.push_back({dtype, std::move(shape)});
    return static_cast<ArrayId>(program.arrays.size() - 1);
  }
  ArrayId input(DType dtype, Shape shape = {}) {
    const ArrayId id = array(dtype, shape);
    program.inputs.push_back({id, Type{dtype, std::move(shape)}});
    return id;
  }
  void output(ArrayId array) {
    program.outputs.push_back({array, Type{program.arrays[array].dtype, program.arrays[array].shape}});
    program.body.results.push_back(array);
  }
  void add(decltype(Node::kind) kind, std::uint32_t line = 0) {
    program.body.nodes.push_back(node(std::move(kind), line));
  }

  using Pointwise = std::function<OpId(RegionBuilder&, std::span<const OpId>)>;

  /// result[i, ...] = body(i, ...) over the result's whole shape.
  Nest map(ArrayId result, const Pointwise& body) const {
    Nest nest;
    RegionBuilder builder;
    std::vector<OpId> axes;
    NestOutput output;
    output.result = result;
    for (std::int64_t extent : program.arrays[result].shape) {
      nest.axes.push_back({extent, AxisKind::parallel});
      axes.push_back(builder.axis(static_cast<int>(axes.size())));
      output.indices.push_back(at(axes.back()));
    }
    const OpId value = body(builder, axes);
    nest.body = builder.finish({value});
    nest.outputs = {output};
    return nest;
  }
  /// The element of `array` at the positions `ops`.
  OpId read(RegionBuilder& builder, ArrayId array, std::span<const OpId> ops) const {
    std::vector<Index> indices;
    for (OpId op : ops) indices.push_back(at(op));
    return builder.read(program.arrays[array].dtype, array, indices);
  }
  OpId read(RegionBuilder& builder, ArrayId array, std::initializer_list<OpId> ops) const {
    return read(builder, array, std::span<const OpId>(ops.begin(), ops.size()));
  }
  /// (accumulator, value) -> merge.
  static Region step(Opcode merge, DType dtype) {
    RegionBuilder builder;
    const OpId accumulator = builder.argument(dtype);
    const OpId value = builder.argument(dtype);
    const OpId result = builder.binary(merge, accumulator, value);
    return builder.finish({result});
  }

  /// Numbers the nodes and gives the Program.
  Program finish() {
    program.node_count = 0;
    number(program.body);
    return std::move(program);
  }

 private:
  void number(Block& block) {
    for (Node& node : block.nodes) {
      node.id = program.node_count++;
      if (auto* loop = std::get_if<Loop>(&node.kind)) {
        if (loop->condition) number(*loop->condition);
        number(loop->body);
      } else if (auto* branch = std::get_if<Branch>(&node.kind)) {
        for (Block& inner : branch->blocks) number(inner);
      } else if (auto* routine = std::get_if<Routine>(&node.kind)) {
        number(routine->expansion);
      }
    }
  }
};

/// Every array in row-major memory of its own, every axis serial, every carry copied.
inline Plan naive_plan(const Program& program) {
  Plan plan;
  for (const ProgramArray& array : program.arrays) {
    Placement placement;
    placement.buffer = static_cast<BufferId>(plan.buffers.size());
    placement.strides.resize(array.shape.size());
    std::int64_t count = 1;
    for (std::size_t k = array.shape.size(); k-- > 0; count *= array.shape[k]) placement.strides[k] = count;
    const std::int64_t bytes = count * static_cast<std::int64_t>(element_bytes(array.dtype));
    plan.buffers.push_back({Storage::scratch, bytes, plan.scratch_bytes});
    plan.scratch_bytes += (bytes + 63) / 64 * 64;
    plan.placements.push_back(placement);
  }
  const auto fix = [&](ArrayId array, Storage storage, std::size_t slot) {
    plan.buffers[array].storage = storage;
    plan.buffers[array].slot = static_cast<std::int64_t>(slot);
  };
  for (std::size_t k = 0; k < program.inputs.size(); ++k) fix(program.inputs[k].array, Storage::input, k);
  for (std::size_t k = 0; k < program.constants.size(); ++k) fix(program.constants[k].array, Storage::constant, k);
  for (std::size_t k = 0; k < program.outputs.size(); ++k) fix(program.outputs[k].array, Storage::output, k);
  visit_nodes(program.body, [&](const Node& node) {
    if (const auto* nest = std::get_if<Nest>(&node.kind)) {
      NestPlan& schedule = plan.nests[node.id];
      for (std::size_t k = 0; k < nest->axes.size(); ++k) schedule.order.push_back(static_cast<int>(k));
      schedule.axes.resize(nest->axes.size());
    } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
      plan.loops[node.id].carries.assign(loop->carries.size(), CarryMode::copied);
    }
  });
  return plan;
}

/// A Program with every kind of node: x f32[4,3], index i32, initial f32[3] to
/// 0: stacked[t] = carry_t * y[t], with carry_{t+1} = carry_t + y[t] and y = 2 x
/// 1: -(last carry), or -initial where index is not 0
/// 2: y flattened, with 1 + 2 + ... added to element 1 by four colliding stores whose guard drops position 2
/// 3: row sums of y
/// 4: the smallest power of two above 5, by a loop with a condition
inline Program sample_program() {
  ProgramBuilder b;
  const ArrayId x = b.input(DType::f32, {4, 3});
  const ArrayId index = b.input(DType::i32);
  const ArrayId initial = b.input(DType::f32, {3});

  const ArrayId y = b.array(DType::f32, {4, 3});
  b.add(b.map(y,
              [&](RegionBuilder& r, std::span<const OpId> i) {
                return r.binary(Opcode::mul, b.read(r, x, i), r.constant(DType::f32, 2));
              }),
        1);

  const ArrayId flat = b.array(DType::f32, {12});
  b.add(Reshape{y, flat}, 2);

  const ArrayId sums = b.array(DType::f32, {4});
  {
    RegionBuilder r;
    const OpId i = r.axis(0);
    const OpId j = r.axis(1);
    const OpId value = b.read(r, y, {i, j});
    Nest nest;
    nest.axes = {{4, AxisKind::parallel}, {3, AxisKind::reduced}};
    nest.body = r.finish({value});
    nest.reduction =
        Reduction{{constant_of(DType::f32, 0)}, ProgramBuilder::step(Opcode::add, DType::f32), Opcode::add};
    nest.outputs = {NestOutput{sums, std::nullopt, {at(i)}, std::nullopt, std::nullopt}};
    b.add(nest, 3);
  }

  const ArrayId updated = b.array(DType::f32, {12});
  {
    RegionBuilder r;
    const OpId i = r.axis(0);
    const OpId one = r.integer(DType::i64, 1);
    const OpId value = r.convert(DType::f32, r.binary(Opcode::add, i, one));
    const OpId guard = r.binary(Opcode::ne, i, r.integer(DType::i64, 2));
    Nest nest;
    nest.axes = {{4, AxisKind::ordered}};
    nest.body = r.finish({value});
    nest.outputs = {NestOutput{updated, flat, {at(one)}, guard, ProgramBuilder::step(Opcode::add, DType::f32)}};
    b.add(nest, 4);
  }

  const ArrayId last = b.array(DType::f32, {3});
  const ArrayId stacked = b.array(DType::f32, {4, 3});
  {
    Loop loop;
    loop.name = "scan";
    loop.trip_count = 4;
    loop.position = b.array(DType::i64);
    const Carry carry{initial, b.array(DType::f32, {3}), b.array(DType::f32, {3}), last};
    const StackedInput slice{y, b.array(DType::f32, {3}), 0};
    const StackedOutput output{b.array(DType::f32, {3}), stacked, 0};
    loop.carries = {carry};
    loop.inputs = {slice};
    loop.outputs = {output};
    RegionBuilder r;
    const OpId i = r.axis(0);
    const OpId c = b.read(r, carry.argument, {i});
    const OpId s = b.read(r, slice.argument, {i});
    const OpId sum = r.binary(Opcode::add, c, s);
    const OpId product = r.binary(Opcode::mul, c, s);
    Nest nest;
    nest.axes = {{3, AxisKind::parallel}};
    nest.body = r.finish({sum, product});
    nest.outputs = {NestOutput{carry.next, std::nullopt, {at(i)}, std::nullopt, std::nullopt},
                    NestOutput{output.value, std::nullopt, {at(i)}, std::nullopt, std::nullopt}};
    loop.body.nodes.push_back(node(nest, 6));
    loop.body.results = {carry.next, output.value};
    b.add(loop, 5);
  }

  const ArrayId chosen = b.array(DType::f32, {3});
  {
    Branch branch;
    branch.index = index;
    branch.results = {chosen};
    const ArrayId copy = b.array(DType::f32, {3});
    Block first;
    first.nodes.push_back(
        node(b.map(copy, [&](RegionBuilder& r, std::span<const OpId> i) { return b.read(r, last, i); }), 8));
    first.results = {copy};
    Block second;
    second.results = {initial};
    branch.blocks = {first, second};
    b.add(branch, 7);
  }

  const ArrayId negated = b.array(DType::f32, {3});
  {
    Routine routine;
    routine.name = "negate";
    routine.inputs = {chosen};
    routine.outputs = {negated};
    routine.expansion.nodes.push_back(node(
        b.map(negated,
              [&](RegionBuilder& r, std::span<const OpId> i) { return r.unary(Opcode::neg, b.read(r, chosen, i)); }),
        10));
    routine.expansion.results = {negated};
    b.add(routine, 9);
  }

  const ArrayId one = b.array(DType::i64);
  b.add(b.map(one, [](RegionBuilder& r, std::span<const OpId>) { return r.integer(DType::i64, 1); }), 11);
  const ArrayId power = b.array(DType::i64);
  {
    Loop loop;
    loop.name = "while";
    loop.position = b.array(DType::i64);
    const Carry carry{one, b.array(DType::i64), b.array(DType::i64), power};
    const ArrayId below = b.array(DType::boolean);
    loop.carries = {carry};
    loop.condition = Block{};
    loop.condition->nodes.push_back(node(b.map(below, [&](RegionBuilder& r, std::span<const OpId>) {
      return r.binary(Opcode::le, b.read(r, carry.argument, {}), r.integer(DType::i64, 5));
    })));
    loop.condition->results = {below};
    loop.body.nodes.push_back(node(b.map(carry.next, [&](RegionBuilder& r, std::span<const OpId>) {
      const OpId value = b.read(r, carry.argument, {});
      return r.binary(Opcode::add, value, value);
    })));
    loop.body.results = {carry.next};
    b.add(loop, 12);
  }
  for (ArrayId array : {stacked, negated, updated, sums, power}) b.output(array);
  return b.finish();
}

}  // namespace jaxc::ir::testing
