// Walks the blocks of a Program outer before inner, and knows of each nest the loops and lanes around it.
#include "compiler/plan/cpu_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/plan/cpu_lanes.h"
#include "compiler/plan/cpu_matrices.h"
#include "compiler/plan/cpu_products.h"
#include "compiler/plan/cpu_routines.h"
#include "compiler/plan/schedule.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Branch;
using ir::Loop;
using ir::Nest;
using ir::NestPlan;
using ir::Node;
using ir::Opcode;
using ir::Plan;
using ir::Program;
using ir::Routine;
using ir::ScalarOp;

// Straight-line code of a nest that runs once: as short as a loop around it.
constexpr std::int64_t unrolled_once = 24;

// A loop of few cheap steps becomes straight-line code.
constexpr std::int64_t unrolled_steps = 16;
constexpr std::int64_t unrolled_loop_operations = 768;
// In lanes, most of the code of a step chooses by its position, which straight-line code knows.
constexpr std::int64_t unrolled_lane_operations = 4096;

class Scheduler {
 public:
  Scheduler(const Program& program, const CpuPlanOptions& options, Plan& plan)
      : program_(program), options_(options), libraries_(options.libraries), plan_(plan) {
    result_.indexed.assign(program.arrays.size(), false);
    result_.lanes_of.assign(program.arrays.size(), 0);
    result_.lanes.emplace_back();
  }

  CpuSchedule run() {
    schedule(program_.body, 0);
    for (ArrayId array = 0; array < result_.lanes_of.size(); ++array)
      result_.lanes[result_.lanes_of[array]].arrays.push_back(array);
    return std::move(result_);
  }

 private:
  void enter_lanes(const Node& loop) {
    ir::visit_nodes(loop, [&](const Node& node) {
      if (node.id != loop.id)
        for (const ArrayId array : ir::arrays_assigned(node)) result_.lanes_of[array] = current_lanes_;
      if (const auto* inner = std::get_if<Loop>(&node.kind))
        for (const ArrayId array : ir::loop_arguments(*inner)) result_.lanes_of[array] = current_lanes_;
    });
  }

  // Schedules the nests of a block; `depth` counts the loops around it. Returns the operations of its
  // straight-line code, and marks arrays that counted loops index by values.
  std::int64_t schedule(const Block& block, int depth) {
    std::int64_t code = 0;
    for (const Node& node : block.nodes) {
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        code += schedule(*nest, node.id, depth, code);
      } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        code += schedule(*loop, node, depth);
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) code += schedule(inner, depth);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        if (depth == 0 && libraries_) choose_library(*routine, node.id);
        const bool libraries = std::exchange(libraries_, libraries_ && ir::runs_expansion(plan_, node.id));
        code += schedule(routine->expansion, depth);
        libraries_ = libraries;
      }
    }
    return code;
  }

  void choose_library(const Routine& routine, ir::NodeId id) {
    std::optional<ir::RoutinePlan> chosen = library_routine(program_, routine);
    if (!chosen) chosen = library_matrix_routine(program_, routine);
    if (!chosen) chosen = prefix_routine(program_, routine, options_.threads);
    if (chosen) plan_.routines[id] = std::move(*chosen);
  }

  std::int64_t schedule(const Nest& nest, ir::NodeId id, int depth, std::int64_t code_so_far) {
    NestPlan nest_plan =
        current_lanes_ == 0 ? schedule_nest(program_, nest, options_.vector_bits) : schedule_in_lanes(nest, id);
    bool complete = false;
    std::int64_t code = 0;
    const std::int64_t limit = depth > 0 ? options_.unrolled_operations : unrolled_once;
    if (code_so_far < options_.loop_operations) code = unroll_nest(nest, nest_plan, limit, complete);
    mark_indexed(nest, nest_plan, complete);
    if (libraries_ && current_lanes_ == 0) nest_plan.product = library_product(program_, nest, product_place(depth));
    plan_.nests[id] = std::move(nest_plan);
    return code;
  }

  ProductPlace product_place(int depth) const {
    if (depth == 0) return ProductPlace::outside;
    return in_independent_steps_ ? ProductPlace::independent_step : ProductPlace::step;
  }

  // Lane axes are the lanes; the others are serial, reduced ones last.
  NestPlan schedule_in_lanes(const Nest& nest, ir::NodeId id) const {
    NestPlan plan;
    plan.axes.resize(nest.axes.size());
    for (const bool reduced : {false, true})
      for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
        if ((nest.axes[axis].kind == ir::AxisKind::reduced) == reduced) plan.order.push_back(static_cast<int>(axis));
    const auto& nest_axes = result_.lanes[current_lanes_].axes.nest_axes;
    if (const auto found = nest_axes.find(id); found != nest_axes.end())
      for (int axis : found->second)
        if (axis >= 0) plan.axes[static_cast<std::size_t>(axis)].schedule = ir::Schedule::loop_lane;
    return plan;
  }

  std::int64_t schedule(const Loop& loop, const Node& node, int depth) {
    const ir::NodeId id = node.id;
    plan_.loops[id].path = ir::LoopPath::fused;
    plan_.loops[id].reason = "all steps run in one native function";
    const bool outermost = depth == 0;
    // A batch behind each block of a longer loop's steps is one as well (postpone, group_batches).
    const bool in_lanes = outermost || (loop.name == "batch" && current_lanes_ == 0);
    if (in_lanes) {
      CpuLaneChoice choice = choose_cpu_lanes(program_, node, {options_.vector_bits, options_.private_bytes});
      if (!choice.lanes) {
        plan_.loops[id].reason = fmt::format("all steps run in one native function; no lanes: {}", choice.refusal);
      } else {
        std::optional<CpuLanes>& lanes = choice.lanes;
        plan_.loops[id].reason =
            fmt::format("all steps run in one native function; lanes: {} elements do not interact, {} a vector",
                        print(lanes->axes), lanes->width);
        plan_.loops[id].lane_extents = lanes->axes.extents;
        plan_.loops[id].lane_width = lanes->width;
        current_lanes_ = static_cast<std::uint32_t>(result_.lanes.size());
        result_.lanes.push_back({id, std::move(lanes->axes), lanes->width, lanes->operations, {}});
        enter_lanes(node);
        mark_moved_by_lanes(node);
      }
    }
    positions_.insert(loop.position);
    const bool has_independent_steps =
        outermost && loop.carries.empty() && !loop.condition && plan_.loops[id].lane_extents.empty();
    if (has_independent_steps) result_.independent_steps.insert(id);
    if (outermost) in_independent_steps_ = has_independent_steps;
    std::int64_t code = schedule(loop.body, depth + 1);
    if (loop.condition) code += schedule(*loop.condition, depth + 1);
    if (in_lanes) current_lanes_ = 0;
    const bool counted = !loop.condition && loop.trip_count <= unrolled_steps;
    const std::int64_t limit = current_lanes_ == 0 ? unrolled_loop_operations : unrolled_lane_operations;
    const std::vector<ArrayId> indexed = std::exchange(indexed_by_position_[loop.position], {});
    if (depth > 0 && !(in_lanes && !plan_.loops[id].lane_extents.empty()) && counted &&
        code * loop.trip_count <= limit) {
      plan_.loops[id].unrolled = true;
      return code * loop.trip_count;
    }
    for (const ArrayId array : indexed) result_.indexed[array] = true;
    if (depth > 0 || !loop.condition) {  // slices move with the position
      for (const ir::StackedInput& input : loop.inputs) result_.indexed[input.source] = true;
      for (const ir::StackedOutput& output : loop.outputs) result_.indexed[output.result] = true;
    }
    return code;
  }

  // Straight-line code knows the positions on its axes and of loops that become straight-line code themselves, but no
  // other operation's value. In lanes, elements are vectors of their own, which need no shuffles when they leave
  // memory.
  void mark_indexed(const Nest& nest, const NestPlan& plan, bool straight) {
    const auto mark = [&](ArrayId array, const std::vector<ir::Index>& indices) {
      const bool outside_lanes = result_.lanes_of[array] == 0 && lanes_in_loop();
      std::vector<ArrayId> positions;
      for (const ir::Index& index : indices)
        for (const ir::Index::Term& term : index.terms) {
          const ScalarOp& op = nest.body.ops[term.op];
          const bool is_position = op.opcode == Opcode::read && current_lanes_ == 0 && positions_.contains(op.array);
          if (is_position) positions.push_back(op.array);
          const bool is_axis = op.opcode == Opcode::axis;
          const bool is_lane = is_axis && plan.axes[op.immediate].schedule == ir::Schedule::loop_lane;
          if (!straight || (!is_axis && !is_position) || (is_lane && outside_lanes)) result_.indexed[array] = true;
        }
      for (const ArrayId position : positions) indexed_by_position_[position].push_back(array);
    };
    for (const ScalarOp& op : nest.body.ops)
      if (op.opcode == Opcode::read) mark(op.array, op.indices);
    for (const ir::NestOutput& output : nest.outputs) mark(output.result, output.indices);
  }

  // Whether vectors of the lanes at hand follow each other in a loop, so that code knows no lane's position.
  bool lanes_in_loop() const {
    if (current_lanes_ == 0) return false;
    const LaneLoop& lanes = result_.lanes[current_lanes_];
    const std::vector<std::int64_t>& extents = lanes.axes.extents;
    return extents.back() >= 2 * std::int64_t{lanes.width} ||
           std::any_of(extents.begin(), std::prev(extents.end()), [](std::int64_t extent) { return extent > 1; });
  }

  // What the lanes of a loop take as it is from arrays outside, and all that they leave there, is at their positions.
  void mark_moved_by_lanes(const Node& node) {
    if (!lanes_in_loop()) return;
    for (const ArrayId array : ir::arrays_assigned(node)) result_.indexed[array] = true;
    for (const ArrayId array : moved_whole(node))
      if (result_.lanes_of[array] == 0 && !program_.arrays[array].shape.empty()) result_.indexed[array] = true;
  }

  const Program& program_;
  const CpuPlanOptions& options_;
  bool libraries_;  ///< nothing inside an expansion that does not run needs one
  Plan& plan_;
  CpuSchedule result_;
  std::set<ArrayId> positions_;  ///< of the loops so far
  /// Arrays with an index that is known where the loop at this position becomes straight-line code.
  std::map<ArrayId, std::vector<ArrayId>> indexed_by_position_;
  std::uint32_t current_lanes_ = 0;
  bool in_independent_steps_ = false;  ///< of the outermost loop at hand
};

}  // namespace

std::vector<int> CpuSchedule::lane_dimensions(ArrayId array) const {
  const IndependentAxes& axes = lanes[lanes_of[array]].axes;
  const auto found = axes.dimensions.find(array);
  return found != axes.dimensions.end() ? found->second : std::vector<int>(axes.extents.size(), -1);
}

CpuSchedule schedule_cpu(const Program& program, const CpuPlanOptions& options, Plan& plan) {
  return Scheduler(program, options, plan).run();
}

}  // namespace jaxc::compiler
