// Plans for a CPU: vector lanes along one axis, small arrays of a loop in private memory, carries in place.
#include "compiler/plan/cpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <utility>

#include "compiler/plan/coalesce.h"
#include "compiler/plan/cpu_lanes.h"
#include "compiler/plan/cpu_matrices.h"
#include "compiler/plan/cpu_products.h"
#include "compiler/plan/cpu_routines.h"
#include "compiler/plan/cpu_threads.h"
#include "compiler/plan/double_carries.h"
#include "compiler/plan/liveness.h"
#include "compiler/plan/placement.h"
#include "compiler/plan/refusals.h"
#include "compiler/plan/schedule.h"
#include "compiler/plan/streaming.h"
#include "ir/placement.h"

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
using ir::Opcode;
using ir::Plan;
using ir::Program;
using ir::Routine;
using ir::ScalarOp;
using ir::Storage;

// Straight-line code of a nest that runs once: as short as a loop around it.
constexpr std::int64_t unrolled_once = 24;

// A loop of few cheap steps becomes straight-line code.
constexpr std::int64_t unrolled_steps = 16;
constexpr std::int64_t unrolled_loop_operations = 768;
// In lanes, most of the code of a step chooses by its position, which straight-line code knows.
constexpr std::int64_t unrolled_lane_operations = 4096;

// Nodes of one function: LLVM takes longer for each when there are many more.
constexpr std::size_t function_nodes = 64;

// Enough to be worth threads, and little enough to be multiplied once more.
constexpr std::int64_t most_operations = std::int64_t{1} << 40;

class CpuPlanner {
 public:
  CpuPlanner(const Program& program, const CpuPlanOptions& options) : program_(program), options_(options) {
    plan_.target = ir::Target::cpu;
    plan_.vector_bits = options.vector_bits;
    indexed_.assign(program.arrays.size(), false);
    lanes_of_.assign(program.arrays.size(), 0);
    lanes_.emplace_back();  // number 0: no loop in lanes
  }

  Plan run() {
    schedule(program_.body, 0);
    for (std::uint32_t number = 1; number < lanes_.size(); ++number) lane_number_[lanes_[number].node] = number;
    for (ArrayId array = 0; array < lanes_of_.size(); ++array) lanes_[lanes_of_[array]].arrays.push_back(array);
    const Liveness live = liveness(program_);
    cut(live);
    leave_out_expansions();
    const auto is_small = [&](ArrayId array) { return lane_bytes(array) <= options_.private_bytes; };
    StorageClasses classes =
        coalesce(program_, live, is_small, [&](ArrayId left, ArrayId right) { return may_share(left, right); });
    std::vector<LiveRange> whole;
    const auto keep_throughout = [&](ir::NodeId node) {
      whole.push_back({live.moments[node].begin, live.moments[node].end});
    };
    // Lanes run one after the other: what any of them needs is needed until the last one ends.
    for (const LaneLoop& loop : lanes_)
      if (!loop.axes.extents.empty()) keep_throughout(loop.node);
    // A library reads its inputs and writes its outputs in any order.
    for (const auto& [node, routine] : plan_.routines) keep_throughout(node);
    extend(classes, std::move(whole));
    const auto in_memory = [&](ArrayId array) { return lanes_of_[array] == 0 && !is_small(array); };
    const auto doubled = double_carries(program_, live, in_memory, classes);
    std::int64_t stack = 0;
    std::vector<bool> viewed = viewed_by_lanes(classes);
    mark_library_arrays(classes, viewed);
    const auto choose = [&](std::uint32_t k) {
      if (left_out_[classes.members[k].front()]) return StorageChoice{.empty = true};
      return viewed[k] ? StorageChoice{Storage::scratch, 0} : choose_storage(live, classes, k, stack);
    };
    place_arrays(program_, classes, choose, plan_);
    const LaneDimensions dimensions = [&](ArrayId array) -> std::optional<std::vector<int>> {
      if (lanes_of_[array] == 0) return std::nullopt;
      return lane_dimensions(array);
    };
    place_lanes(program_, classes, dimensions, plan_);
    place_workspace();
    if (options_.threads) share_out(program_.body);
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        LoopPlan& loop_plan = plan_.loops[node.id];
        for (const ir::Carry& carry : loop->carries)
          loop_plan.carries.push_back(classes.same(carry.next, carry.argument) ? ir::CarryMode::in_place
                                                                               : ir::CarryMode::copied);
        if (const auto found = doubled.find(node.id); found != doubled.end())
          for (std::size_t k : found->second) loop_plan.carries[k] = ir::CarryMode::doubled;
      }
    });
    return std::move(plan_);
  }

 private:
  // Whatever is needed at some time of one of the given ranges, which lie apart or inside each other, is needed
  // throughout it.
  static void extend(StorageClasses& classes, std::vector<LiveRange> whole) {
    std::sort(whole.begin(), whole.end(), [](const LiveRange& one, const LiveRange& other) {
      return one.begin != other.begin ? one.begin < other.begin : one.end > other.end;
    });
    const auto inside = [](const LiveRange& outer, const LiveRange& inner) { return inner.end <= outer.end; };
    whole.erase(std::unique(whole.begin(), whole.end(), inside), whole.end());
    for (LiveRange& range : classes.ranges) {
      const auto first = std::lower_bound(whole.begin(), whole.end(), range.begin,
                                          [](const LiveRange& each, std::int64_t moment) { return each.end < moment; });
      if (first == whole.end() || !range.overlaps(*first)) continue;
      const auto after =
          std::upper_bound(first, whole.end(), range.end,
                           [](std::int64_t moment, const LiveRange& each) { return moment < each.begin; });
      range = {std::min(range.begin, first->begin), std::max(range.end, std::prev(after)->end)};
    }
  }

  // Native code of many nodes is several functions, between which no private memory lives: what small arrays hand on
  // there is storage of its own.
  void cut(const Liveness& live) {
    const std::vector<Node>& nodes = program_.body.nodes;
    std::vector<std::int64_t> moments;
    std::size_t gathered = 0;
    for (std::size_t k = 0; k + 1 < nodes.size(); ++k) {
      ir::visit_nodes(nodes[k], [&](const Node&) { ++gathered; });
      if (gathered < function_nodes) continue;
      gathered = 0;
      plan_.cuts.push_back(k + 1);
      moments.push_back(live.moments[nodes[k].id].end);
    }
    handed_on_.resize(program_.arrays.size());
    for (ArrayId array = 0; array < handed_on_.size(); ++array) {
      const LiveRange& range = live.ranges[array];
      const auto next = std::lower_bound(moments.begin(), moments.end(), range.begin);
      handed_on_[array] = next != moments.end() && *next < range.end;
    }
  }

  // Where a library runs, or tiles do, nothing needs what the expansion alone knows.
  void leave_out_expansions() {
    left_out_.resize(program_.arrays.size());
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (!std::holds_alternative<Routine>(node.kind) || ir::runs_expansion(plan_, node.id)) return;
      const auto& routine = std::get<Routine>(node.kind);
      const auto leave_out = [&](ArrayId array) {
        left_out_[array] = std::find(routine.outputs.begin(), routine.outputs.end(), array) == routine.outputs.end();
      };
      ir::visit_nodes(routine.expansion, [&](const Node& inner) {
        for (ArrayId array : ir::arrays_assigned(inner)) leave_out(array);
        const auto* loop = std::get_if<Loop>(&inner.kind);
        if (loop == nullptr) return;
        leave_out(loop->position);
        for (const ir::Carry& carry : loop->carries) leave_out(carry.argument);
        for (const ir::StackedInput& input : loop->inputs) leave_out(input.argument);
      });
    });
  }

  // One after the other, libraries use the memory past the arrays.
  void place_workspace() {
    const std::int64_t end = (plan_.scratch_bytes + 63) / 64 * 64;
    ir::visit_nodes(program_.body, [&](const Node& node) {
      const auto dense = [&](ArrayId array) { return ir::is_dense(program_, plan_, array); };
      if (std::holds_alternative<Nest>(node.kind)) {
        std::optional<ir::ProductPlan>& product = plan_.nests[node.id].product;
        if (!product) return;
        if (!dense(product->left) || !dense(product->right) || !dense(product->result)) return product.reset();
        product->workspace = end;
        plan_.scratch_bytes = std::max(plan_.scratch_bytes, end + product->runs * product->bytes);
        return;
      }
      const auto found = plan_.routines.find(node.id);
      if (found == plan_.routines.end()) return;
      found->second.workspace = end;
      plan_.scratch_bytes = std::max(plan_.scratch_bytes, end + found->second.parts * found->second.part_bytes);
    });
  }

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
        if (independent_steps_.contains(node.id)) share_out_steps(node);
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
    for (ArrayId array : lanes_[number].arrays)
      if (!is_private(array) && lane_dimensions(array)[0] < 0 && !slices.contains(array)) return;
    LoopPlan& loop = plan_.loops[node.id];
    const LaneLoop& lanes = lanes_[number];
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
    const auto own = [&](ArrayId array) {
      const auto& strides = plan_.placements[array].loop_strides;
      apart = apart && (is_private(array) || std::any_of(strides.begin(), strides.end(), [&](const auto& stride) {
                          return stride.loop == node.id && stride.stride != 0;
                        }));
    };
    const auto own_arguments = [&](const Loop& inner) {
      own(inner.position);
      for (const ir::Carry& carry : inner.carries) own(carry.argument);
      for (const ir::StackedInput& input : inner.inputs) own(input.argument);
    };
    own_arguments(loop);
    ir::visit_nodes(loop.body, [&](const Node& inner) {
      for (ArrayId array : ir::arrays_assigned(inner)) own(array);
      if (const auto* nested = std::get_if<Loop>(&inner.kind)) own_arguments(*nested);
      if (const auto* nest = std::get_if<Nest>(&inner.kind))
        operations = std::min(operations + nest_operations(*nest, plan_.nests[inner.id]), most_operations);
    });
    if (!apart) return;
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

  std::int64_t bytes(ArrayId array) const {
    std::int64_t count = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
    for (std::int64_t extent : program_.arrays[array].shape) count *= extent;
    return count;
  }

  // ---- Loops in lanes.

  struct LaneLoop {
    ir::NodeId node = 0;
    IndependentAxes axes;
    int width = 1;
    std::int64_t operations = 0;  ///< of one vector of lanes in all steps
    std::vector<ArrayId> arrays;  ///< that it alone knows
  };

  // The dimension of an array that is each lane axis of the loop in lanes that assigns it, or -1.
  std::vector<int> lane_dimensions(ArrayId array) const {
    const IndependentAxes& axes = lanes_[lanes_of_[array]].axes;
    const auto found = axes.dimensions.find(array);
    return found != axes.dimensions.end() ? found->second : std::vector<int>(axes.extents.size(), -1);
  }

  std::int64_t lane_bytes(ArrayId array) const {
    std::int64_t size = bytes(array);
    const std::vector<int> dimensions = lane_dimensions(array);
    for (std::size_t axis = 0; axis < dimensions.size(); ++axis)
      if (dimensions[axis] >= 0) size /= std::max<std::int64_t>(1, lanes_[lanes_of_[array]].axes.extents[axis]);
    return size;
  }

  // Each lane begins from what was there before the loop, and sees its own part of everything.
  bool may_share(ArrayId left, ArrayId right) const {
    if (left_out_[left] != left_out_[right]) return false;
    if (handed_on_[left] != handed_on_[right] && lane_bytes(left) <= options_.private_bytes) return false;
    if (lanes_of_[left] == 0 && lanes_of_[right] == 0) return true;
    if (lanes_of_[left] != lanes_of_[right]) return false;
    return program_.arrays[left].shape != program_.arrays[right].shape ||
           lane_dimensions(left) == lane_dimensions(right);
  }

  void enter_lanes(const Block& block) {
    const auto own = [&](ArrayId array) { lanes_of_[array] = current_lanes_; };
    ir::visit_nodes(block, [&](const Node& node) {
      for (ArrayId array : ir::arrays_assigned(node)) own(array);
      if (const auto* loop = std::get_if<Loop>(&node.kind)) enter_lanes(*loop);
    });
  }

  void enter_lanes(const Loop& loop) {
    lanes_of_[loop.position] = current_lanes_;
    for (const ir::Carry& carry : loop.carries) lanes_of_[carry.argument] = current_lanes_;
    for (const ir::StackedInput& input : loop.inputs) lanes_of_[input.argument] = current_lanes_;
  }

  // ---- Schedules.

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
        if (depth == 0 && options_.libraries)
          if (auto library = library_routine(program_, *routine)) plan_.routines[node.id] = std::move(*library);
        if (depth == 0 && options_.libraries)
          if (auto library = library_matrix_routine(program_, *routine)) plan_.routines[node.id] = std::move(*library);
        if (depth == 0 && options_.libraries)
          if (auto prefix = prefix_routine(program_, *routine, options_.threads))
            plan_.routines[node.id] = std::move(*prefix);
        code += schedule(routine->expansion, depth);
      }
    }
    return code;
  }

  std::int64_t schedule(const Nest& nest, ir::NodeId id, int depth, std::int64_t code_so_far) {
    NestPlan nest_plan =
        current_lanes_ == 0 ? schedule_nest(program_, nest, options_.vector_bits) : schedule_in_lanes(nest, id);
    bool complete = false;
    std::int64_t code = 0;
    const std::int64_t limit = depth > 0 ? options_.unrolled_operations : unrolled_once;
    if (code_so_far < options_.loop_operations) code = unroll_nest(nest, nest_plan, limit, complete);
    mark_indexed(nest, nest_plan, complete);
    if (depth == 0 && options_.libraries) nest_plan.product = library_product(program_, nest);
    plan_.nests[id] = std::move(nest_plan);
    return code;
  }

  // Lane axes are the lanes; the others are serial, reduced ones last.
  NestPlan schedule_in_lanes(const Nest& nest, ir::NodeId id) const {
    NestPlan plan;
    plan.axes.resize(nest.axes.size());
    for (const bool reduced : {false, true})
      for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
        if ((nest.axes[axis].kind == ir::AxisKind::reduced) == reduced) plan.order.push_back(static_cast<int>(axis));
    const auto& nest_axes = lanes_[current_lanes_].axes.nest_axes;
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
        current_lanes_ = static_cast<std::uint32_t>(lanes_.size());
        lanes_.push_back({id, std::move(lanes->axes), lanes->width, lanes->operations, {}});
        enter_lanes(loop);
        enter_lanes(loop.body);
        if (loop.condition) enter_lanes(*loop.condition);
        mark_moved_by_lanes(node);
      }
    }
    positions_.insert(loop.position);
    std::int64_t code = schedule(loop.body, depth + 1);
    if (loop.condition) code += schedule(*loop.condition, depth + 1);
    if (in_lanes) current_lanes_ = 0;
    if (outermost && loop.carries.empty() && !loop.condition && plan_.loops[id].lane_extents.empty())
      independent_steps_.insert(id);
    const bool counted = !loop.condition && loop.trip_count <= unrolled_steps;
    const std::int64_t limit = current_lanes_ == 0 ? unrolled_loop_operations : unrolled_lane_operations;
    const std::vector<ArrayId> indexed = std::exchange(indexed_by_position_[loop.position], {});
    if (depth > 0 && !(in_lanes && !plan_.loops[id].lane_extents.empty()) && counted &&
        code * loop.trip_count <= limit) {
      plan_.loops[id].unrolled = true;
      return code * loop.trip_count;
    }
    for (const ArrayId array : indexed) indexed_[array] = true;
    if (depth > 0 || !loop.condition) {  // slices move with the position
      for (const ir::StackedInput& input : loop.inputs) indexed_[input.source] = true;
      for (const ir::StackedOutput& output : loop.outputs) indexed_[output.result] = true;
    }
    return code;
  }

  // Straight-line code knows the positions on its axes and of loops that become straight-line code themselves, but no
  // other operation's value. In lanes, elements are vectors of their own, which need no shuffles when they leave
  // memory.
  void mark_indexed(const Nest& nest, const NestPlan& plan, bool straight) {
    const auto mark = [&](ArrayId array, const std::vector<ir::Index>& indices) {
      const bool outside_lanes = lanes_of_[array] == 0 && lanes_in_loop();
      std::vector<ArrayId> positions;
      for (const ir::Index& index : indices)
        for (const ir::Index::Term& term : index.terms) {
          const ScalarOp& op = nest.body.ops[term.op];
          const bool is_position = op.opcode == Opcode::read && current_lanes_ == 0 && positions_.contains(op.array);
          if (is_position) positions.push_back(op.array);
          const bool is_axis = op.opcode == Opcode::axis;
          const bool is_lane = is_axis && plan.axes[op.immediate].schedule == ir::Schedule::loop_lane;
          if (!straight || (!is_axis && !is_position) || (is_lane && outside_lanes)) indexed_[array] = true;
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
    const LaneLoop& lanes = lanes_[current_lanes_];
    const std::vector<std::int64_t>& extents = lanes.axes.extents;
    return extents.back() >= 2 * std::int64_t{lanes.width} ||
           std::any_of(extents.begin(), std::prev(extents.end()), [](std::int64_t extent) { return extent > 1; });
  }

  // What the lanes of a loop take as it is from arrays outside, and all that they leave there, is at their positions.
  void mark_moved_by_lanes(const Node& node) {
    if (!lanes_in_loop()) return;
    for (const ArrayId array : ir::arrays_assigned(node)) indexed_[array] = true;
    for (const ArrayId array : moved_whole(node))
      if (lanes_of_[array] == 0 && !program_.arrays[array].shape.empty()) indexed_[array] = true;
  }

  // What a library reads and writes has an address, however small it is.
  void mark_library_arrays(const StorageClasses& classes, std::vector<bool>& marked) const {
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (!plan_.routines.contains(node.id)) return;
      const auto& routine = std::get<Routine>(node.kind);
      for (const std::vector<ArrayId>* arrays : {&routine.inputs, &routine.outputs})
        for (const ArrayId array : *arrays) marked[classes.class_of[array]] = true;
    });
  }

  // By class: whether a loop in lanes has a slice of an array from outside it, which all lanes share.
  std::vector<bool> viewed_by_lanes(const StorageClasses& classes) const {
    std::vector<bool> viewed(classes.homes.size(), false);
    for (std::size_t k = 0; k < classes.homes.size(); ++k) {
      const FixedHome& home = classes.homes[k];
      if (home.kind != FixedHome::Kind::slice && home.kind != FixedHome::Kind::stacked) continue;
      const bool in_lanes = std::any_of(classes.members[k].begin(), classes.members[k].end(),
                                        [&](ArrayId member) { return lanes_of_[member] != 0; });
      if (in_lanes && lanes_of_[home.whole] == 0) viewed[classes.class_of[home.whole]] = true;
    }
    return viewed;
  }

  // Private memory for small classes that a loop's body assigns; rows padded to whole vectors.
  StorageChoice choose_storage(const Liveness& live, const StorageClasses& classes, std::uint32_t k,
                               std::int64_t& stack) const {
    bool in_loop = false;
    bool indexed = false;
    std::int64_t largest = 0;
    const std::vector<ArrayId>& members = classes.members[k];
    const bool lanes = lanes_of_[members.front()] != 0;
    for (ArrayId member : members) {
      if (handed_on_[member]) return {Storage::scratch, 0};
      in_loop = in_loop || lanes || !live.loops[member].empty();
      indexed = indexed || indexed_[member];
      largest = std::max(largest, lane_bytes(member));
    }
    // Threads need memory of their own for what a step hands on.
    const bool own_step = options_.threads && std::all_of(members.begin(), members.end(), [&](ArrayId member) {
                            return !live.loops[member].empty() && independent_steps_.contains(live.loops[member][0]);
                          });
    const std::int64_t copies = lanes_[lanes_of_[members.front()]].width;
    if (!in_loop || largest > (own_step ? options_.step_bytes : options_.private_bytes) ||
        stack + 2 * largest * copies > options_.stack_bytes)
      return {Storage::scratch, 0};
    const bool in_memory = indexed || largest > options_.private_bytes;
    StorageChoice choice{in_memory ? Storage::stack : Storage::registers, 0};
    const Shape& shape = program_.arrays[members.front()].shape;
    const bool one_shape = std::all_of(members.begin(), members.end(),
                                       [&](ArrayId member) { return program_.arrays[member].shape == shape; });
    if (!lanes && one_shape && !shape.empty() && shape.back() > 1) {
      const auto width = static_cast<std::int64_t>(
          options_.vector_bits /
          (8 * static_cast<std::int64_t>(element_bytes(program_.arrays[members.front()].dtype))));
      const auto row = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(shape.back())));
      if (row <= width) choice.row = row;
    }
    stack += 2 * largest * copies;
    return choice;
  }

  const Program& program_;
  CpuPlanOptions options_;
  Plan plan_;
  std::set<ArrayId> positions_;  ///< of the loops so far
  /// Arrays with an index that is known where the loop at this position becomes straight-line code.
  std::map<ArrayId, std::vector<ArrayId>> indexed_by_position_;
  std::vector<bool> indexed_;            ///< by ArrayId: some access has an index known only at run time
  std::vector<LaneLoop> lanes_;          ///< loops in lanes, from 1
  std::vector<std::uint32_t> lanes_of_;  ///< by ArrayId: the loop in lanes that alone knows the array, or 0
  std::map<ir::NodeId, std::uint32_t> lane_number_;
  std::vector<bool> handed_on_;  ///< by ArrayId: needed before and after a cut
  std::vector<bool> left_out_;   ///< by ArrayId: of an expansion that does not run
  std::uint32_t current_lanes_ = 0;
  std::set<ir::NodeId> independent_steps_;  ///< outermost loops whose steps hand nothing on
};

}  // namespace

ir::Plan plan_cpu(const ir::Program& program, const CpuPlanOptions& options) {
  ir::Plan plan = CpuPlanner(program, options).run();
  mark_streamed(program, plan);
  if (options.libraries) mark_refusals(program, plan);
  ir::verify(program, plan);
  return plan;
}

}  // namespace jaxc::compiler
