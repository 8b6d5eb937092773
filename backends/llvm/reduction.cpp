// Folds reduced axes: accumulators in SSA values, several chains where order is free, lanes merged at the end.
#include <fmt/format.h>

#include "backends/llvm/fold.h"
#include "backends/llvm/nest.h"
#include "backends/llvm/operations.h"
#include "backends/llvm/region.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// Vector registers that accumulators may take.
constexpr std::size_t accumulator_limit = 16;

/// Chains in a counted loop of at least this many steps, and in straight-line code of at least that many.
constexpr std::int64_t counted_steps = 8;
constexpr std::int64_t straight_steps = 4;
constexpr std::int64_t long_straight_steps = 16;

/// Operations of a body that each tile of a block computes for itself.
constexpr std::size_t small_body = 16;

}  // namespace

void NestEmitter::reduce(std::size_t depth) {
  bool empty = false;
  for (const ir::Axis& axis : nest_.axes) empty = empty || axis.extent == 0;
  find_tiles(depth);
  choose_chains(depth);
  for (Accumulators& accumulators : accumulators_) {
    enter_tile(accumulators);
    const int width = point_with_lanes(lane_axes(true), true).lanes.width;
    Values initial;
    for (std::size_t k = 0; k < nest_.reduction->initial.size(); ++k)
      initial.push_back(code_.splat(initial_value(k, empty), width));
    accumulators.chains.assign(chain_count_, initial);
  }
  if (!empty) reduce_level(depth, 0);
  finish_reduction();
}

bool NestEmitter::folds_together(std::size_t depth) const {
  if (!nest_.reduction->merge || lane_axes(true).size() == lane_axes(false).size()) return false;
  std::size_t tile_count = 1;
  for (std::size_t k = depth; k < plan_.order.size(); ++k) {
    const auto axis = static_cast<std::size_t>(plan_.order[k]);
    if (nest_.axes[axis].kind == ir::AxisKind::reduced) continue;
    if (plan_.axes[axis].schedule != ir::Schedule::unrolled) return false;
    tile_count *= static_cast<std::size_t>(nest_.axes[axis].extent);
  }
  return tile_count > 1 && tile_count <= accumulator_limit;
}

std::size_t NestEmitter::first_reduced(std::size_t depth) const {
  while (depth < plan_.order.size() &&
         nest_.axes[static_cast<std::size_t>(plan_.order[depth])].kind != ir::AxisKind::reduced)
    ++depth;
  return depth;
}

bool NestEmitter::is_repeated(std::size_t axis) const {
  if (nest_.body.ops.size() <= small_body) return true;
  std::vector<bool> depends;
  for (const ir::ScalarOp& op : nest_.body.ops) {
    bool found = op.opcode == ir::Opcode::axis && op.immediate == axis;
    for (const ir::OpId argument : op.arguments) found = found || depends[argument];
    for (const ir::Index& index : op.indices)
      for (const ir::Index::Term& term : index.terms) found = found || depends[term.op];
    depends.push_back(found);
  }
  return static_cast<std::size_t>(std::count(depends.begin(), depends.end(), true)) <= small_body;
}

// Whether lanes take the axis in one vector: rows beside it share what is loaded of it.
bool NestEmitter::is_one_vector(std::size_t axis) const {
  const ir::AxisSchedule& schedule = plan_.axes[axis];
  return schedule.schedule == ir::Schedule::lanes && tiles(nest_.axes[axis].extent, schedule).full() == 1;
}

bool NestEmitter::blocks_together(std::size_t depth) const {
  const std::size_t reduced = first_reduced(depth);
  if (reduced == depth || reduced - depth > 2) return false;
  bool counted = false;
  bool repeated = false;
  for (std::size_t k = depth; k < plan_.order.size(); ++k) {
    const auto axis = static_cast<std::size_t>(plan_.order[k]);
    const ir::AxisSchedule& schedule = plan_.axes[axis];
    const std::int64_t tile_count = tiles(nest_.axes[axis].extent, schedule).count();
    const bool straight = schedule.schedule == ir::Schedule::unrolled || needs_constant(axis);
    if (k < reduced) {
      if (nest_.axes[axis].kind != ir::AxisKind::parallel || straight || schedule.schedule == ir::Schedule::loop_lane ||
          (reduced - depth == 2 && tile_count < 2 && !is_one_vector(axis)))
        return false;
      repeated = repeated || is_repeated(axis);
    } else {
      if (nest_.axes[axis].kind != ir::AxisKind::reduced) return false;
      counted = counted || (!straight && tile_count >= counted_steps);
    }
  }
  return counted && repeated;
}

void NestEmitter::reduce_blocks(std::size_t depth, std::size_t reduced, std::size_t axes_left) {
  if (axes_left == 0) {
    reduce(reduced);
    return;
  }
  const auto axis = static_cast<std::size_t>(plan_.order[depth + axes_left - 1]);
  const Tiling all = tiles(nest_.axes[axis].extent, plan_.axes[axis]);
  const std::int64_t full = all.full();
  // One row of lanes reads a matrix once, in long pieces of its rows. Without lanes among the blocks' axes, several
  // chains take the registers that a wider block would.
  const bool one_row = reduced - depth == 1 && plan_.axes[axis].schedule == ir::Schedule::lanes;
  std::int64_t wanted = one_row ? static_cast<std::int64_t>(accumulator_limit) : 4;
  // Rows of lanes: six rows share what is loaded of a matrix, and four vectors what is loaded of a row.
  if (plan_.axes[axis].schedule != ir::Schedule::lanes && lane_axes(false).size() == 1) wanted = 6;
  // What a large body computes along an axis, a block along it would only compute again.
  if (!is_repeated(axis)) wanted = 1;
  // As few blocks as there can be, as alike as they can be.
  const std::int64_t blocks = (full + wanted - 1) / wanted;
  const std::int64_t size = (full + blocks - 1) / blocks;
  Block& block = blocks_[axis];
  const std::int64_t groups = full / size;
  block.tiles = all.range(0, size);
  const std::int64_t step = all.width * size;
  const auto inside = [&](Value* group) {
    block.base = code_.builder.CreateMul(group, code_.integer(step));
    reduce_blocks(depth, reduced, axes_left - 1);
  };
  if (groups == 1) {
    inside(code_.integer(0));
  } else {
    Values none;
    ++serial_depth_;
    code_.counted_loop("block", groups, none, inside);
    --serial_depth_;
  }
  block.base = code_.integer(0);
  block.tiles = all.range(groups * size, full);
  if (!block.tiles.empty()) reduce_blocks(depth, reduced, axes_left - 1);
  if (all.partial()) {
    block.tiles = {all[full]};
    reduce_blocks(depth, reduced, axes_left - 1);
  }
  blocks_.erase(axis);
}

/// Lists the tiles of the parallel axes inside the reduced ones: their accumulators live side by side.
void NestEmitter::find_tiles(std::size_t depth) {
  accumulators_.assign(1, {});
  for (const auto& [axis, block] : blocks_) {
    std::vector<Accumulators> extended;
    for (const Accumulators& accumulators : accumulators_)
      for (const Tile& tile : block.tiles) {
        extended.push_back(accumulators);
        extended.back().tiles.emplace_back(axis, tile);
      }
    accumulators_ = std::move(extended);
  }
  for (std::size_t k = depth; k < plan_.order.size(); ++k) {
    const auto axis = static_cast<std::size_t>(plan_.order[k]);
    if (nest_.axes[axis].kind == ir::AxisKind::reduced) continue;
    const ir::AxisSchedule& schedule = plan_.axes[axis];
    if (schedule.schedule == ir::Schedule::loop_lane) {
      set_loop_lane(axis);
      continue;
    }
    if (schedule.schedule == ir::Schedule::serial && nest_.axes[axis].extent > 1)
      throw InternalError(fmt::format("cpu: parallel axis {} is serial inside a reduced axis", axis));
    const Tiling all = tiles(nest_.axes[axis].extent, schedule);
    std::vector<Accumulators> extended;
    for (const Accumulators& accumulators : accumulators_)
      for (const Tile& tile : all.range(0, all.count())) {
        extended.push_back(accumulators);
        extended.back().tiles.emplace_back(axis, tile);
      }
    accumulators_ = std::move(extended);
  }
}

void NestEmitter::enter_tile(const Accumulators& accumulators) {
  for (const auto& [axis, tile] : accumulators.tiles) {
    const auto block = blocks_.find(axis);
    Value* base = code_.integer(tile.base);
    if (block != blocks_.end()) base = code_.builder.CreateAdd(block->second.base, base);
    axes_[axis] = {base, {}};
    counts_[axis] = tile.count;
  }
}

void NestEmitter::choose_chains(std::size_t depth) {
  split_depth_ = SIZE_MAX;
  chain_count_ = 1;
  if (!nest_.reduction->merge) return;
  std::int64_t outer = static_cast<std::int64_t>(accumulators_.size());
  for (std::size_t k = 0; k < depth; ++k) {
    const auto axis = static_cast<std::size_t>(plan_.order[k]);
    outer *= tiles(nest_.axes[axis].extent, plan_.axes[axis]).count();
  }
  const std::size_t values = accumulators_.size() * nest_.reduction->initial.size();
  for (std::size_t k = plan_.order.size(); k-- > depth;) {
    const auto axis = static_cast<std::size_t>(plan_.order[k]);
    if (nest_.axes[axis].kind != ir::AxisKind::reduced) continue;
    const ir::AxisSchedule& schedule = plan_.axes[axis];
    const std::int64_t steps = tiles(nest_.axes[axis].extent, schedule).count();
    const bool counted = schedule.schedule != ir::Schedule::unrolled && !needs_constant(axis);
    if (counted ? steps < counted_steps : steps < straight_steps || outer > 4) continue;
    // Many terms take as many chains as a product's latency is long. Several sums of four terms are products side by
    // side and a tree of additions, which other units take than products.
    const bool many = counted || steps >= long_straight_steps;
    const std::size_t wanted = many || (steps == straight_steps && outer > 1) ? 4 : 2;
    for (std::size_t chains = wanted; chains > 1; chains /= 2)
      if (values * chains <= accumulator_limit) {
        split_depth_ = k;
        chain_count_ = chains;
        return;
      }
    return;
  }
}

/// A sum starts from -0, which adds nothing at all, so that its first addition disappears.
Value* NestEmitter::initial_value(std::size_t accumulator, bool empty) const {
  const ir::ScalarConstant initial = nest_.reduction->initial[accumulator];
  if (!empty && nest_.reduction->merge == ir::Opcode::add && is_floating(initial.dtype) && initial.bits == 0)
    return llvm::ConstantFP::getNegativeZero(code_.value_type(initial.dtype));
  return code_.constant(initial);
}

void NestEmitter::reduce_level(std::size_t depth, std::size_t chain) {
  while (depth < plan_.order.size() &&
         nest_.axes[static_cast<std::size_t>(plan_.order[depth])].kind != ir::AxisKind::reduced)
    ++depth;
  if (depth == plan_.order.size()) return reduce_leaf(chain);
  const auto axis = static_cast<std::size_t>(plan_.order[depth]);
  const std::int64_t extent = nest_.axes[axis].extent;
  const ir::AxisSchedule& schedule = plan_.axes[axis];
  const auto set_scaled = [&](std::int64_t scale) {
    return
        [this, axis, scale](Value* step) { axes_[axis] = {code_.builder.CreateMul(step, code_.integer(scale)), {}}; };
  };
  switch (schedule.schedule) {
    case ir::Schedule::serial:
      return reduce_steps(depth, chain, extent, true, set_scaled(1));
    case ir::Schedule::unrolled:
      return reduce_steps(depth, chain, extent, false, set_scaled(1));
    case ir::Schedule::lanes: {
      if (!nest_.reduction->merge) throw InternalError("cpu: a reduction without merge is in lanes");
      const Tiling all = tiles(extent, schedule);
      counts_[axis] = all.width;
      reduce_steps(depth, chain, all.full(), !needs_constant(axis), set_scaled(all.width));
      if (all.partial()) {
        const Tile last = all[all.full()];
        axes_[axis] = {code_.integer(last.base), {}};
        counts_[axis] = last.count;
        reduce_level(depth + 1, chain);
      }
      counts_[axis] = 1;
      return;
    }
    default:
      throw InternalError(fmt::format("cpu: reduced axis {} is scheduled as {}", axis, ir::name(schedule.schedule)));
  }
}

void NestEmitter::reduce_steps(std::size_t depth, std::size_t chain, std::int64_t count, bool counted,
                               llvm::function_ref<void(Value*)> set_position) {
  const bool split = depth == split_depth_;
  const auto turns = static_cast<std::int64_t>(split ? chain_count_ : 1);
  std::int64_t done = 0;
  if (counted && count / turns > 1) {
    Values carried;
    for (const Accumulators& accumulators : accumulators_)
      for (const Values& values : accumulators.chains) carried.append(values.begin(), values.end());
    const auto restore = [&] {
      std::size_t next = 0;
      for (Accumulators& accumulators : accumulators_)
        for (Values& values : accumulators.chains)
          for (Value*& value : values) value = carried[next++];
    };
    code_.counted_loop("reduce", count / turns, carried, [&](Value* step) {
      restore();
      for (std::int64_t turn = 0; turn < turns; ++turn) {
        Value* position = code_.builder.CreateMul(step, code_.integer(turns));
        set_position(code_.builder.CreateAdd(position, code_.integer(turn)));
        reduce_level(depth + 1, split ? static_cast<std::size_t>(turn) : chain);
      }
      std::size_t next = 0;
      for (const Accumulators& accumulators : accumulators_)
        for (const Values& values : accumulators.chains)
          for (Value* value : values) carried[next++] = value;
    });
    restore();
    done = count / turns * turns;
  }
  for (; done < count; ++done) {
    set_position(code_.integer(done));
    reduce_level(depth + 1, split ? static_cast<std::size_t>(done % turns) : chain);
  }
}

void NestEmitter::reduce_leaf(std::size_t chain) {
  for (Accumulators& accumulators : accumulators_) {
    enter_tile(accumulators);
    const std::vector<std::size_t> lanes = lane_axes(true);
    const Point point = point_with_lanes(lanes, true);
    const Values values = body_values(point);
    Values& current = accumulators.chains[chain];
    Values arguments(current);
    for (ir::OpId result : nest_.body.results) arguments.push_back(code_.splat(values[result], point.lanes.width));
    const Values next =
        RegionEmitter(code_, point.lanes.width, point.lanes.mask).emit(nest_.reduction->step, arguments);
    const bool reduced_lanes = lanes.size() > lane_axes(false).size();
    for (std::size_t k = 0; k < next.size(); ++k) {
      Value* value = code_.splat(next[k], point.lanes.width);
      if (point.lanes.mask != nullptr && reduced_lanes)
        value = code_.builder.CreateSelect(point.lanes.mask, value, current[k]);
      current[k] = value;
    }
  }
}

Value* NestEmitter::merge_lanes(std::size_t accumulator, Value* value, int width) {
  const std::vector<std::size_t> axes = lane_axes(true);
  if (axes.size() == lane_axes(false).size() || !is_vector(value)) return value;
  llvm::IRBuilder<>& builder = code_.builder;
  const DType dtype = nest_.reduction->initial[accumulator].dtype;
  const auto merge = [&](Value* left, Value* right) {
    return emit_merge(code_, *nest_.reduction->merge, dtype, left, right);
  };
  // The lanes of each stored lane, as reduce_leaf spread them.
  std::vector<std::int64_t> counts;
  for (std::size_t axis : axes)
    counts.push_back(nest_.axes[axis].kind == ir::AxisKind::reduced
                         ? std::clamp<std::int64_t>(nest_.axes[axis].extent, 1, std::max(plan_.axes[axis].width, 1))
                         : counts_[axis]);
  std::vector<std::vector<std::int64_t>> offsets;
  const Lanes lanes = spread(counts, offsets);
  std::map<std::vector<std::int64_t>, llvm::SmallVector<int, 16>> groups;
  for (int lane = 0; lane < lanes.valid; ++lane) {
    std::vector<std::int64_t> key;
    for (std::size_t k = 0; k < axes.size(); ++k)
      if (nest_.axes[axes[k]].kind != ir::AxisKind::reduced) key.push_back(offsets[k][static_cast<std::size_t>(lane)]);
    groups[key].push_back(lane);
  }
  std::vector<Value*> parts;
  const std::size_t folded = groups.begin()->second.size();
  if (groups.size() == 1) {
    // Padding holds the initial value.
    return fold_lanes(code_, *nest_.reduction->merge, dtype, value);
  }
  for (std::size_t k = 0; k < folded; ++k) {
    llvm::SmallVector<int, 16> chosen;
    for (const auto& [key, members] : groups) chosen.push_back(members[k]);
    while (static_cast<int>(chosen.size()) < width) chosen.push_back(chosen.back());
    parts.push_back(builder.CreateShuffleVector(value, chosen));
  }
  while (parts.size() > 1) {
    std::vector<Value*> merged;
    for (std::size_t k = 0; k + 1 < parts.size(); k += 2) merged.push_back(merge(parts[k], parts[k + 1]));
    if (parts.size() % 2 == 1) merged.push_back(parts.back());
    parts = std::move(merged);
  }
  return parts[0];
}

bool NestEmitter::finish_together() {
  const std::size_t count = accumulators_.size();
  if (count < 2 || !lane_axes(false).empty() || lane_axes(true).empty() || has_loop_lane_) return false;
  for (const Accumulators& accumulators : accumulators_)
    for (Value* value : accumulators.chains[0])
      if (!is_vector(value) ||
          llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements() < std::bit_ceil(count))
        return false;
  Point point{axes_, {}};
  if (part_) point.axes[part_->axis].origin = part_->begin;
  point.lanes.width = static_cast<int>(std::bit_ceil(count));
  point.lanes.valid = static_cast<int>(count);
  if (point.lanes.valid < point.lanes.width) point.lanes.mask = code_.first_lanes(point.lanes.valid, point.lanes.width);
  for (std::size_t k = 0; k < accumulators_[0].tiles.size(); ++k) {
    const std::size_t number = accumulators_[0].tiles[k].first;
    const auto block = blocks_.find(number);
    AxisPoint& axis = point.axes[number];
    axis.base = block == blocks_.end() ? code_.integer(0) : block->second.base;
    axis.offsets.clear();
    for (int lane = 0; lane < point.lanes.width; ++lane)
      axis.offsets.push_back(accumulators_[std::min(static_cast<std::size_t>(lane), count - 1)].tiles[k].second.base);
  }
  for (std::size_t k = 0; k < nest_.outputs.size(); ++k) {
    std::vector<Value*> vectors;
    for (const Accumulators& accumulators : accumulators_) vectors.push_back(accumulators.chains[0][k]);
    store(k, fold_vectors(code_, *nest_.reduction->merge, nest_.reduction->initial[k].dtype, std::move(vectors)), point,
          {});
  }
  return true;
}

void NestEmitter::finish_reduction() {
  for (Accumulators& accumulators : accumulators_) {
    std::vector<Values>& chains = accumulators.chains;
    for (; chains.size() > 1; chains.resize(chains.size() / 2))
      for (std::size_t c = 0; c < chains.size() / 2; ++c)
        for (std::size_t k = 0; k < chains[c].size(); ++k)
          chains[c][k] = emit_merge(code_, *nest_.reduction->merge, nest_.reduction->initial[k].dtype, chains[c][k],
                                    chains[c + chains.size() / 2][k]);
  }
  if (finish_together()) return;
  for (Accumulators& accumulators : accumulators_) {
    enter_tile(accumulators);
    const Point point = point_with_lanes(lane_axes(false), false);
    for (std::size_t k = 0; k < nest_.outputs.size(); ++k) {
      std::vector<Value*> chains;
      for (const Values& values : accumulators.chains) chains.push_back(values[k]);
      while (chains.size() > 1) {
        std::vector<Value*> merged;
        for (std::size_t c = 0; c + 1 < chains.size(); c += 2)
          merged.push_back(
              emit_merge(code_, *nest_.reduction->merge, nest_.reduction->initial[k].dtype, chains[c], chains[c + 1]));
        chains = std::move(merged);
      }
      store(k, merge_lanes(k, chains[0], point.lanes.width), point, {});
    }
    for (const auto& [axis, tile] : accumulators.tiles) counts_[axis] = 1;
  }
}

}  // namespace jaxc::cpu
