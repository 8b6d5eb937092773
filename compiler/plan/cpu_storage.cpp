// Chooses private memory, scratch or a fixed home for each class of arrays that may share storage.
#include "compiler/plan/cpu_storage.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "compiler/plan/coalesce.h"
#include "compiler/plan/double_carries.h"
#include "compiler/plan/liveness.h"
#include "compiler/plan/placement.h"
#include "ir/placement.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::Plan;
using ir::Program;
using ir::Routine;
using ir::Storage;

// Nodes of one function: LLVM takes longer for each when there are many more.
constexpr std::size_t function_nodes = 64;

class StoragePlanner {
 public:
  StoragePlanner(const Program& program, const CpuSchedule& schedule, const CpuPlanOptions& options, Plan& plan)
      : program_(program), schedule_(schedule), options_(options), plan_(plan) {}

  void run() {
    const Liveness live = liveness(program_);
    cut(live);
    leave_out_expansions();
    StorageClasses classes = share_storage(live);
    const auto in_memory = [&](ArrayId array) { return schedule_.lanes_of[array] == 0 && !is_small(array); };
    const auto doubled = double_carries(program_, live, in_memory, classes);
    place(live, classes);
    place_workspace();
    ir::visit_nodes(program_.body, [&](const Node& node) {
      const auto* loop = std::get_if<Loop>(&node.kind);
      if (loop == nullptr) return;
      std::vector<ir::CarryMode>& modes = plan_.loops[node.id].carries;
      for (const ir::Carry& carry : loop->carries)
        modes.push_back(classes.same(carry.next, carry.argument) ? ir::CarryMode::in_place : ir::CarryMode::copied);
      if (const auto found = doubled.find(node.id); found != doubled.end())
        for (const std::size_t k : found->second) modes[k] = ir::CarryMode::doubled;
    });
  }

 private:
  StorageClasses share_storage(const Liveness& live) const {
    StorageClasses classes = coalesce(
        program_, live, [&](ArrayId array) { return is_small(array); },
        [&](ArrayId left, ArrayId right) { return may_share(left, right); });
    std::vector<LiveRange> whole;
    const auto keep_throughout = [&](ir::NodeId node) {
      whole.push_back({live.moments[node].begin, live.moments[node].end});
    };
    // Lanes run one after the other: what any of them needs is needed until the last one ends.
    for (const LaneLoop& loop : schedule_.lanes)
      if (!loop.axes.extents.empty()) keep_throughout(loop.node);
    // A library reads its inputs and writes its outputs in any order.
    for (const auto& [node, routine] : plan_.routines) keep_throughout(node);
    extend(classes, std::move(whole));
    return classes;
  }

  void place(const Liveness& live, const StorageClasses& classes) {
    std::vector<bool> in_memory = viewed_by_lanes(classes);
    mark_library_arrays(classes, in_memory);
    const std::vector<bool> indexed = indexed_classes(classes);
    std::int64_t stack = 0;
    const auto choose = [&](std::uint32_t k) {
      const std::vector<ArrayId>& members = classes.members[k];
      if (left_out_[members.front()]) return StorageChoice{.empty = true};
      return in_memory[k] ? StorageChoice{Storage::scratch, 0} : choose_storage(live, members, indexed[k], stack);
    };
    place_arrays(program_, classes, choose, plan_);
    const LaneDimensions dimensions = [&](ArrayId array) -> std::optional<std::vector<int>> {
      if (schedule_.lanes_of[array] == 0) return std::nullopt;
      return schedule_.lane_dimensions(array);
    };
    place_lanes(program_, classes, dimensions, plan_);
  }

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
      ir::visit_nodes(routine.expansion, [&](const Node& inner) {
        for (const ArrayId array : ir::arrays_assigned(inner)) left_out_[array] = true;
        if (const auto* loop = std::get_if<Loop>(&inner.kind))
          for (const ArrayId array : ir::loop_arguments(*loop)) left_out_[array] = true;
      });
      for (const ArrayId array : routine.outputs) left_out_[array] = false;
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

  std::int64_t bytes(ArrayId array) const {
    std::int64_t count = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
    for (std::int64_t extent : program_.arrays[array].shape) count *= extent;
    return count;
  }

  std::int64_t lane_bytes(ArrayId array) const {
    std::int64_t size = bytes(array);
    const std::vector<int> dimensions = schedule_.lane_dimensions(array);
    for (std::size_t axis = 0; axis < dimensions.size(); ++axis)
      if (dimensions[axis] >= 0)
        size /= std::max<std::int64_t>(1, schedule_.lanes[schedule_.lanes_of[array]].axes.extents[axis]);
    return size;
  }

  bool is_small(ArrayId array) const { return lane_bytes(array) <= options_.private_bytes; }

  // Each lane begins from what was there before the loop, and sees its own part of everything.
  bool may_share(ArrayId left, ArrayId right) const {
    if (left_out_[left] != left_out_[right]) return false;
    if (handed_on_[left] != handed_on_[right] && is_small(left)) return false;
    if (schedule_.lanes_of[left] == 0 && schedule_.lanes_of[right] == 0) return true;
    if (schedule_.lanes_of[left] != schedule_.lanes_of[right]) return false;
    return program_.arrays[left].shape != program_.arrays[right].shape ||
           schedule_.lane_dimensions(left) == schedule_.lane_dimensions(right);
  }

  // What a library reads and writes has an address, however small it is.
  void mark_library_arrays(const StorageClasses& classes, std::vector<bool>& marked) const {
    const auto mark = [&](ArrayId array) { marked[classes.class_of[array]] = true; };
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (const auto nest = plan_.nests.find(node.id); nest != plan_.nests.end() && nest->second.product)
        for (const ArrayId array :
             {nest->second.product->left, nest->second.product->right, nest->second.product->result})
          mark(array);
      if (!plan_.routines.contains(node.id)) return;
      const auto& routine = std::get<Routine>(node.kind);
      for (const std::vector<ArrayId>* arrays : {&routine.inputs, &routine.outputs})
        std::for_each(arrays->begin(), arrays->end(), mark);
    });
  }

  // By class: whether a loop in lanes has a slice of an array from outside it, which all lanes share.
  std::vector<bool> viewed_by_lanes(const StorageClasses& classes) const {
    std::vector<bool> viewed(classes.homes.size(), false);
    for (std::size_t k = 0; k < classes.homes.size(); ++k) {
      const FixedHome& home = classes.homes[k];
      if (home.kind != FixedHome::Kind::slice && home.kind != FixedHome::Kind::stacked) continue;
      const bool in_lanes = std::any_of(classes.members[k].begin(), classes.members[k].end(),
                                        [&](ArrayId member) { return schedule_.lanes_of[member] != 0; });
      if (in_lanes && schedule_.lanes_of[home.whole] == 0) viewed[classes.class_of[home.whole]] = true;
    }
    return viewed;
  }

  // By class: whether an index known only at run time picks an element, of an array or of a slice of it.
  std::vector<bool> indexed_classes(const StorageClasses& classes) const {
    std::vector<bool> indexed(classes.homes.size(), false);
    for (ArrayId array = 0; array < program_.arrays.size(); ++array) {
      if (!schedule_.indexed[array]) continue;
      std::uint32_t k = classes.class_of[array];
      indexed[k] = true;
      while (classes.homes[k].kind == FixedHome::Kind::slice || classes.homes[k].kind == FixedHome::Kind::stacked) {
        k = classes.class_of[classes.homes[k].whole];
        indexed[k] = true;
      }
    }
    return indexed;
  }

  // Private memory for small classes that a loop's body assigns; rows padded to whole vectors.
  StorageChoice choose_storage(const Liveness& live, const std::vector<ArrayId>& members, bool indexed,
                               std::int64_t& stack) const {
    bool in_loop = false;
    std::int64_t largest = 0;
    const bool lanes = schedule_.lanes_of[members.front()] != 0;
    for (ArrayId member : members) {
      if (handed_on_[member]) return {Storage::scratch, 0};
      in_loop = in_loop || lanes || !live.loops[member].empty();
      largest = std::max(largest, lane_bytes(member));
    }
    // Threads need memory of their own for what a step hands on.
    const bool own_step =
        options_.threads && std::all_of(members.begin(), members.end(), [&](ArrayId member) {
          return !live.loops[member].empty() && schedule_.independent_steps.contains(live.loops[member][0]);
        });
    const std::int64_t copies = schedule_.lanes[schedule_.lanes_of[members.front()]].width;
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
  const CpuSchedule& schedule_;
  const CpuPlanOptions& options_;
  Plan& plan_;
  std::vector<bool> handed_on_;  ///< by ArrayId: needed before and after a cut
  std::vector<bool> left_out_;   ///< by ArrayId: of an expansion that does not run
};

}  // namespace

void place_cpu(const Program& program, const CpuSchedule& schedule, const CpuPlanOptions& options, Plan& plan) {
  StoragePlanner(program, schedule, options, plan).run();
}

}  // namespace jaxc::compiler
