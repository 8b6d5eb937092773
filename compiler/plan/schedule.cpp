// Chooses vector lanes by an estimate of vector operations and memory accesses a point.
#include "compiler/plan/schedule.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

namespace jaxc::compiler {

namespace {

using ir::AxisKind;
using ir::Index;
using ir::Nest;
using ir::NestOutput;
using ir::NestPlan;
using ir::Opcode;
using ir::Program;
using ir::Region;
using ir::ScalarOp;
using ir::Schedule;

// Nests up to this many points keep what they read in registers or in the first cache.
constexpr std::int64_t small_nest = 4096;

std::int64_t extents_product(const Nest& nest) {
  std::int64_t product = 1;
  for (const ir::Axis& axis : nest.axes) product *= std::max<std::int64_t>(axis.extent, 1);
  return product;
}

bool has_gathered_index(const Region& body, const std::vector<Index>& indices) {
  for (const Index& index : indices)
    for (const Index::Term& term : index.terms)
      if (body.ops[term.op].opcode != Opcode::axis) return true;
  return false;
}

// By how many elements an address moves along an axis; nothing where an index that depends on the axis is looked up.
std::optional<std::int64_t> lane_stride(const Region& body, const std::vector<Index>& indices, const Shape& shape,
                                        std::uint64_t axis) {
  std::vector<std::int8_t> known(body.ops.size(), -1);
  const std::function<bool(ir::OpId)> depends = [&](ir::OpId number) {
    std::int8_t& result = known[number];
    if (result >= 0) return result == 1;
    const ScalarOp& op = body.ops[number];
    bool found = op.opcode == Opcode::axis && op.immediate == axis;
    for (const ir::OpId argument : op.arguments) found = found || depends(argument);
    for (const Index& index : op.indices)
      for (const Index::Term& term : index.terms) found = found || depends(term.op);
    known[number] = found ? 1 : 0;
    return found;
  };
  const std::vector<std::int64_t> strides = row_major_strides(shape);
  std::int64_t total = 0;
  for (std::size_t k = 0; k < indices.size(); ++k)
    for (const Index::Term& term : indices[k].terms) {
      if (!depends(term.op)) continue;
      if (body.ops[term.op].opcode != Opcode::axis) return std::nullopt;
      total += term.coefficient * strides[k];
    }
  return total;
}

enum class Access : std::uint8_t { load, store };

// What one access costs a vector of `width` lanes along an axis: nothing more than a scalar where all lanes
// share the element, one vector where they are neighbours, a load and a shuffle for each vector that close ones lie
// in, else an access a lane.
std::int64_t access_cost(Access access, const Region& body, const std::vector<Index>& indices, const Shape& shape,
                         std::uint64_t axis, std::int64_t width) {
  constexpr std::int64_t closest_strides = 4;
  const auto stride = lane_stride(body, indices, shape, axis);
  if (!stride) return 2 * width;
  if (*stride == 0 || *stride == 1) return 1;
  const bool close = access == Access::load && *stride > 1 && *stride <= closest_strides;
  return 2 * (close ? std::min(*stride, width) : width);
}

std::int64_t operation_cost(const Region& region) {
  std::int64_t cost = 0;
  for (const ScalarOp& op : region.ops) {
    switch (op.opcode) {
      case Opcode::constant:
      case Opcode::axis:
      case Opcode::argument:
      case Opcode::element:
      case Opcode::read:
        break;
      case Opcode::call:
        cost += 20;
        break;
      case Opcode::branch:
      case Opcode::repeat:
        cost += 1;
        for (const Region& inner : op.regions) cost += operation_cost(inner);
        break;
      default:
        cost += 1;
    }
  }
  return cost;
}

std::int64_t lane_width(const Program& program, const Nest& nest, std::int64_t extent, std::int64_t vector_bits) {
  std::size_t widest = 1;
  std::size_t widest_scalar = 1;  // a loop's position, for example, which fills no lanes
  for (const ScalarOp& op : nest.body.ops) {
    if (op.opcode != Opcode::read) continue;
    std::size_t& bytes = op.indices.empty() ? widest_scalar : widest;
    bytes = std::max(bytes, element_bytes(op.dtype));
  }
  for (const NestOutput& output : nest.outputs)
    widest = std::max(widest, element_bytes(program.arrays[output.result].dtype));
  const auto width = [&](std::size_t bytes) { return vector_bits / (8 * static_cast<std::int64_t>(bytes)); };
  // Where not even one vector would be full, two narrow ones may be.
  const std::int64_t full = extent < width(widest) ? width(std::max(widest, widest_scalar)) : width(widest);
  return std::min(full, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(extent))));
}

// How often straight-line code or a loop of a small nest makes an access: the axes that its address does not
// depend on reuse what it gave.
std::int64_t access_count(const Nest& nest, const std::vector<Index>& indices, std::uint64_t lanes,
                          std::int64_t vectors, std::int64_t points) {
  if (points > small_nest || has_gathered_index(nest.body, indices)) return points;
  std::vector<bool> used(nest.axes.size(), false);
  for (const Index& index : indices)
    for (const Index::Term& term : index.terms) used[nest.body.ops[term.op].immediate] = true;
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
    if (used[axis]) count *= axis == lanes ? vectors : std::max<std::int64_t>(nest.axes[axis].extent, 1);
  return count;
}

// The estimated work of the whole nest with `axis` in lanes of `width`.
std::int64_t lane_cost(const Program& program, const Nest& nest, std::uint64_t axis, std::int64_t width) {
  std::int64_t cost = operation_cost(nest.body);
  std::int64_t outputs = 0;
  for (const NestOutput& output : nest.outputs) {
    if (nest.axes[axis].kind == AxisKind::reduced)
      outputs += 2 * std::bit_width(static_cast<std::uint64_t>(width));
    else
      outputs +=
          access_cost(Access::store, nest.body, output.indices, program.arrays[output.result].shape, axis, width);
  }
  if (nest.reduction) cost += operation_cost(nest.reduction->step);
  const std::int64_t extent = nest.axes[axis].extent;
  const std::int64_t vectors = (extent + width - 1) / width;
  std::int64_t points = extents_product(nest) / std::max<std::int64_t>(extent, 1) * vectors;
  std::int64_t stores = nest.axes[axis].kind == AxisKind::reduced ? 1 : vectors;
  for (std::size_t k = 0; k < nest.axes.size(); ++k)
    if (k != axis && nest.axes[k].kind != AxisKind::reduced) stores *= std::max<std::int64_t>(nest.axes[k].extent, 1);
  std::int64_t accesses = 0;
  for (const ScalarOp& op : nest.body.ops)
    if (op.opcode == Opcode::read)
      accesses += access_cost(Access::load, nest.body, op.indices, program.arrays[op.array].shape, axis, width) *
                  access_count(nest, op.indices, axis, vectors, points);
  return points * cost + accesses + stores * outputs;
}

/// A short axis along which a result's elements are neighbours while lanes store them apart: unrolled inside the
/// lanes, its stores together fill whole rows.
std::optional<std::size_t> axis_completing_rows(const Program& program, const Nest& nest, std::size_t lanes) {
  constexpr std::int64_t longest_row = 16;
  if (nest.reduction || nest.axes[lanes].kind != AxisKind::parallel) return std::nullopt;
  for (const NestOutput& output : nest.outputs) {
    const Shape& shape = program.arrays[output.result].shape;
    const auto apart = address_stride(nest.body, output.indices, shape, lanes);
    if (output.guard || !apart || *apart < 2) continue;
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
      const bool small = nest.axes[axis].extent >= 2 && nest.axes[axis].extent <= longest_row;
      if (axis != lanes && small && nest.axes[axis].kind == AxisKind::parallel &&
          address_stride(nest.body, output.indices, shape, axis) == 1)
        return axis;
    }
  }
  return std::nullopt;
}

/// A short axis that most reads do not depend on, beside others that fill lanes: unrolled inside the lanes, its points
/// share what they read and what they compute from it.
std::optional<std::size_t> axis_sharing_reads(const Nest& nest) {
  constexpr std::int64_t most_points = 16;
  constexpr std::int64_t fewest_shared = 4;
  constexpr std::int64_t fewest_others = 8;
  if (nest.reduction) return std::nullopt;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
    const bool small = nest.axes[axis].extent >= 2 && nest.axes[axis].extent <= most_points;
    if (!small || nest.axes[axis].kind != AxisKind::parallel) continue;
    if (extents_product(nest) / nest.axes[axis].extent < fewest_others) continue;
    const auto depends = [&](const Index& index) {
      return std::any_of(index.terms.begin(), index.terms.end(), [&](const Index::Term& term) {
        const ScalarOp& op = nest.body.ops[term.op];
        return op.opcode != Opcode::axis || op.immediate == axis;
      });
    };
    std::int64_t shared = 0;
    std::int64_t own = 0;
    for (const ScalarOp& op : nest.body.ops)
      if (op.opcode == Opcode::read) ++(std::any_of(op.indices.begin(), op.indices.end(), depends) ? own : shared);
    if (shared >= fewest_shared && shared >= 2 * own) return axis;
  }
  return std::nullopt;
}

/// Fills lanes that a short innermost axis leaves empty with neighbours along another axis, where both are one
/// straight line in memory.
void widen_lanes(const Program& program, const Nest& nest, std::int64_t vector_bits, std::size_t lanes,
                 NestPlan& plan) {
  const std::int64_t extent = nest.axes[lanes].extent;
  if (nest.reduction || extents_product(nest) <= small_nest || plan.axes[lanes].width != extent) return;
  const std::int64_t full = lane_width(program, nest, vector_bits, vector_bits);
  if (full < 2 * extent) return;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
    if (axis == lanes || nest.axes[axis].kind != AxisKind::parallel || nest.axes[axis].extent < 2) continue;
    const auto in_line = [&](const std::vector<Index>& indices, const Shape& shape, bool store) {
      const auto inner = address_stride(nest.body, indices, shape, lanes);
      const auto outer = address_stride(nest.body, indices, shape, axis);
      return inner && outer && *outer == extent * *inner && (*inner == 1 || (*inner == 0 && !store));
    };
    bool fits = true;
    for (const ScalarOp& op : nest.body.ops)
      if (op.opcode == Opcode::read) fits = fits && in_line(op.indices, program.arrays[op.array].shape, false);
    for (const NestOutput& output : nest.outputs)
      fits = fits && in_line(output.indices, program.arrays[output.result].shape, true);
    const std::int64_t rows = std::min(full / extent, nest.axes[axis].extent);
    if (!fits || !std::has_single_bit(static_cast<std::uint64_t>(rows)) || nest.axes[axis].extent % rows != 0) continue;
    plan.axes[axis] = {Schedule::lanes, static_cast<int>(rows)};
    std::erase(plan.order, static_cast<int>(axis));
    plan.order.insert(std::find(plan.order.begin(), plan.order.end(), static_cast<int>(lanes)), static_cast<int>(axis));
    return;
  }
}

/// A nest that reads along one axis what it stores along another: lanes along the former, in blocks of as many
/// positions of the latter, which are turned around in registers.
struct Turn {
  std::size_t read = 0;
  std::size_t stored = 0;
  std::int64_t width = 1;
};

std::optional<Turn> turn_of(const Program& program, const Nest& nest, std::int64_t vector_bits) {
  constexpr std::int64_t widest_block = 16;
  constexpr std::int64_t most_operations = 8;
  constexpr std::int64_t fewest_points = 512;
  if (nest.reduction || nest.outputs.size() != 1 || extents_product(nest) <= fewest_points) return std::nullopt;
  const NestOutput& output = nest.outputs[0];
  const bool parallel = std::all_of(nest.axes.begin(), nest.axes.end(),
                                    [](const ir::Axis& axis) { return axis.kind == AxisKind::parallel; });
  if (!parallel || output.base || output.guard || operation_cost(nest.body) > most_operations) return std::nullopt;
  const auto stride = [&](const std::vector<Index>& indices, ir::ArrayId array, std::size_t axis) {
    return address_stride(nest.body, indices, program.arrays[array].shape, axis);
  };
  const std::int64_t width = std::min(lane_width(program, nest, vector_bits, vector_bits), widest_block);
  std::vector<std::size_t> stored;
  std::vector<std::size_t> read;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
    if (nest.axes[axis].extent < width) continue;
    const auto apart = stride(output.indices, output.result, axis);
    bool apart_in_reads = false;
    bool neighbours_in_reads = false;
    bool fits = apart.has_value();
    for (const ScalarOp& op : nest.body.ops) {
      if (op.opcode != Opcode::read) continue;
      const auto step = stride(op.indices, op.array, axis);
      fits = fits && step && op.arguments.empty();
      if (!fits) break;
      neighbours_in_reads = neighbours_in_reads || *step == 1;
      apart_in_reads = apart_in_reads || *step < 0 || *step > 1;
    }
    if (!fits) continue;
    if (*apart == 1 && apart_in_reads) stored.push_back(axis);
    if (*apart >= width && neighbours_in_reads && !apart_in_reads) read.push_back(axis);
  }
  if (width < 4 || stored.size() != 1 || read.size() != 1) return std::nullopt;
  return Turn{read[0], stored[0], width};
}

}  // namespace

std::vector<std::int64_t> row_major_strides(const Shape& shape, std::int64_t row) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t k = shape.size(); k-- > 0;) {
    strides[k] = stride;
    stride *= k + 1 == shape.size() ? std::max(row, shape[k]) : shape[k];
  }
  return strides;
}

std::optional<std::int64_t> address_stride(const Region& body, const std::vector<Index>& indices, const Shape& shape,
                                           std::uint64_t axis) {
  if (has_gathered_index(body, indices)) return std::nullopt;
  const std::vector<std::int64_t> strides = row_major_strides(shape);
  std::int64_t total = 0;
  for (std::size_t k = 0; k < indices.size(); ++k)
    for (const Index::Term& term : indices[k].terms)
      if (body.ops[term.op].immediate == axis) total += term.coefficient * strides[k];
  return total;
}

NestPlan schedule_nest(const Program& program, const Nest& nest, std::int64_t vector_bits) {
  NestPlan plan;
  plan.axes.resize(nest.axes.size());
  if (const auto turn = turn_of(program, nest, vector_bits)) {
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      if (axis != turn->read && axis != turn->stored) plan.order.push_back(static_cast<int>(axis));
    plan.order.push_back(static_cast<int>(turn->read));
    plan.order.push_back(static_cast<int>(turn->stored));
    plan.axes[turn->read] = {Schedule::lanes, static_cast<int>(turn->width)};
    plan.axes[turn->stored] = {Schedule::serial, static_cast<int>(turn->width)};
    return plan;
  }
  std::optional<std::size_t> lanes;
  std::int64_t width = 1;
  const bool ordered = std::any_of(nest.axes.begin(), nest.axes.end(),
                                   [](const ir::Axis& axis) { return axis.kind == AxisKind::ordered; });
  const std::optional<std::size_t> sharing = axis_sharing_reads(nest);
  if (!nest.axes.empty()) {
    std::int64_t best = lane_cost(program, nest, nest.axes.size() - 1, 1);
    for (std::size_t axis = nest.axes.size(); axis-- > 0;) {
      if (nest.axes[axis].kind == AxisKind::ordered) break;  // inside it, lanes keep the order of all points
      if (nest.axes[axis].extent < 2 || axis == sharing) continue;
      if (nest.axes[axis].kind == AxisKind::reduced && !nest.reduction->merge) continue;
      const std::int64_t candidate = lane_width(program, nest, nest.axes[axis].extent, vector_bits);
      const std::int64_t cost = lane_cost(program, nest, axis, candidate);
      if (candidate > 1 && cost < best) {
        best = cost;
        lanes = axis;
        width = candidate;
      }
    }
  }
  if (lanes) plan.axes[*lanes] = {Schedule::lanes, static_cast<int>(width)};
  for (const AxisKind kind : {AxisKind::parallel, AxisKind::ordered, AxisKind::reduced}) {
    const auto of_kind = [&](std::size_t axis) {
      const AxisKind actual = nest.axes[axis].kind;
      return actual == kind;
    };
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      if (of_kind(axis) && axis != lanes) plan.order.push_back(static_cast<int>(axis));
    if (lanes && of_kind(*lanes)) plan.order.push_back(static_cast<int>(*lanes));
  }
  if (ordered) {  // ordered axes keep the nest's own order among all axes
    plan.order.clear();
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) plan.order.push_back(static_cast<int>(axis));
  } else if (lanes) {
    auto row = axis_completing_rows(program, nest, *lanes);
    if (!row) row = sharing;
    if (row) {
      std::erase(plan.order, static_cast<int>(*row));
      plan.order.push_back(static_cast<int>(*row));
      plan.axes[*row].schedule = Schedule::unrolled;
    } else {
      widen_lanes(program, nest, vector_bits, *lanes, plan);
    }
  }
  return plan;
}

std::int64_t nest_operations(const Nest& nest, const NestPlan& plan) {
  // Enough to be never unrolled, and little enough to be multiplied once more.
  constexpr std::int64_t most_operations = std::int64_t{1} << 40;
  std::int64_t cost = std::max<std::int64_t>(1, operation_cost(nest.body));
  for (const ScalarOp& op : nest.body.ops) cost += op.opcode == Opcode::read ? 1 : 0;
  if (nest.reduction) cost += operation_cost(nest.reduction->step);
  // Blocks are turned around by as many shuffles of each vector.
  for (const ir::AxisSchedule& axis : plan.axes)
    if (axis.schedule == Schedule::serial && axis.width > 1) cost += std::bit_width(static_cast<unsigned>(axis.width));
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
    const std::int64_t width = plan.axes[axis].schedule == Schedule::serial ? 1 : plan.axes[axis].width;
    const std::int64_t copies = (nest.axes[axis].extent + width - 1) / width;
    cost = copies > 0 && cost > most_operations / copies ? most_operations : cost * copies;
  }
  return cost;
}

std::int64_t unroll_nest(const Nest& nest, NestPlan& plan, std::int64_t operations, bool& complete) {
  constexpr std::int64_t most_vectors = 4;   // of a line that straight-line code keeps in registers
  constexpr std::int64_t least_vectors = 4;  // whose sums hide each other's latencies
  constexpr std::int64_t least_terms = 16;
  NestPlan single = plan;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
    single.axes[axis] = {Schedule::lanes, static_cast<int>(std::clamp<std::int64_t>(nest.axes[axis].extent, 1,
                                                                                    std::numeric_limits<int>::max()))};
  std::int64_t code = nest_operations(nest, single);
  complete = true;
  std::int64_t vectors = 1;  // of results
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
    if (nest.reduction && nest.reduction->merge && nest.axes[axis].kind == AxisKind::parallel &&
        plan.axes[axis].schedule == Schedule::lanes)
      vectors = (nest.axes[axis].extent + plan.axes[axis].width - 1) / plan.axes[axis].width;
  for (auto axis = plan.order.rbegin(); axis != plan.order.rend(); ++axis) {
    ir::AxisSchedule& schedule = plan.axes[*axis];
    if (schedule.schedule == Schedule::loop_lane) continue;
    const bool turned = schedule.schedule == Schedule::serial && schedule.width > 1;
    const std::int64_t width = schedule.schedule == Schedule::serial ? 1 : schedule.width;
    const std::int64_t copies = (nest.axes[*axis].extent + width - 1) / width;
    if (turned) {
      complete = false;
      continue;
    }
    if (schedule.schedule == Schedule::lanes) {
      complete =
          complete && (copies <= 1 || (copies <= most_vectors && !nest.reduction && copies * code <= operations));
      code *= complete ? std::max<std::int64_t>(copies, 1) : 1;
      continue;
    }
    // A loop over the terms keeps the sums of many vectors in registers, side by side.
    if (nest.axes[*axis].kind == AxisKind::reduced && copies >= least_terms && vectors >= least_vectors) {
      complete = false;
      continue;
    }
    if (!complete || copies > operations || copies * code > operations) {
      complete = false;
      continue;
    }
    schedule = {Schedule::unrolled, 1};
    code *= std::max<std::int64_t>(copies, 1);
  }
  return code;
}

}  // namespace jaxc::compiler
