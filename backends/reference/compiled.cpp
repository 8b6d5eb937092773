// Prepares nodes: scalar code, and which moves the plan leaves to be made.
#include "backends/reference/compiled.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/placement.h"
#include "jaxc/error.h"

namespace jaxc::reference {

using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::Plan;
using ir::Program;

namespace {

// The nest's axis that is each lane axis of the loop around: the one that indexes that dimension of a result.
std::vector<int> lane_axes(const Nest& nest, const Node& node, const Plan& plan) {
  std::vector<int> result;
  for (const ir::NestOutput& output : nest.outputs) {
    const std::vector<int>& dimensions = plan.placements[output.result].lane_dimensions;
    result.resize(std::max(result.size(), dimensions.size()), -1);
    for (std::size_t lane = 0; lane < dimensions.size(); ++lane) {
      if (dimensions[lane] < 0) continue;
      const ir::Index& index = output.indices.at(static_cast<std::size_t>(dimensions[lane]));
      if (index.terms.size() != 1 || index.offset != 0 || index.terms[0].coefficient != 1 ||
          nest.body.ops[index.terms[0].op].opcode != ir::Opcode::axis)
        throw InternalError(fmt::format("node {}: a lane is stored by one axis", node.id));
      result[lane] = static_cast<int>(nest.body.ops[index.terms[0].op].immediate);
    }
  }
  const std::vector<ir::AxisSchedule>& axes = plan.nests.at(node.id).axes;
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    const bool is_lane = std::find(result.begin(), result.end(), static_cast<int>(axis)) != result.end();
    if (is_lane != (axes[axis].schedule == ir::Schedule::loop_lane))
      throw InternalError(
          fmt::format("node {}: axis {} is a loop's lane in schedule and placement, or in neither", node.id, axis));
  }
  return result;
}

NestCode compile(const Nest& nest, const Node& node, const Program& program, const Plan& plan, ScalarProgram& scalars) {
  if (!plan.nests.contains(node.id)) throw InternalError(fmt::format("node {}: the plan lacks this nest", node.id));
  NestCode code;
  code.body = scalars.compile(nest.body, nest.axes.size());
  if (nest.reduction) code.step = scalars.compile(nest.reduction->step);
  for (std::size_t k = 0; k < nest.outputs.size(); ++k) {
    const ir::NestOutput& output = nest.outputs[k];
    StoreCode store;
    for (const ir::Index& index : output.indices) store.indices.push_back(ScalarProgram::index(index, code.body));
    if (output.guard) store.guard = code.body.ops[*output.guard];
    if (output.combine) store.combine = scalars.compile(*output.combine);
    if (nest.reduction && nest.reduction->merge) {
      const DType dtype = program.arrays[output.result].dtype;
      store.merge = operation(*nest.reduction->merge, dtype, dtype);
      store.merge_identity = merge_identity(*nest.reduction->merge, dtype);
    }
    store.moves_base = output.base && !ir::same_place(program, plan, *output.base, output.result);
    code.stores.push_back(std::move(store));
  }
  code.lane_axes = lane_axes(nest, node, plan);
  return code;
}

LoopCode compile(const Loop& loop, const Node& node, const Program& program, const Plan& plan) {
  const auto found = plan.loops.find(node.id);
  if (found == plan.loops.end() || found->second.carries.size() != loop.carries.size())
    throw InternalError(fmt::format("node {}: the plan lacks this loop or a carry", node.id));
  LoopCode code;
  for (const ir::Carry& carry : loop.carries) {
    code.initial.push_back(!ir::same_place(program, plan, carry.initial, carry.argument));
    code.next.push_back(!ir::same_place(program, plan, carry.next, carry.argument));
    code.result.push_back(!ir::same_place(program, plan, carry.argument, carry.result));
  }
  for (const ir::StackedInput& input : loop.inputs)
    code.inputs.push_back(!ir::is_view(program, plan, input.argument, input.source, input.axis, node.id));
  for (const ir::StackedOutput& output : loop.outputs)
    code.outputs.push_back(!ir::is_view(program, plan, output.value, output.result, output.axis, node.id));
  if (found->second.lane_extents.empty()) return code;

  const auto add = [&](ir::ArrayId array) {
    const ir::BufferId buffer = plan.placements[array].buffer;
    const ir::Storage storage = plan.buffers[buffer].storage;
    if (storage == ir::Storage::stack || storage == ir::Storage::registers) code.private_buffers.push_back(buffer);
  };
  const auto add_arguments = [&](const Loop& inner) {
    add(inner.position);
    for (const ir::Carry& carry : inner.carries) add(carry.argument);
    for (const ir::StackedInput& input : inner.inputs) add(input.argument);
  };
  const auto add_node = [&](const Node& inner) {
    for (ir::ArrayId array : ir::arrays_assigned(inner)) add(array);
    if (const auto* nested = std::get_if<Loop>(&inner.kind)) add_arguments(*nested);
  };
  add_arguments(loop);
  if (loop.condition) ir::visit_nodes(*loop.condition, add_node);
  ir::visit_nodes(loop.body, add_node);
  std::sort(code.private_buffers.begin(), code.private_buffers.end());
  code.private_buffers.erase(std::unique(code.private_buffers.begin(), code.private_buffers.end()),
                             code.private_buffers.end());
  return code;
}

}  // namespace

CompiledProgram::CompiledProgram(const Program& program, const Plan& plan) : scalars(program), aliases(program) {
  ir::visit_nodes(program.body, [&](const Node& node) {
    if (const auto* nest = std::get_if<Nest>(&node.kind)) {
      nests.emplace(node.id, compile(*nest, node, program, plan, scalars));
    } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
      reshapes.emplace(node.id, !ir::same_place(program, plan, reshape->source, reshape->result));
    } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
      loops.emplace(node.id, compile(*loop, node, program, plan));
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      std::vector<std::vector<bool>>& moves = branches[node.id];
      for (const ir::Block& block : branch->blocks) {
        std::vector<bool>& of_block = moves.emplace_back();
        for (std::size_t k = 0; k < block.results.size(); ++k)
          of_block.push_back(!ir::same_place(program, plan, block.results[k], branch->results[k]));
      }
    }
  });
}

}  // namespace jaxc::reference
