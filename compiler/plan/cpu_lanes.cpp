// Weighs lanes by what one lane computes, moves and keeps in a step.
#include "compiler/plan/cpu_lanes.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/plan/schedule.h"
#include "ir/saturate.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::saturated_product;
using ir::unlimited;

// Scalar operations that a lane makes for each element that it reads from or adds to a stacked array: below this,
// memory bounds the loop, and whole rows are what memory likes.
constexpr std::int64_t operations_per_moved_element = 6;
constexpr std::int64_t assumed_steps = 16;

// Steps that keep little in registers are chains of dependent operations: several vectors take turns.
constexpr std::int64_t interleaved_vectors = 4;
constexpr std::int64_t interleaved_bytes = 48;

class LaneChoice {
 public:
  LaneChoice(const ir::Program& program, const Node& node, const CpuLaneLimits& limits)
      : program_(program), node_(node), loop_(std::get<Loop>(node.kind)), limits_(limits) {}

  CpuLaneChoice choose() {
    const auto refuse = [](std::string reason) { return CpuLaneChoice{std::nullopt, std::move(reason)}; };
    std::optional<IndependentAxes> found = independent_axes(program_, node_);
    if (!found) return refuse("elements interact");
    axes_ = std::move(*found);
    measure_arrays();
    const auto width = limits_.vector_bits / (8 * widest_);
    if (!obstacle_.empty()) return refuse(std::string(obstacle_));
    if (private_bytes_ > limits_.private_bytes)
      return refuse(
          fmt::format("a step of one element takes {} bytes, of at most {}", private_bytes_, limits_.private_bytes));
    if (!put_vector_axis_last(width)) return refuse(fmt::format("no axis fills the {} lanes of a vector", width));
    const std::int64_t work = operations(loop_.body, true);
    if (work > 2 * operations(loop_.body, false)) return refuse("each would repeat most of a step");
    if (work < operations_per_moved_element * moved_)
      return refuse(
          fmt::format("a step of one element is {} operations on {} elements moved, bounded by memory", work, moved_));
    const std::int64_t steps = loop_.condition ? assumed_steps : loop_.trip_count;
    const std::int64_t all_steps = saturated_product(work, steps);
    const bool interleaved = private_bytes_ <= interleaved_bytes && axes_.extents.back() >= interleaved_vectors * width;
    return {CpuLanes{std::move(axes_), static_cast<int>(interleaved ? interleaved_vectors * width : width), all_steps},
            {}};
  }

 private:
  bool varies(ArrayId array) const {
    const auto found = axes_.dimensions.find(array);
    return found != axes_.dimensions.end() &&
           std::any_of(found->second.begin(), found->second.end(), [](int dimension) { return dimension >= 0; });
  }

  bool varies_along_all(ArrayId array) const {
    const auto found = axes_.dimensions.find(array);
    return found != axes_.dimensions.end() &&
           std::none_of(found->second.begin(), found->second.end(), [](int dimension) { return dimension < 0; });
  }

  /// Elements of an array that one lane has.
  std::int64_t elements(ArrayId array) const {
    std::int64_t count = 1;
    for (std::int64_t extent : program_.arrays[array].shape) count = saturated_product(count, extent);
    const auto found = axes_.dimensions.find(array);
    if (found == axes_.dimensions.end()) return count;
    for (std::size_t axis = 0; axis < axes_.extents.size(); ++axis)
      if (found->second[axis] >= 0) count /= std::max<std::int64_t>(1, axes_.extents[axis]);
    return count;
  }

  void measure_arrays() {
    const auto keep = [&](ArrayId array) {
      const auto bytes = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
      private_bytes_ = std::min(unlimited, private_bytes_ + saturated_product(bytes, elements(array)));
      // Positions are few beside what is computed, and take two vectors.
      const bool is_position = program_.arrays[array].dtype == DType::i64;
      if (varies(array)) widest_ = std::max(widest_, is_position ? bytes / 2 : bytes);
    };
    // Every lane follows the same path: conditions and branches must not differ between them.
    const auto same = [&](ArrayId array) {
      if (varies(array)) obstacle_ = "elements take different paths";
    };
    if (loop_.condition) same(loop_.condition->results[0]);
    for (const ir::Carry& carry : loop_.carries) keep(carry.argument);
    const auto visit = [&](const Node& node) {
      for (ArrayId array : ir::arrays_assigned(node)) keep(array);
      if (const auto* inner = std::get_if<Loop>(&node.kind)) {
        if (inner->condition) same(inner->condition->results[0]);
        for (const ir::Carry& carry : inner->carries) keep(carry.argument);
      } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
        same(branch->index);
      } else if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        for (const ir::Axis& axis : nest->axes)
          if (axis.extent == 0) obstacle_ = "arrays are empty";
      }
    };
    ir::visit_nodes(loop_.body, visit);
    if (loop_.condition) ir::visit_nodes(*loop_.condition, visit);
    for (const ir::StackedInput& input : loop_.inputs)
      if (varies(input.argument)) moved_ += elements(input.argument);
    for (const ir::StackedOutput& output : loop_.outputs) {
      moved_ += elements(output.value);
      if (!varies_along_all(output.value)) obstacle_ = "elements share a stacked result";
    }
  }

  /// The axis whose elements are neighbours in memory most often fills the lanes, if it is long enough.
  bool put_vector_axis_last(std::int64_t width) {
    std::size_t best = axes_.extents.size();
    std::int64_t best_score = -1;
    for (std::size_t axis = 0; axis < axes_.extents.size(); ++axis) {
      if (axes_.extents[axis] < width) continue;
      std::int64_t score = 0;
      for (const auto& [array, dimensions] : axes_.dimensions)
        if (dimensions[axis] >= 0 && dimensions[axis] + 1 == static_cast<int>(program_.arrays[array].shape.size()))
          ++score;
      if (score >= best_score) {
        best_score = score;
        best = axis;
      }
    }
    if (best == axes_.extents.size()) return false;
    std::swap(axes_.extents[best], axes_.extents.back());
    for (auto& [array, dimensions] : axes_.dimensions) std::swap(dimensions[best], dimensions.back());
    for (auto& [nest, numbers] : axes_.nest_axes) std::swap(numbers[best], numbers.back());
    return true;
  }

  std::int64_t operations(const ir::Region& region) const {
    std::int64_t total = 0;
    for (const ir::ScalarOp& op : region.ops) {
      total += op.opcode == ir::Opcode::call ? 20 : 1;
      for (const ir::Region& inner : op.regions) total += operations(inner);
    }
    return total;
  }

  /// Scalar operations of one lane's step; without `repeated`, those of nests that lanes share out.
  std::int64_t operations(const Block& block, bool repeated) const {
    std::int64_t total = 0;
    for (const Node& node : block.nodes) {
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        const auto found = axes_.nest_axes.find(node.id);
        const bool shared_out =
            found != axes_.nest_axes.end() &&
            std::any_of(found->second.begin(), found->second.end(), [](int axis) { return axis >= 0; });
        if (!shared_out && !repeated) continue;
        std::int64_t points = 1;
        for (std::size_t axis = 0; axis < nest->axes.size(); ++axis) {
          const bool lane = shared_out && std::find(found->second.begin(), found->second.end(),
                                                    static_cast<int>(axis)) != found->second.end();
          if (!lane) points = saturated_product(points, nest->axes[axis].extent);
        }
        total = std::min(unlimited, total + saturated_product(points, operations(nest->body)));
      } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        const std::int64_t steps = loop->condition ? assumed_steps : loop->trip_count;
        total = std::min(unlimited, total + saturated_product(steps, operations(loop->body, repeated)));
      } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) total += operations(inner, repeated);
      } else if (const auto* routine = std::get_if<ir::Routine>(&node.kind)) {
        total += operations(routine->expansion, repeated);
      }
    }
    return total;
  }

  const ir::Program& program_;
  const Node& node_;
  const Loop& loop_;
  CpuLaneLimits limits_;
  IndependentAxes axes_;
  std::int64_t private_bytes_ = 0;
  std::int64_t widest_ = 1;
  std::int64_t moved_ = 0;
  std::string_view obstacle_;  ///< why there can be no lanes; empty: none was found
};

}  // namespace

CpuLaneChoice choose_cpu_lanes(const ir::Program& program, const ir::Node& loop, const CpuLaneLimits& limits) {
  return LaneChoice(program, loop, limits).choose();
}

std::vector<ArrayId> moved_whole(const Node& loop) {
  std::vector<ArrayId> moved;
  ir::visit_nodes(loop, [&](const Node& node) {
    if (const auto* nest = std::get_if<Nest>(&node.kind)) {
      for (const ir::NestOutput& output : nest->outputs)
        if (output.base) moved.push_back(*output.base);
    } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
      moved.push_back(reshape->source);
    } else if (const auto* inner = std::get_if<Loop>(&node.kind)) {
      for (const ir::Carry& carry : inner->carries) moved.insert(moved.end(), {carry.initial, carry.next});
      for (const ir::StackedInput& input : inner->inputs) moved.push_back(input.source);
      for (const ir::StackedOutput& output : inner->outputs) moved.push_back(output.value);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const Block& block : branch->blocks) moved.insert(moved.end(), block.results.begin(), block.results.end());
    }
  });
  return moved;
}

}  // namespace jaxc::compiler
