// Plans that run a loop lane by lane, with private memory for everything that its body assigns.
#pragma once

#include "compiler/plan/independent_axes.h"
#include "ir/plan.h"

namespace jaxc::ir::testing {

/// Changes a plan whose arrays have memory of their own: `loop` runs in lanes along `axes`.
inline void split_in_lanes(const Program& program, const Node& loop, const compiler::IndependentAxes& axes,
                           Plan& plan) {
  plan.loops.at(loop.id).lane_extents = axes.extents;
  const auto make_private = [&](ArrayId array) {
    Placement& placement = plan.placements[array];
    plan.buffers[placement.buffer].storage = Storage::stack;
    const auto found = axes.dimensions.find(array);
    placement.lane_dimensions =
        found == axes.dimensions.end() ? std::vector<int>(axes.extents.size(), -1) : found->second;
    Shape shape = program.arrays[array].shape;
    for (int dimension : placement.lane_dimensions)
      if (dimension >= 0) shape[static_cast<std::size_t>(dimension)] = 1;
    std::int64_t count = 1;
    for (std::size_t k = shape.size(); k-- > 0; count *= shape[k]) placement.strides[k] = count;
    for (int dimension : placement.lane_dimensions)
      if (dimension >= 0) placement.strides[static_cast<std::size_t>(dimension)] = 0;
    plan.buffers[placement.buffer].bytes =
        count * static_cast<std::int64_t>(element_bytes(program.arrays[array].dtype));
  };
  const auto make_arguments_private = [&](const Loop& each) {
    make_private(each.position);
    for (const Carry& carry : each.carries) make_private(carry.argument);
    for (const StackedInput& input : each.inputs) make_private(input.argument);
  };
  const auto visit = [&](const Node& node) {
    for (ArrayId array : arrays_assigned(node)) make_private(array);
    if (const auto* inner = std::get_if<Loop>(&node.kind)) make_arguments_private(*inner);
    const auto found = axes.nest_axes.find(node.id);
    if (found == axes.nest_axes.end()) return;
    for (int axis : found->second)
      if (axis >= 0) plan.nests.at(node.id).axes[static_cast<std::size_t>(axis)].schedule = Schedule::loop_lane;
  };
  const Loop& whole = std::get<Loop>(loop.kind);
  make_arguments_private(whole);
  if (whole.condition) visit_nodes(*whole.condition, visit);
  visit_nodes(whole.body, visit);
}

/// Splits every outermost loop that has independent axes; returns how many.
inline int split_loops_in_lanes(const Program& program, const Block& block, Plan& plan) {
  int count = 0;
  for (const Node& node : block.nodes) {
    if (const auto* loop = std::get_if<Loop>(&node.kind)) {
      if (const auto axes = compiler::independent_axes(program, node)) {
        split_in_lanes(program, node, *axes, plan);
        ++count;
      } else {
        count += split_loops_in_lanes(program, loop->body, plan);
      }
    } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
      for (const Block& inner : branch->blocks) count += split_loops_in_lanes(program, inner, plan);
    } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
      count += split_loops_in_lanes(program, routine->expansion, plan);
    }
  }
  return count;
}

}  // namespace jaxc::ir::testing
