// Follows an axis by a work list of arrays; what was added is undone when it leads to a contradiction.
#include "compiler/plan/axis_follower.h"

#include <algorithm>

#include "ir/affine.h"

namespace jaxc::compiler {

using ir::ArrayId;
using ir::Nest;
using ir::NestOutput;
using ir::Node;
using ir::Opcode;
using ir::ScalarOp;

LoopFlow::LoopFlow(const ir::Program& program, const ir::Loop& loop) : program_(program), loop_(loop) {
  for (const ArrayId argument : ir::loop_arguments(loop)) inside_.insert(argument);
  if (loop.condition) add_block(*loop.condition);
  add_block(loop.body);
  for (const ir::Carry& carry : loop.carries) add_move({carry.next, carry.argument, Move::Kind::same, 0});
}

const Node* LoopFlow::nest_storing(ArrayId array) const {
  const auto found = nest_storing_.find(array);
  return found == nest_storing_.end() ? nullptr : found->second;
}

void LoopFlow::add_move(const Move& move) {
  if (move.from == move.to) return;
  moves_from_[move.from].push_back(move);
  moves_to_[move.to].push_back(move);
}

void LoopFlow::add_block(const ir::Block& block) {
  for (const Node& node : block.nodes) {
    for (ArrayId array : ir::arrays_assigned(node)) inside_.insert(array);
    if (const auto* nest = std::get_if<Nest>(&node.kind)) {
      nests_.push_back(&node);
      for (ArrayId array : ir::arrays_read(node)) nests_reading_[array].push_back(&node);
      for (const NestOutput& output : nest->outputs) nest_storing_[output.result] = &node;
    } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
      add_move({reshape->source, reshape->result, Move::Kind::reshape, 0});
    } else if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      add_loop(*loop);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const ir::Block& inner : branch->blocks) {
        add_block(inner);
        for (std::size_t k = 0; k < inner.results.size(); ++k)
          add_move({inner.results[k], branch->results[k], Move::Kind::same, 0});
      }
    } else if (const auto* routine = std::get_if<ir::Routine>(&node.kind)) {
      add_block(routine->expansion);
    }
  }
}

void LoopFlow::add_loop(const ir::Loop& loop) {
  inside_.insert(loop.position);
  for (const ir::Carry& carry : loop.carries) {
    inside_.insert(carry.argument);
    add_move({carry.initial, carry.argument, Move::Kind::same, 0});
    add_move({carry.next, carry.argument, Move::Kind::same, 0});
    add_move({carry.argument, carry.result, Move::Kind::same, 0});
  }
  for (const ir::StackedInput& input : loop.inputs) {
    inside_.insert(input.argument);
    add_move({input.source, input.argument, Move::Kind::slice, input.axis});
  }
  for (const ir::StackedOutput& output : loop.outputs)
    add_move({output.value, output.result, Move::Kind::stack, output.axis});
  if (loop.condition) add_block(*loop.condition);
  add_block(loop.body);
}

namespace {

std::int64_t product(const Shape& shape, std::size_t first) {
  std::int64_t result = 1;
  for (std::size_t k = first; k < shape.size(); ++k) result *= shape[k];
  return result;
}

// A reshape keeps a dimension when the other shape has one of the same extent with as many elements inside.
std::optional<int> reshaped(const Shape& from, const Shape& to, int dimension) {
  const auto k = static_cast<std::size_t>(dimension);
  for (std::size_t other = 0; other < to.size(); ++other)
    if (to[other] == from[k] && product(to, other + 1) == product(from, k + 1)) return static_cast<int>(other);
  return std::nullopt;
}

std::optional<int> without(int axis, int dimension) {
  if (dimension == axis) return std::nullopt;
  return dimension < axis ? dimension : dimension - 1;
}

int with(int axis, int dimension) {
  return dimension < axis ? dimension : dimension + 1;
}

}  // namespace

std::optional<int> LoopFlow::forward(const Move& move, int dimension) const {
  switch (move.kind) {
    case Move::Kind::same:
      return dimension;
    case Move::Kind::slice:
      return without(move.axis, dimension);
    case Move::Kind::stack:
      return with(move.axis, dimension);
    case Move::Kind::reshape:
      return reshaped(shape(move.from), shape(move.to), dimension);
  }
  return std::nullopt;
}

std::optional<int> LoopFlow::backward(const Move& move, int dimension) const {
  switch (move.kind) {
    case Move::Kind::same:
      return dimension;
    case Move::Kind::slice:
      return with(move.axis, dimension);
    case Move::Kind::stack:
      return without(move.axis, dimension);
    case Move::Kind::reshape:
      return reshaped(shape(move.to), shape(move.from), dimension);
  }
  return std::nullopt;
}

std::optional<int> AxisFollower::lane_axis(const Nest& nest, const ir::Index& index) const {
  const auto form = ir::affine(index, nest.body, nest.axes.size());
  if (!form) return std::nullopt;
  const std::optional<int> axis = form->identity();
  if (!axis) return std::nullopt;
  const ir::Axis& info = nest.axes[static_cast<std::size_t>(*axis)];
  if (info.extent != extent_ || info.kind == ir::AxisKind::reduced) return std::nullopt;
  return axis;
}

bool AxisFollower::add(ArrayId array, int dimension) {
  open_.clear();
  added_arrays_.clear();
  added_nests_.clear();
  bool holds = require(array, dimension);
  while (holds && !open_.empty()) {
    const ArrayId next = open_.back();
    open_.pop_back();
    holds = follow(next, dimensions_.at(next));
  }
  if (holds) return true;
  for (ArrayId added : added_arrays_) dimensions_.erase(added);
  for (ir::NodeId added : added_nests_) axes_.erase(added);
  return false;
}

bool AxisFollower::require(ArrayId array, int dimension) {
  const auto [known, is_new] = dimensions_.try_emplace(array, dimension);
  if (!is_new) return known->second == dimension;
  added_arrays_.push_back(array);
  open_.push_back(array);
  return flow_->shape(array)[static_cast<std::size_t>(dimension)] == extent_;
}

bool AxisFollower::require_axis(const Node& node, int axis) {
  const auto [known, is_new] = axes_.try_emplace(node.id, axis);
  if (!is_new) return known->second == axis;
  added_nests_.push_back(node.id);
  const Nest& nest = std::get<Nest>(node.kind);
  for (const NestOutput& output : nest.outputs) {
    const auto stored = [&](std::size_t dimension) { return lane_axis(nest, output.indices[dimension]) == axis; };
    const auto fixed = dimensions_.find(output.result);
    if (fixed != dimensions_.end()) {
      if (!stored(static_cast<std::size_t>(fixed->second))) return false;
      continue;
    }
    std::size_t dimension = 0;
    while (dimension < output.indices.size() &&
           !(stored(dimension) && flow_->shape(output.result)[dimension] == extent_))
      ++dimension;
    if (dimension == output.indices.size() || !require(output.result, static_cast<int>(dimension))) return false;
  }
  return true;
}

// What follows from an array that varies: for the nests that read or store it, and for what it becomes.
bool AxisFollower::follow(ArrayId array, int dimension) {
  const auto position = static_cast<std::size_t>(dimension);
  for (const Node* node : flow_->nests_reading(array)) {
    const Nest& nest = std::get<Nest>(node->kind);
    for (const ScalarOp& op : nest.body.ops) {
      if (op.opcode != Opcode::read || op.array != array) continue;
      const auto axis = lane_axis(nest, op.indices[position]);
      if (!axis || !require_axis(*node, *axis)) return false;
    }
    for (const NestOutput& output : nest.outputs) {
      if (output.base != array) continue;
      const auto axis = lane_axis(nest, output.indices[position]);
      if (!axis || !require(output.result, dimension) || !require_axis(*node, *axis)) return false;
    }
  }
  if (const Node* node = flow_->nest_storing(array)) {
    const Nest& nest = std::get<Nest>(node->kind);
    for (const NestOutput& output : nest.outputs) {
      if (output.result != array) continue;
      const auto axis = lane_axis(nest, output.indices[position]);
      if (!axis || !require_axis(*node, *axis)) return false;
      if (output.base && flow_->inside(*output.base) && !require(*output.base, dimension)) return false;
    }
  }
  for (const LoopFlow::Move& move : flow_->moves_to(array)) {
    if (!flow_->inside(move.from)) continue;
    const auto source = flow_->backward(move, dimension);
    if (!source || !require(move.from, *source)) return false;
  }
  for (const LoopFlow::Move& move : flow_->moves_from(array)) {
    const auto moved = flow_->forward(move, dimension);
    if (!moved || !require(move.to, *moved)) return false;
  }
  return true;
}

void AxisFollower::add_whatever_may_vary() {
  std::unordered_set<std::uint64_t> tried;
  const auto may_add = [&](ArrayId array, int dimension) {
    if (!flow_->inside(array) || dimensions_.contains(array)) return false;
    if (flow_->shape(array)[static_cast<std::size_t>(dimension)] != extent_) return false;
    if (!tried.insert((std::uint64_t{array} << 32) | static_cast<std::uint32_t>(dimension)).second) return false;
    return add(array, dimension);
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const Node* node : flow_->nests()) {
      const auto lane = axes_.find(node->id);
      if (lane == axes_.end()) continue;
      const Nest& nest = std::get<Nest>(node->kind);
      for (const ScalarOp& op : nest.body.ops) {
        if (op.opcode != Opcode::read) continue;
        for (std::size_t k = 0; k < op.indices.size(); ++k)
          if (lane_axis(nest, op.indices[k]) == lane->second)
            changed = may_add(op.array, static_cast<int>(k)) || changed;
      }
    }
    const auto try_dimensions = [&](ArrayId array) {
      for (std::size_t k = 0; k < flow_->shape(array).size(); ++k)
        changed = may_add(array, static_cast<int>(k)) || changed;
    };
    for (const ir::Carry& carry : flow_->loop().carries) try_dimensions(carry.argument);
    for (const ir::StackedOutput& output : flow_->loop().outputs) try_dimensions(output.value);
  }
}

}  // namespace jaxc::compiler
