// Weighs a nest's vector operations against the cost of waking threads, and cuts the first long axis.
#include "compiler/plan/cpu_threads.h"

#include <algorithm>

#include "compiler/plan/schedule.h"

namespace jaxc::compiler {

namespace {

// Vector operations that are worth waking threads for, and those that are worth a part of its own.
constexpr std::int64_t shared_operations = std::int64_t{1} << 17;
constexpr std::int64_t part_operations = std::int64_t{1} << 14;

// The same inside a loop's step, where threads are awake.
constexpr std::int64_t shared_operations_in_step = std::int64_t{1} << 15;
constexpr std::int64_t part_operations_in_step = std::int64_t{1} << 12;

constexpr std::int64_t most_parts = 64;

// Blocks of tiles share the reads of products and keep their sums in registers.
constexpr std::int64_t operations_of_a_blocked_step = 4;

// Tiles that code handles together, which parts do not tear apart.
constexpr std::int64_t block_tiles = 8;

// A vector of lanes of a loop waits for its own results, step by step.
constexpr std::int64_t lane_operations = std::int64_t{1} << 15;

}  // namespace

std::optional<ir::NestPlan::Split> split_nest(const ir::Nest& nest, const ir::NestPlan& plan, bool in_step) {
  for (const ir::Axis& axis : nest.axes)
    if (axis.kind == ir::AxisKind::ordered || axis.extent == 0) return std::nullopt;
  const auto reads = std::count_if(nest.body.ops.begin(), nest.body.ops.end(),
                                   [](const ir::ScalarOp& op) { return op.opcode == ir::Opcode::read; });
  const bool blocked = nest.reduction && reads > 1;
  const std::int64_t operations = nest_operations(nest, plan) / (blocked ? operations_of_a_blocked_step : 1);
  if (operations < (in_step ? shared_operations_in_step : shared_operations)) return std::nullopt;
  const std::int64_t parts = std::min(most_parts, operations / (in_step ? part_operations_in_step : part_operations));
  // The outermost axis that gives every part a block; else the one with most blocks.
  std::optional<ir::NestPlan::Split> best;
  std::int64_t most = 1;
  for (int axis : plan.order) {
    const auto number = static_cast<std::size_t>(axis);
    const ir::AxisSchedule& schedule = plan.axes[number];
    const std::int64_t extent = nest.axes[number].extent;
    if (nest.axes[number].kind != ir::AxisKind::parallel || schedule.schedule == ir::Schedule::loop_lane ||
        schedule.schedule == ir::Schedule::unrolled)
      continue;
    const std::int64_t block = schedule.width * block_tiles;
    const std::int64_t positions = (extent + parts * block - 1) / (parts * block) * block;
    const std::int64_t count = (extent + positions - 1) / positions;
    if (count <= most) continue;
    most = count;
    best = {axis, positions};
    if (2 * count >= std::min<std::int64_t>(parts, 16)) break;
  }
  return best;
}

std::int64_t lane_run(std::int64_t count, std::int64_t operations) {
  constexpr std::int64_t unlimited = std::int64_t{1} << 40;
  const std::int64_t total = count > unlimited / std::max<std::int64_t>(operations, 1) ? unlimited : count * operations;
  if (count < 2 || total < 2 * lane_operations) return 0;
  const std::int64_t parts = std::min({most_parts, count, total / lane_operations});
  return (count + parts - 1) / parts;
}

}  // namespace jaxc::compiler
