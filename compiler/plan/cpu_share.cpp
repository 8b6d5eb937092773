// Looks where arrays are: parts share no private memory of the code around them, and none writes what another reads.
#include "compiler/plan/cpu_share.h"

#include <algorithm>
#include <map>

#include "compiler/plan/cpu_threads.h"
#include "compiler/plan/schedule.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Branch;
using ir::Loop;
using ir::LoopPlan;
using ir::Nest;
using ir::NestPlan;
using ir::Node;
using ir::Plan;
using ir::Program;
using ir::Routine;
using ir::Storage;

// Enough to be worth threads, and little enough to be multiplied once more.
constexpr std::int64_t most_operations = std::int64_t{1} << 40;

class Sharer {
 public:
  Sharer(const Program& program, const CpuSchedule& schedule, const CpuPlanOptions& options, Plan& plan)
      : program_(program), schedule_(schedule), options_(options), plan_(plan) {
    for (std::uint32_t number = 1; number < schedule.lanes.size(); ++number)
      lane_number_[schedule.lanes[number].node] = number;
  }

  void run() { share_out(program_.body); }

 private:
  // Splits what threads can share: no array that a part touches is private to the code around it, and none that its
  // parts write is theirs together.
  void share_out(const Block& block, bool in_step = false) {
    StepSplitter steps;
    for (const Node& node : block.nodes) {
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        NestPlan& nest_plan = plan_.nests[node.id];
        if (nest_plan.product || !(in_step ? has_addresses(node) : !uses_private_arrays(node))) continue;
        nest_plan.split = in_step ? steps.split(*nest, nest_plan) : split_nest(*nest, nest_plan);
      } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        if (schedule_.independent_steps.contains(node.id)) share_out_steps(node);
        if (const auto found = lane_number_.find(node.id); found != lane_number_.end() && !in_step)
          share_out_lanes(node, found->second);
        const LoopPlan& loop_plan = plan_.loops[node.id];
        if (!loop_plan.lane_threads && loop_plan.lane_extents.empty()) share_out(loop->body, true);
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) share_out(inner, in_step);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        if (ir::runs_expansion(plan_, node.id)) share_out(routine->expansion, in_step);
      }
    }
  }

  void share_out_lanes(const Node& node, std::uint32_t number) {
    if (uses_private_arrays(node)) return;
    const std::set<ArrayId> slices = slices_in_place(std::get<Loop>(node.kind));
    for (ArrayId array : schedule_.lanes[number].arrays)
      if (!is_private(array) && schedule_.lane_dimensions(array)[0] < 0 && !slices.contains(array)) return;
    LoopPlan& loop = plan_.loops[node.id];
    const LaneLoop& lanes = schedule_.lanes[number];
    const std::int64_t width = loop.lane_extents.size() == 1 ? loop.lane_width : 1;
    // Wide lanes are several vectors; most elements have 32 bits.
    std::int64_t operations = std::min(
        lanes.operations * std::max<std::int64_t>(1, std::int64_t{loop.lane_width} * 32 / options_.vector_bits),
        most_operations);
    for (std::size_t axis = 1; axis < loop.lane_extents.size(); ++axis)
      operations = std::min(operations * std::min(loop.lane_extents[axis], std::int64_t{1} << 20), most_operations);
    loop.lane_run = lane_run((loop.lane_extents[0] + width - 1) / width, operations);
    loop.lane_threads = loop.lane_run > 0;
  }

  // The slices that a loop only reads, where they lie in the stacked array.
  std::set<ArrayId> slices_in_place(const Loop& loop) const {
    std::set<ArrayId> slices;
    for (const ir::StackedInput& input : loop.inputs)
      if (plan_.placements[input.argument].buffer == plan_.placements[input.source].buffer)
        slices.insert(input.argument);
    return slices;
  }

  // Each step writes to private memory, and to its slice of what moves with the loop.
  void share_out_steps(const Node& node) {
    if (uses_private_arrays(node)) return;
    const auto& loop = std::get<Loop>(node.kind);
    bool apart = true;
    std::int64_t operations = 0;
    bool multiplies = false;  // by a library, whose memory one step at a time uses
    const auto own = [&](ArrayId array) {
      const auto& strides = plan_.placements[array].loop_strides;
      apart = apart && (is_private(array) || std::any_of(strides.begin(), strides.end(), [&](const auto& stride) {
                          return stride.loop == node.id && stride.stride != 0;
                        }));
    };
    for (const ArrayId argument : ir::loop_arguments(loop)) own(argument);
    ir::visit_nodes(loop.body, [&](const Node& inner) {
      for (ArrayId array : ir::arrays_assigned(inner)) own(array);
      if (const auto* nested = std::get_if<Loop>(&inner.kind))
        for (const ArrayId argument : ir::loop_arguments(*nested)) own(argument);
      if (const auto* nest = std::get_if<Nest>(&inner.kind)) {
        multiplies = multiplies || plan_.nests[inner.id].product;
        operations = std::min(operations + nest_operations(*nest, plan_.nests[inner.id]), most_operations);
      }
    });
    if (!apart || multiplies) return;
    LoopPlan& loop_plan = plan_.loops[node.id];
    loop_plan.lane_run = lane_run(loop.trip_count, operations);
    loop_plan.lane_threads = loop_plan.lane_run > 0;
  }

  bool is_private(ArrayId array) const {
    const Storage storage = plan_.buffers[plan_.placements[array].buffer].storage;
    return storage == Storage::stack || storage == Storage::registers;
  }

  bool uses_private_arrays(const Node& node) const {
    const std::vector<ArrayId> read = ir::arrays_read(node);
    const std::vector<ArrayId> assigned = ir::arrays_assigned(node);
    const auto outside = [&](ArrayId array) { return is_private(array); };
    return std::any_of(read.begin(), read.end(), outside) || std::any_of(assigned.begin(), assigned.end(), outside);
  }

  // Whether a step can tell other threads where a nest's arrays are. Single elements it tells by value.
  bool has_addresses(const Node& node) const {
    const auto in_memory = [&](ArrayId array) {
      return plan_.buffers[plan_.placements[array].buffer].storage != Storage::registers;
    };
    const auto is_known = [&](ArrayId array) {
      const Shape& shape = program_.arrays[array].shape;
      return in_memory(array) ||
             std::all_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent == 1; });
    };
    const std::vector<ArrayId> read = ir::arrays_read(node);
    const std::vector<ArrayId> assigned = ir::arrays_assigned(node);
    return std::all_of(read.begin(), read.end(), is_known) && std::all_of(assigned.begin(), assigned.end(), in_memory);
  }

  const Program& program_;
  const CpuSchedule& schedule_;
  const CpuPlanOptions& options_;
  Plan& plan_;
  std::map<ir::NodeId, std::uint32_t> lane_number_;
};

}  // namespace

void share_out(const Program& program, const CpuSchedule& schedule, const CpuPlanOptions& options, Plan& plan) {
  Sharer(program, schedule, options, plan).run();
}

}  // namespace jaxc::compiler
