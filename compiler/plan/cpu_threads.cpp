// Weighs a nest's vector operations against the cost of waking threads, and cuts the first long axis.
#include "compiler/plan/cpu_threads.h"

#include <algorithm>

#include "compiler/plan/schedule.h"

namespace jaxc::compiler {

namespace {

// Vector operations that are worth sharing out, and those that are worth a part of its own.
struct Worth {
  std::int64_t shared = 0;
  std::int64_t part = 0;
};

// Outside loops threads may sleep, and waking one takes about as long as 2^15 operations. For the steps of a loop they
// are awake: a fork and a join take under a microsecond, and 2^13 operations about two.
constexpr Worth asleep{std::int64_t{1} << 17, std::int64_t{1} << 14};
constexpr Worth awake{std::int64_t{1} << 13, std::int64_t{1} << 12};

constexpr std::int64_t most_parts = 64;

// Blocks of tiles share the reads of products and keep their sums in registers: so many operations take as long as one
// of others. Where a step multiplies one row alone, it waits for the matrix.
constexpr std::int64_t operations_of_a_blocked_step = 4;
constexpr std::int64_t operations_of_a_block_of_rows = 8;

// Tiles that code handles together, which parts do not tear apart.
constexpr std::int64_t block_tiles = 8;

// A vector of lanes of a loop waits for its own results, step by step.
constexpr std::int64_t lane_operations = std::int64_t{1} << 15;

bool can_be_cut(const ir::Nest& nest, const ir::NestPlan& plan, std::size_t axis) {
  const ir::Schedule schedule = plan.axes[axis].schedule;
  return nest.axes[axis].kind == ir::AxisKind::parallel && schedule != ir::Schedule::loop_lane &&
         schedule != ir::Schedule::unrolled;
}

bool is_product(const ir::Nest& nest) {
  const auto reads = std::count_if(nest.body.ops.begin(), nest.body.ops.end(),
                                   [](const ir::ScalarOp& op) { return op.opcode == ir::Opcode::read; });
  return nest.reduction && reads > 1;
}

bool has_parts(const ir::Nest& nest) {
  return std::none_of(nest.axes.begin(), nest.axes.end(),
                      [](const ir::Axis& axis) { return axis.kind == ir::AxisKind::ordered || axis.extent == 0; });
}

std::optional<ir::NestPlan::Split> split(const ir::Nest& nest, const ir::NestPlan& plan, std::int64_t operations,
                                         const Worth& worth) {
  if (operations < worth.shared) return std::nullopt;
  const std::int64_t parts = std::min(most_parts, operations / worth.part);
  // The outermost axis that gives every part a block; else the one with most blocks.
  std::optional<ir::NestPlan::Split> best;
  std::int64_t most = 1;
  for (int axis : plan.order) {
    const auto number = static_cast<std::size_t>(axis);
    if (!can_be_cut(nest, plan, number)) continue;
    const std::int64_t extent = nest.axes[number].extent;
    const std::int64_t block = plan.axes[number].width * block_tiles;
    const std::int64_t positions = (extent + parts * block - 1) / (parts * block) * block;
    const std::int64_t count = (extent + positions - 1) / positions;
    if (count <= most) continue;
    most = count;
    best = {axis, positions};
    if (2 * count >= std::min<std::int64_t>(parts, 16)) break;
  }
  return best;
}

}  // namespace

std::optional<ir::NestPlan::Split> split_nest(const ir::Nest& nest, const ir::NestPlan& plan) {
  if (!has_parts(nest)) return std::nullopt;
  const std::int64_t together = is_product(nest) ? operations_of_a_blocked_step : 1;
  return split(nest, plan, nest_operations(nest, plan) / together, asleep);
}

std::optional<ir::NestPlan::Split> StepSplitter::split(const ir::Nest& nest, const ir::NestPlan& plan) {
  if (!has_parts(nest)) return std::nullopt;
  const std::int64_t operations = nest_operations(nest, plan);
  if (is_product(nest)) {
    const auto long_axes = std::count_if(plan.order.begin(), plan.order.end(), [&](int axis) {
      const auto number = static_cast<std::size_t>(axis);
      return nest.axes[number].kind == ir::AxisKind::parallel && nest.axes[number].extent > plan.axes[number].width;
    });
    const std::int64_t together = long_axes > 1 ? operations_of_a_block_of_rows : operations_of_a_blocked_step;
    auto cut = compiler::split(nest, plan, operations / together, awake);
    extent_ = cut ? nest.axes[static_cast<std::size_t>(cut->axis)].extent : 0;
    positions_ = cut ? cut->positions : 0;
    return cut;
  }
  if (extent_ == 0 || operations < awake.shared) return split_nest(nest, plan);
  for (int axis : plan.order) {
    const auto number = static_cast<std::size_t>(axis);
    if (can_be_cut(nest, plan, number) && nest.axes[number].extent == extent_ &&
        positions_ % plan.axes[number].width == 0)
      return ir::NestPlan::Split{axis, positions_};
  }
  return split_nest(nest, plan);
}

std::int64_t lane_run(std::int64_t count, std::int64_t operations) {
  constexpr std::int64_t unlimited = std::int64_t{1} << 40;
  const std::int64_t total = count > unlimited / std::max<std::int64_t>(operations, 1) ? unlimited : count * operations;
  if (count < 2 || total < 2 * lane_operations) return 0;
  const std::int64_t parts = std::min({most_parts, count, total / lane_operations});
  return (count + parts - 1) / parts;
}

}  // namespace jaxc::compiler
