// Plans for a GPU: top-level nests over the grid, top-level loops in one dispatch each.
#include "compiler/plan/gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "compiler/plan/coalesce.h"
#include "compiler/plan/independent_axes.h"
#include "compiler/plan/liveness.h"
#include "compiler/plan/placement.h"
#include "ir/saturate.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::AxisKind;
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
using ir::saturated_product;
using ir::Schedule;
using ir::Storage;
using ir::unlimited;

/// Reductions this long are shared by a workgroup when there are few of them.
constexpr std::int64_t long_reduction = 256;
constexpr std::int64_t few_results = 4096;
/// Shared memory that reductions in a workgroup may need for themselves.
constexpr std::int64_t reserved_shared_bytes = 8192;
constexpr int grid_width = 128;

/// The loops and branches that become kernels of their own.
struct Kernel {
  bool registers = false;
  IndependentAxes lanes;         ///< of the loop; without extents: a single lane
  bool indexed = false;          ///< some code indexes arrays by values known only at run time
  std::int64_t workgroup = 1;    ///< invocations
  std::int64_t local_bytes = 0;  ///< private or shared memory taken so far
};

class GpuPlanner {
 public:
  GpuPlanner(const Program& program, const GpuPlanOptions& options) : program_(program), options_(options) {
    plan_.target = ir::Target::gpu;
    kernel_of_.assign(program.arrays.size(), 0);
    indexed_.assign(program.arrays.size(), false);
    kernels_.emplace_back();  // number 0: the grid
  }

  Plan run() {
    top_level(program_.body);
    const auto is_small = [&](ArrayId array) { return is_candidate(array); };
    const auto may_share = [&](ArrayId left, ArrayId right) {
      if (is_candidate(left) != is_candidate(right)) return false;
      if (is_candidate(left) && kernel_of_[left] != kernel_of_[right]) return false;
      // Lanes run apart in time: their parts of what they share must be the same parts.
      const bool inside = kernel_of_[left] != 0 && kernel_of_[left] == kernel_of_[right];
      const bool alike = program_.arrays[left].shape == program_.arrays[right].shape;
      return !inside || !alike || lane_dimensions(left) == lane_dimensions(right);
    };
    const Liveness live = liveness(program_);
    StorageClasses classes = coalesce(program_, live, is_small, may_share);
    for (const ir::NodeId loop : loops_in_lanes_) {
      const LiveRange whole{live.moments[loop].begin, live.moments[loop].end};
      for (LiveRange& range : classes.ranges) {
        if (range.overlaps(whole)) range = {std::min(range.begin, whole.begin), std::max(range.end, whole.end)};
      }
    }
    place_arrays(program_, classes, [&](std::uint32_t k) { return choose_storage(classes, k); }, plan_);
    place_lanes(program_, classes, [&](ArrayId array) { return lane_dimensions(array); }, plan_);
    ir::visit_nodes(program_.body, [&](const Node& node) {
      const auto* loop = std::get_if<Loop>(&node.kind);
      if (loop == nullptr) return;
      for (const ir::Carry& carry : loop->carries) {
        plan_.loops[node.id].carries.push_back(classes.same(carry.next, carry.argument) ? ir::CarryMode::in_place
                                                                                        : ir::CarryMode::copied);
      }
    });
    return std::move(plan_);
  }

 private:
  std::int64_t bytes(ArrayId array) const {
    std::int64_t product = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
    for (const std::int64_t extent : program_.arrays[array].shape) product = saturated_product(product, extent);
    return product;
  }

  /// The dimension of an array that is each lane axis of its kernel, or -1.
  std::vector<int> lane_dimensions(ArrayId array) const {
    const IndependentAxes& lanes = kernels_[kernel_of_[array]].lanes;
    const auto found = lanes.dimensions.find(array);
    return found != lanes.dimensions.end() ? found->second : std::vector<int>(lanes.extents.size(), -1);
  }

  /// What one lane has of an array.
  Shape lane_shape(ArrayId array, const std::vector<int>& dimensions) const {
    Shape shape = program_.arrays[array].shape;
    for (const int dimension : dimensions) {
      if (dimension >= 0) shape[static_cast<std::size_t>(dimension)] = 1;
    }
    return shape;
  }

  std::int64_t lane_bytes(ArrayId array) const {
    std::int64_t product = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
    for (const std::int64_t extent : lane_shape(array, lane_dimensions(array)))
      product = saturated_product(product, extent);
    return product;
  }

  /// Whether an array may live in the memory of its kernel alone.
  bool is_candidate(ArrayId array) const {
    const std::uint32_t kernel = kernel_of_[array];
    if (kernel == 0) return false;
    return lane_bytes(array) <= (kernels_[kernel].registers ? options_.private_bytes : options_.shared_bytes / 2);
  }

  void top_level(const Block& block) {
    for (const Node& node : block.nodes) {
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        plan_.nests[node.id] = grid(*nest);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        top_level(routine->expansion);
      } else if (!std::holds_alternative<ir::Reshape>(node.kind)) {
        kernel(node);
      }
    }
  }

  // ---- Nests of their own.

  static NestPlan serial(const Nest& nest) {
    NestPlan plan;
    plan.axes.resize(nest.axes.size());
    for (const bool reduced : {false, true}) {
      for (std::size_t i = 0; i < nest.axes.size(); ++i) {
        if ((nest.axes[i].kind == AxisKind::reduced) == reduced) plan.order.push_back(static_cast<int>(i));
      }
    }
    return plan;
  }

  static std::int64_t extents(const Nest& nest, AxisKind kind) {
    std::int64_t product = 1;
    for (const ir::Axis& axis : nest.axes) {
      if (axis.kind == kind) product = saturated_product(product, axis.extent);
    }
    return product;
  }

  static void schedule(const Nest& nest, NestPlan& plan, AxisKind kind, Schedule schedule, std::int64_t width) {
    for (std::size_t i = 0; i < nest.axes.size(); ++i) {
      if (nest.axes[i].kind == kind) plan.axes[i] = {schedule, static_cast<int>(width)};
    }
  }

  static NestPlan grid(const Nest& nest) {
    NestPlan plan = serial(nest);
    schedule(nest, plan, AxisKind::parallel, Schedule::grid, grid_width);
    const bool shared = nest.reduction && nest.reduction->merge && extents(nest, AxisKind::ordered) == 1 &&
                        extents(nest, AxisKind::reduced) >= long_reduction &&
                        extents(nest, AxisKind::parallel) <= few_results;
    if (shared) schedule(nest, plan, AxisKind::reduced, Schedule::workgroup, grid_width);
    return plan;
  }

  // ---- Loops and branches.

  /// Scalar operations of one run of a region.
  std::int64_t operations(const ir::Region& region) const {
    std::int64_t total = 0;
    for (const ir::ScalarOp& op : region.ops) {
      if (op.opcode == Opcode::constant || op.opcode == Opcode::argument || op.opcode == Opcode::axis) continue;
      total += op.opcode == Opcode::call ? 20 : 1;
      for (const ir::Region& inner : op.regions) total += operations(inner);
    }
    return total;
  }

  static bool is_lane(const std::vector<int>& lane_axes, std::size_t axis) {
    return std::find(lane_axes.begin(), lane_axes.end(), static_cast<int>(axis)) != lane_axes.end();
  }

  /// The axes of a nest that are lane axes of the kernel.
  static std::vector<int> lane_axes(const IndependentAxes& lanes, ir::NodeId nest) {
    const auto found = lanes.nest_axes.find(nest);
    return found != lanes.nest_axes.end() ? found->second : std::vector<int>();
  }

  std::int64_t operations(const Nest& nest, const std::vector<int>& lane_axes) const {
    std::int64_t total = 1 + operations(nest.body);
    if (nest.reduction) total += operations(nest.reduction->step);
    for (std::size_t i = 0; i < nest.axes.size(); ++i) {
      if (!is_lane(lane_axes, i)) total = saturated_product(total, nest.axes[i].extent);
    }
    return total;
  }

  struct Work {
    std::int64_t operations = 0;  ///< of one run, by one lane
    std::int64_t code = 0;        ///< the same with inner loops counted once
    std::int64_t widest = 1;      ///< points that one nest offers to a team
  };

  void measure(const Block& block, const IndependentAxes& lanes, std::int64_t runs, Work& work) const {
    for (const Node& node : block.nodes) {
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        const std::int64_t each = operations(*nest, lane_axes(lanes, node.id));
        work.code += each;
        work.operations = std::min(unlimited, work.operations + saturated_product(runs, each));
        std::int64_t team = extents(*nest, AxisKind::parallel);
        if (reduces_in_team(*nest)) team = std::max(team, extents(*nest, AxisKind::reduced));
        work.widest = std::max(work.widest, team);
      } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
        work.widest = std::max<std::int64_t>(work.widest, bytes(reshape->result) / 8);
      } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        const std::int64_t steps = loop->condition ? 16 : loop->trip_count;
        if (loop->condition) measure(*loop->condition, lanes, saturated_product(runs, steps), work);
        measure(loop->body, lanes, saturated_product(runs, steps), work);
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) measure(inner, lanes, runs, work);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        measure(routine->expansion, lanes, runs, work);
      }
    }
  }

  static bool reduces_in_team(const Nest& nest) {
    return nest.reduction && nest.reduction->merge && extents(nest, AxisKind::ordered) == 1 &&
           extents(nest, AxisKind::parallel) <= 4 && extents(nest, AxisKind::reduced) >= 64;
  }

  Work measure(const Node& node, const IndependentAxes& lanes) const {
    Work work;
    if (const auto* loop = std::get_if<Loop>(&node.kind)) {
      if (loop->condition) measure(*loop->condition, lanes, 1, work);
      measure(loop->body, lanes, 1, work);
    } else {
      for (const Block& block : std::get<Branch>(node.kind).blocks) measure(block, lanes, 1, work);
    }
    return work;
  }

  /// Whether lanes may store a stacked value: each its part, or all the same elements once and without reading.
  static bool is_stored_by_lanes(const Loop& loop, ArrayId value, const IndependentAxes& axes) {
    const auto found = axes.dimensions.find(value);
    if (found != axes.dimensions.end() &&
        std::find(found->second.begin(), found->second.end(), -1) == found->second.end()) {
      return true;
    }
    bool plain = false;
    for (const Node& node : loop.body.nodes) {
      const auto* nest = std::get_if<Nest>(&node.kind);
      if (nest == nullptr) continue;
      for (const ir::NestOutput& output : nest->outputs) plain = plain || (output.result == value && !output.base);
    }
    return plain;
  }

  /// The loop's lanes, where each can run by itself: what lanes do not share out must be private to each.
  std::optional<IndependentAxes> lanes_of(const Node& node, std::int64_t work) const {
    const auto& loop = std::get<Loop>(node.kind);
    if (loop.condition) return std::nullopt;
    auto axes = independent_axes(program_, node);
    if (!axes) return std::nullopt;
    std::int64_t count = 1;
    for (const std::int64_t extent : axes->extents) count = saturated_product(count, extent);
    const std::int64_t own = measure(node, *axes).operations;
    if (count < 2 || count >= (std::int64_t{1} << 31) || own >= work) return std::nullopt;
    if (own > options_.registers_work && count < options_.workgroup_size) return std::nullopt;
    bool fits = true;
    const auto check = [&](ArrayId array) {
      const auto found = axes->dimensions.find(array);
      std::int64_t size = bytes(array);
      bool shared_out = found != axes->dimensions.end();
      for (std::size_t lane = 0; lane < axes->extents.size(); ++lane) {
        const int dimension = shared_out ? found->second[lane] : -1;
        if (dimension >= 0) size /= std::max<std::int64_t>(1, axes->extents[lane]);
        if (dimension < 0) shared_out = false;
      }
      fits = fits && (shared_out || size <= options_.private_bytes);
    };
    ir::visit_nodes(loop.body, [&](const Node& inner) {
      for (const ArrayId array : ir::arrays_assigned(inner)) check(array);
      const auto* nested = std::get_if<Loop>(&inner.kind);
      if (nested == nullptr) return;
      for (const ir::Carry& carry : nested->carries) check(carry.argument);
    });
    for (const ir::Carry& carry : loop.carries) check(carry.argument);
    for (const ir::StackedOutput& output : loop.outputs) fits = fits && is_stored_by_lanes(loop, output.value, *axes);
    return fits ? axes : std::nullopt;
  }

  void kernel(const Node& node) {
    const auto* loop = std::get_if<Loop>(&node.kind);
    Kernel kernel;
    Work work = measure(node, {});
    std::string reason;
    if (loop != nullptr && options_.registers_work > 0) {
      if (auto lanes = lanes_of(node, work.operations)) {
        kernel.lanes = std::move(*lanes);
        work = measure(node, kernel.lanes);
        kernel.registers = true;
        reason = fmt::format("one dispatch; {} lanes do not interact, a step of one is {} scalar operations",
                             print(kernel.lanes), work.operations);
      } else if (work.operations <= options_.registers_work) {
        kernel.registers = true;
        reason = fmt::format("one dispatch; a step is {} scalar operations, too few to share", work.operations);
      }
    }
    // Straight-line code keeps arrays in registers; past its bound, loops over stack arrays stay small.
    unroll_ = kernel.registers && work.code <= options_.unrolled_operations;
    const auto size = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(work.widest)));
    kernel.workgroup = std::clamp<std::int64_t>(size, 32, options_.workgroup_size);
    if (!kernel.registers) {
      reason = fmt::format("one dispatch; a step is {} scalar operations, shared by a workgroup of {}", work.operations,
                           kernel.workgroup);
    }
    kernels_.push_back(kernel);
    current_ = static_cast<std::uint32_t>(kernels_.size() - 1);
    if (loop != nullptr) {
      this->loop(node.id, *loop);
      ir::LoopPlan& plan = plan_.loops[node.id];
      plan.path = kernel.registers ? ir::LoopPath::registers : ir::LoopPath::workgroup;
      plan.reason = std::move(reason);
      plan.lane_extents = kernel.lanes.extents;
      plan.lane_threads = !plan.lane_extents.empty();
      if (plan.lane_threads) loops_in_lanes_.push_back(node.id);
    } else {
      for (const Block& block : std::get<Branch>(node.kind).blocks) inside(block);
    }
    current_ = 0;
  }

  void loop(ir::NodeId id, const Loop& loop) {
    kernel_of_[loop.position] = current_;
    for (const ir::Carry& carry : loop.carries) kernel_of_[carry.argument] = current_;
    const bool top = !inside_loop_;
    ir::LoopPlan& plan = plan_.loops[id];
    plan.path = kernels_[current_].registers ? ir::LoopPath::registers : ir::LoopPath::workgroup;
    plan.reason = "part of the dispatch of the loop or branch around it";
    const bool outer = std::exchange(inside_loop_, true);
    if (loop.condition) inside(*loop.condition);
    inside(loop.body);
    inside_loop_ = outer;
    // Slices of an inner loop's arrays move with a position that is known only at run time.
    if (!top) {
      for (const ir::StackedInput& input : loop.inputs) indexed_[input.source] = true;
      for (const ir::StackedOutput& output : loop.outputs) indexed_[output.result] = true;
    }
  }

  void inside(const Block& block) {
    for (const Node& node : block.nodes) {
      for (const ArrayId array : ir::arrays_assigned(node)) kernel_of_[array] = current_;
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        plan_.nests[node.id] = in_kernel(*nest, node.id);
      } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
        // Where it must copy, it finds elements by dividing their numbers.
        indexed_[reshape->source] = true;
        indexed_[reshape->result] = true;
      } else if (const auto* inner = std::get_if<Loop>(&node.kind)) {
        loop(node.id, *inner);
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& side : branch->blocks) inside(side);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        inside(routine->expansion);
      }
    }
  }

  NestPlan in_kernel(const Nest& nest, ir::NodeId id) {
    NestPlan plan = serial(nest);
    const Kernel& kernel = kernels_[current_];
    if (kernel.registers) {
      const std::vector<int> lanes = lane_axes(kernel.lanes, id);
      for (std::size_t i = 0; i < plan.axes.size(); ++i) {
        if (unroll_) plan.axes[i].schedule = Schedule::unrolled;
        if (is_lane(lanes, i)) plan.axes[i].schedule = Schedule::loop_lane;
      }
      mark_indexed(nest, plan);
    } else if (reduces_in_team(nest)) {
      schedule(nest, plan, AxisKind::reduced, Schedule::workgroup, kernel.workgroup);
    } else {
      schedule(nest, plan, AxisKind::parallel, Schedule::workgroup, kernel.workgroup);
    }
    return plan;
  }

  /// Marks arrays that the nest indexes by values known only at run time. The number of a lane is such a value, except
  /// in the dimension of which each lane has its own element.
  void mark_indexed(const Nest& nest, const NestPlan& plan) {
    const auto is_known = [&](ArrayId array, int dimension, const ir::ScalarOp& op) {
      if (op.opcode != Opcode::axis) return false;
      if (plan.axes[op.immediate].schedule != Schedule::loop_lane) return unroll_;
      const std::vector<int> lanes = lane_dimensions(array);
      return std::find(lanes.begin(), lanes.end(), dimension) != lanes.end();
    };
    const auto mark = [&](ArrayId array, const std::vector<ir::Index>& indices) {
      for (std::size_t dimension = 0; dimension < indices.size(); ++dimension) {
        for (const ir::Index::Term& term : indices[dimension].terms) {
          if (!is_known(array, static_cast<int>(dimension), nest.body.ops[term.op])) indexed_[array] = true;
        }
      }
    };
    for (const ir::ScalarOp& op : nest.body.ops) {
      if (op.opcode == Opcode::read) mark(op.array, op.indices);
    }
    for (const ir::NestOutput& output : nest.outputs) mark(output.result, output.indices);
  }

  StorageChoice choose_storage(const StorageClasses& classes, std::uint32_t k) {
    const std::vector<ArrayId>& members = classes.members[k];
    std::int64_t largest = 0;
    bool indexed = false;
    for (const ArrayId member : members) {
      if (!is_candidate(member)) return {Storage::scratch, 0};
      largest = std::max(largest, lane_bytes(member));
      indexed = indexed || indexed_[member];
    }
    Kernel& kernel = kernels_[kernel_of_[members.front()]];
    if (kernel.registers) {
      kernel.local_bytes += largest;
      if (kernel.local_bytes > 16 * options_.private_bytes) return {Storage::scratch, 0};
      return {indexed ? Storage::stack : Storage::registers, 0};
    }
    if (kernel.local_bytes + largest > options_.shared_bytes - reserved_shared_bytes) return {Storage::scratch, 0};
    kernel.local_bytes += (largest + 15) / 16 * 16;
    return {Storage::shared, 0};
  }

  const Program& program_;
  GpuPlanOptions options_;
  Plan plan_;
  std::vector<Kernel> kernels_;
  std::vector<std::uint32_t> kernel_of_;  ///< by ArrayId: the kernel that alone knows the array, or 0
  std::vector<bool> indexed_;             ///< by ArrayId: some access has an index known only at run time
  std::vector<ir::NodeId> loops_in_lanes_;
  std::uint32_t current_ = 0;
  bool unroll_ = false;
  bool inside_loop_ = false;
};

}  // namespace

ir::Plan plan_gpu(const ir::Program& program, const GpuPlanOptions& options) {
  ir::Plan plan = GpuPlanner(program, options).run();
  ir::verify(program, plan);
  return plan;
}

}  // namespace jaxc::compiler
