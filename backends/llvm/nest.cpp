// Walks a nest's axes in the plan's order and emits its body at each point or vector of points.
#include "backends/llvm/nest.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/llvm/region.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

NestEmitter::NestEmitter(Code& code, Arrays& arrays, const ir::Nest& nest, const ir::NestPlan& plan,
                         std::optional<AxisPart> part)
    : code_(code),
      arrays_(arrays),
      nest_(nest),
      plan_(plan),
      part_(part),
      axes_(nest.axes.size()),
      counts_(nest.axes.size(), 1),
      constant_(nest.axes.size(), false) {
  find_constant_axes();
}

void NestEmitter::find_constant_axes() {
  const auto mark = [&](ir::ArrayId array, const std::vector<ir::Index>& indices) {
    if (!arrays_.in_registers(array)) return;
    for (std::size_t d = 0; d < indices.size(); ++d) {
      if (arrays_.lane_axis(array, static_cast<int>(d))) continue;
      for (const ir::Index::Term& term : indices[d].terms)
        if (nest_.body.ops[term.op].opcode == ir::Opcode::axis) constant_[nest_.body.ops[term.op].immediate] = true;
    }
  };
  for (const ir::ScalarOp& op : nest_.body.ops)
    if (op.opcode == ir::Opcode::read) mark(op.array, op.indices);
  for (const ir::NestOutput& output : nest_.outputs) mark(output.result, output.indices);
}

void NestEmitter::emit() {
  for (const ir::NestOutput& output : nest_.outputs)
    if (arrays_.in_registers(output.result) && !output.base)
      arrays_.registers(output.result).assign(static_cast<std::size_t>(arrays_.register_count(output.result)), Piece{});
  for (const ir::Axis& axis : nest_.axes)
    if (axis.extent == 0 && axis.kind != ir::AxisKind::reduced) return;
  // Windows at borders choose the address of each element, all of which selection computes before the first is read.
  const auto is_guarded = [](const ir::ScalarOp& op) { return op.opcode == ir::Opcode::read && !op.arguments.empty(); };
  if (nest_.reduction && std::any_of(nest_.body.ops.begin(), nest_.body.ops.end(), is_guarded))
    code_.module.getOrInsertNamedMetadata(scheduled);
  level(0);
  arrays_.combine_scatters();
}

void NestEmitter::level(std::size_t depth) {
  if (nest_.reduction &&
      (depth == plan_.order.size() ||
       nest_.axes[static_cast<std::size_t>(plan_.order[depth])].kind == ir::AxisKind::reduced || folds_together(depth)))
    return reduce(depth);
  if (nest_.reduction && blocks_together(depth)) {
    const std::size_t reduced = first_reduced(depth);
    return reduce_blocks(depth, reduced, reduced - depth);
  }
  if (depth == plan_.order.size()) return leaf();
  const auto axis = static_cast<std::size_t>(plan_.order[depth]);
  const std::int64_t extent = nest_.axes[axis].extent;
  switch (plan_.axes[axis].schedule) {
    case ir::Schedule::serial: {
      if (plan_.axes[axis].width > 1) return blocks_level(depth, axis);
      if (extent == 1) {
        axes_[axis] = {code_.integer(0), {}};
        return level(depth + 1);
      }
      Values none;
      ++serial_depth_;
      code_.counted_loop("axis", extent, none, [&](Value* position) {
        axes_[axis] = {position, {}};
        level(depth + 1);
      });
      --serial_depth_;
      return;
    }
    case ir::Schedule::unrolled:
      for (std::int64_t position = 0; position < extent; ++position) {
        axes_[axis] = {code_.integer(position), {}};
        level(depth + 1);
      }
      return;
    case ir::Schedule::lanes:
      return lanes_level(depth, axis);
    case ir::Schedule::loop_lane:
      set_loop_lane(axis);
      return level(depth + 1);
    case ir::Schedule::grid:
    case ir::Schedule::workgroup:
      throw InternalError(fmt::format("cpu: axis {} has a GPU's schedule", axis));
  }
}

void NestEmitter::lanes_level(std::size_t depth, std::size_t axis) {
  const Tiling all = tiles(nest_.axes[axis].extent, plan_.axes[axis]);
  std::int64_t next = 0;
  if (all.full() > 1 && !needs_constant(axis)) {
    counts_[axis] = all.width;
    Values none;
    ++serial_depth_;
    code_.counted_loop("lanes", all.full(), none, [&](Value* tile) {
      axes_[axis] = {code_.builder.CreateMul(tile, code_.integer(all.width)), {}};
      level(depth + 1);
    });
    --serial_depth_;
    next = all.full();
  }
  for (; next < all.count(); ++next) {
    axes_[axis] = {code_.integer(all[next].base), {}};
    counts_[axis] = all[next].count;
    level(depth + 1);
  }
  counts_[axis] = 1;
}

void NestEmitter::blocks_level(std::size_t depth, std::size_t axis) {
  if (straight_) throw InternalError(fmt::format("cpu: axis {} has blocks inside those of another axis", axis));
  const std::int64_t extent = nest_.axes[axis].extent;
  const std::int64_t width = plan_.axes[axis].width;
  const auto block = [&](Value* begin, std::int64_t count) {
    if (part_ && part_->axis == axis) begin = code_.builder.CreateAdd(begin, part_->begin);
    axes_[axis] = {nullptr, {}, begin};
    straight_ = {axis, count};
    level(depth + 1);
    straight_ = std::nullopt;
  };
  if (extent >= width) {
    Values none;
    ++serial_depth_;
    code_.counted_loop("block", extent / width, none,
                       [&](Value* number) { block(code_.builder.CreateMul(number, code_.integer(width)), width); });
    --serial_depth_;
  }
  if (extent % width != 0) block(code_.integer(extent - extent % width), extent % width);
}

void NestEmitter::set_loop_lane(std::size_t axis) {
  if (arrays_.loop_lanes == nullptr) throw InternalError("cpu: a loop's lane axis outside of a loop run in lanes");
  // The axis is the lane axis that it indexes.
  const auto find = [&](ir::ArrayId array, const std::vector<ir::Index>& indices) -> std::optional<int> {
    for (std::size_t d = 0; d < indices.size(); ++d)
      for (const ir::Index::Term& term : indices[d].terms)
        if (nest_.body.ops[term.op].opcode == ir::Opcode::axis && nest_.body.ops[term.op].immediate == axis)
          if (const auto lane = arrays_.lane_axis(array, static_cast<int>(d))) return lane;
    return std::nullopt;
  };
  std::optional<int> lane;
  for (const ir::NestOutput& output : nest_.outputs)
    if (!lane) lane = find(output.result, output.indices);
  for (const ir::ScalarOp& op : nest_.body.ops)
    if (!lane && op.opcode == ir::Opcode::read) lane = find(op.array, op.indices);
  axes_[axis] = arrays_.loop_lanes->axes.at(static_cast<std::size_t>(lane.value_or(0)));
  has_loop_lane_ = true;
}

Point NestEmitter::point_with_lanes(const std::vector<std::size_t>& lane_axes, bool padded) const {
  Point point{axes_, {}};
  if (part_ && !(straight_ && straight_->first == part_->axis)) point.axes[part_->axis].origin = part_->begin;
  if (has_loop_lane_) {
    point.lanes = arrays_.loop_lanes->lanes;
    for (std::size_t axis : lane_axes)
      if (counts_[axis] > 1) throw InternalError("cpu: a nest inside a loop run in lanes has lanes of its own");
    return point;
  }
  std::vector<std::int64_t> counts;
  std::vector<std::size_t> spread_axes;
  std::vector<std::int64_t> full;
  for (std::size_t axis : lane_axes) {
    const std::int64_t widest = std::min<std::int64_t>(std::max(plan_.axes[axis].width, 1), nest_.axes[axis].extent);
    const bool pads = padded && nest_.axes[axis].kind == ir::AxisKind::reduced;
    if (counts_[axis] <= 1 && !(pads && widest > 1)) continue;
    spread_axes.push_back(axis);
    counts.push_back(pads ? widest : counts_[axis]);
    full.push_back(counts_[axis]);
  }
  if (counts.empty()) return point;
  std::vector<std::vector<std::int64_t>> offsets;
  point.lanes = spread(counts, offsets);
  // Lanes count where every axis is inside its tile.
  const auto width = static_cast<std::size_t>(point.lanes.width);
  llvm::SmallVector<llvm::Constant*, 16> mask;
  bool all = true;
  bool prefix = true;
  int counted = 0;
  for (std::size_t lane = 0; lane < width; ++lane) {
    bool inside = static_cast<int>(lane) < point.lanes.valid;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      inside = inside && offsets[k][lane] < full[k];
      // Lanes that do not count stay on the last position that does.
      offsets[k][lane] = std::min(offsets[k][lane], full[k] - 1);
    }
    prefix = prefix && (!inside || counted == static_cast<int>(lane));
    counted += inside ? 1 : 0;
    all = all && inside;
    mask.push_back(llvm::ConstantInt::getBool(code_.context, inside));
  }
  for (std::size_t k = 0; k < spread_axes.size(); ++k) point.axes[spread_axes[k]].offsets = std::move(offsets[k]);
  if (!all) point.lanes.mask = llvm::ConstantVector::get(mask);
  if (prefix) point.lanes.valid = counted;
  return point;
}

Value* NestEmitter::load(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, Value* guard,
                         Value* fallback) {
  if (guard != nullptr || number.varying != nullptr || !keeps_its_elements(array))
    return arrays_.load(array, number, lanes, guard, fallback);
  if (llvm::BasicBlock* block = code_.builder.GetInsertBlock(); loads_block_ != block) {
    loads_.clear();
    loads_block_ = block;
  }
  const LoadKey key = {array, number.constant, number.terms, number.lanes, lanes.width, lanes.valid, lanes.mask};
  if (const auto known = loads_.find(key); known != loads_.end()) return known->second;
  Value* loaded = arrays_.load(array, number, lanes);
  if (code_.builder.GetInsertBlock() == loads_block_) loads_.emplace(key, loaded);
  return loaded;
}

bool NestEmitter::keeps_its_elements(ir::ArrayId array) const {
  const ir::BufferId buffer = arrays_.placement(array).buffer;
  return std::none_of(nest_.outputs.begin(), nest_.outputs.end(),
                      [&](const ir::NestOutput& output) { return arrays_.placement(output.result).buffer == buffer; });
}

Values NestEmitter::body_values(const Point& point) {
  RegionEmitter emitter(code_, point.lanes.width, point.lanes.mask);
  return emitter.emit_operations(nest_.body, {}, [&](const ir::ScalarOp& op, llvm::ArrayRef<Value*> values) -> Value* {
    if (op.opcode == ir::Opcode::axis) {
      const AxisPoint& axis = point.axes[op.immediate];
      Value* position = axis.origin == nullptr ? axis.base : code_.builder.CreateAdd(axis.base, axis.origin);
      if (axis.offsets.empty() || point.lanes.width == 1) return position;
      return code_.builder.CreateAdd(code_.splat(position, point.lanes.width), code_.integers(axis.offsets));
    }
    const ElementNumber number = arrays_.element(op.array, op.indices, nest_.body, point, values);
    Value* guard = op.arguments.empty() ? nullptr : values[op.arguments[0]];
    Value* fallback = op.arguments.empty() ? nullptr : values[op.arguments[1]];
    return load(op.array, number, point.lanes, guard, fallback);
  });
}

std::vector<std::size_t> NestEmitter::lane_axes(bool with_reduced) const {
  std::vector<std::size_t> result;
  for (int number : plan_.order) {
    const auto axis = static_cast<std::size_t>(number);
    if (plan_.axes[axis].schedule == ir::Schedule::lanes &&
        (with_reduced || nest_.axes[axis].kind != ir::AxisKind::reduced))
      result.push_back(axis);
  }
  return result;
}

void NestEmitter::leaf() {
  if (!straight_) return leaf_point();
  for (std::int64_t position = 0; position < straight_->second; ++position) {
    axes_[straight_->first].base = code_.integer(position);
    leaf_point();
  }
}

void NestEmitter::leaf_point() {
  const Point point = point_with_lanes(lane_axes(true), false);
  const Values values = body_values(point);
  for (std::size_t k = 0; k < nest_.outputs.size(); ++k) store(k, values[nest_.body.results[k]], point, values);
}

void NestEmitter::store(std::size_t output, Value* value, const Point& point, llvm::ArrayRef<Value*> values) {
  const ir::NestOutput& target = nest_.outputs[output];
  if (serial_depth_ > 0 && arrays_.in_registers(target.result))
    throw InternalError(fmt::format("cpu: array {} in registers is stored inside a counted loop", target.result));
  const ElementNumber number = arrays_.element(target.result, target.indices, nest_.body, point, values);
  Value* guard = target.guard ? values[*target.guard] : nullptr;
  if (target.combine) {
    const Lanes& lanes = point.lanes;
    llvm::Type* type = code_.value_type(arrays_.info(target.result).dtype);
    Value* old = arrays_.load(target.result, number, lanes, guard, llvm::Constant::getNullValue(type));
    Values arguments{old, value};
    if (is_vector(old) != is_vector(value))
      for (Value*& argument : arguments) argument = code_.splat(argument, lanes.width);
    value = RegionEmitter(code_, lanes.width, lanes.mask).emit(*target.combine, arguments)[0];
  }
  arrays_.store(target.result, number, point.lanes, value, guard);
}

}  // namespace jaxc::cpu
