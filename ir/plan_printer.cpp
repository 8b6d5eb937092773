// Prints Plans for people: buffers, where each array lies, and how each nest and loop runs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "ir/plan.h"

namespace jaxc::ir {

std::string_view name(Storage storage) {
  switch (storage) {
    case Storage::input:
      return "input";
    case Storage::output:
      return "output";
    case Storage::constant:
      return "constant";
    case Storage::scratch:
      return "scratch";
    case Storage::stack:
      return "stack";
    case Storage::registers:
      return "registers";
    case Storage::shared:
      return "shared";
  }
  return "";
}

std::string_view name(Schedule schedule) {
  switch (schedule) {
    case Schedule::serial:
      return "serial";
    case Schedule::unrolled:
      return "unrolled";
    case Schedule::lanes:
      return "lanes";
    case Schedule::loop_lane:
      return "loop_lane";
    case Schedule::grid:
      return "grid";
    case Schedule::workgroup:
      return "workgroup";
  }
  return "";
}

std::string_view name(LoopPath path) {
  switch (path) {
    case LoopPath::fused:
      return "fused";
    case LoopPath::registers:
      return "registers";
    case LoopPath::workgroup:
      return "workgroup";
  }
  return "";
}

std::string_view name(CarryMode mode) {
  switch (mode) {
    case CarryMode::in_place:
      return "in_place";
    case CarryMode::doubled:
      return "doubled";
    case CarryMode::copied:
      return "copied";
  }
  return "";
}

std::string_view name(RoutinePath path) {
  switch (path) {
    case RoutinePath::expansion:
      return "expansion";
    case RoutinePath::library:
      return "library";
    case RoutinePath::prefix:
      return "prefix";
  }
  return "";
}

namespace {

std::string text(const Placement& placement) {
  std::string result = fmt::format("b{}", placement.buffer);
  if (placement.offset != 0) result += fmt::format(" + {}", placement.offset);
  if (!placement.strides.empty()) result += fmt::format(" strides {}", fmt::join(placement.strides, ","));
  for (const Placement::LoopStride& stride : placement.loop_strides)
    result += fmt::format(" + {}*n{}", stride.stride, stride.loop);
  if (!placement.lane_dimensions.empty())
    result += fmt::format(" lanes along {}", fmt::join(placement.lane_dimensions, ","));
  return result;
}

std::string text(const NestPlan& nest) {
  std::string result;
  for (int axis : nest.order) {
    const AxisSchedule& schedule = nest.axes[static_cast<std::size_t>(axis)];
    result += fmt::format("{}{} {}", result.empty() ? "" : ", ", axis, name(schedule.schedule));
    if (schedule.width != 1) result += fmt::format(" {}", schedule.width);
  }
  if (nest.product)
    return fmt::format("library ({}); {} bytes at scratch {}", nest.product->reason,
                       nest.product->runs * nest.product->bytes, nest.product->workspace);
  if (nest.split) result += fmt::format("; {} split by {}", nest.split->axis, nest.split->positions);
  return result.empty() ? "one point" : result;
}

std::string text(const LoopPlan& loop) {
  std::string result = fmt::format("{}", name(loop.path));
  if (!loop.reason.empty()) result += fmt::format(" ({})", loop.reason);
  for (CarryMode mode : loop.carries) result += fmt::format(" {}", name(mode));
  if (loop.lane_extents.empty() && loop.lane_threads) result += fmt::format("; steps in threads by {}", loop.lane_run);
  if (!loop.lane_extents.empty())
    result += fmt::format("; lanes {} by {}{}", fmt::join(loop.lane_extents, " x "), loop.lane_width,
                          loop.lane_threads ? fmt::format(", in threads by {}", loop.lane_run) : "");
  if (loop.unrolled) result += "; unrolled";
  return result;
}

std::string text(const RoutinePlan& routine) {
  std::string result(name(routine.path));
  if (!routine.reason.empty()) result += fmt::format(" ({})", routine.reason);
  if (routine.parts != 0)
    result += fmt::format("; {} parts of {} bytes at scratch {}", routine.parts, routine.part_bytes, routine.workspace);
  return result;
}

}  // namespace

std::string print(const Program& program, const Plan& plan) {
  std::string out =
      fmt::format("plan for {}, {} bytes of scratch\n", plan.target == Target::cpu ? "cpu" : "gpu", plan.scratch_bytes);
  const auto to = std::back_inserter(out);
  if (!plan.cuts.empty()) fmt::format_to(to, "  cut before outermost nodes {}\n", fmt::join(plan.cuts, ", "));
  for (std::size_t k = 0; k < plan.buffers.size(); ++k) {
    const Buffer& buffer = plan.buffers[k];
    fmt::format_to(to, "  b{}: {} {}, {} bytes{}\n", k, name(buffer.storage), buffer.slot, buffer.bytes,
                   buffer.streamed ? ", streamed" : "");
  }
  for (std::size_t array = 0; array < plan.placements.size() && array < program.arrays.size(); ++array)
    fmt::format_to(to, "  a{}: {}{} at {}\n", array, name(program.arrays[array].dtype),
                   to_string(program.arrays[array].shape), text(plan.placements[array]));
  visit_nodes(program.body, [&](const Node& node) {
    if (const auto nest = plan.nests.find(node.id); nest != plan.nests.end())
      fmt::format_to(to, "  n{}: nest {}\n", node.id, text(nest->second));
    if (const auto loop = plan.loops.find(node.id); loop != plan.loops.end())
      fmt::format_to(to, "  n{}: loop {} {}\n", node.id, std::get<Loop>(node.kind).name, text(loop->second));
    if (const auto routine = plan.routines.find(node.id); routine != plan.routines.end())
      fmt::format_to(to, "  n{}: routine {} {}\n", node.id, std::get<Routine>(node.kind).name, text(routine->second));
    if (const auto refusal = plan.refusals.find(node.id); refusal != plan.refusals.end())
      fmt::format_to(to, "  n{}: no library: {}\n", node.id, refusal->second);
  });
  return out;
}

}  // namespace jaxc::ir
