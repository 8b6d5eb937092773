// Verifies Plans: every array within its buffer, and schedules that fit their nests and loops.
#include <fmt/format.h>

#include <algorithm>

#include "ir/placement.h"
#include "ir/plan.h"
#include "ir/plan_overlap.h"
#include "jaxc/error.h"

namespace jaxc::ir {

namespace {

class PlanVerifier {
 public:
  PlanVerifier(const Program& program, const Plan& plan) : program_(program), plan_(plan), footprints_(program, plan) {}

  void run() {
    if (plan_.placements.size() != program_.arrays.size()) fail("every array has a placement");
    for (const Buffer& buffer : plan_.buffers) check(buffer);
    for (std::size_t k = 0; k < program_.inputs.size(); ++k) interface(program_.inputs[k].array, Storage::input, k);
    for (std::size_t k = 0; k < program_.constants.size(); ++k)
      interface(program_.constants[k].array, Storage::constant, k);
    for (std::size_t k = 0; k < program_.outputs.size(); ++k) interface(program_.outputs[k].array, Storage::output, k);
    cuts();
    block(program_.body);
    verify_no_overlap(program_, plan_);
  }

 private:
  [[noreturn]] static void fail(std::string_view rule) { throw InternalError(fmt::format("plan: {}", rule)); }
  static void require(bool holds, const Node& node, std::string_view rule) {
    if (!holds)
      throw InternalError(
          fmt::format("plan: node {} (line {}:{}): {}", node.id, node.location.line, node.location.column, rule));
  }

  void cuts() const {
    std::size_t before = 0;
    for (const std::size_t cut : plan_.cuts) {
      if (cut <= before || cut >= program_.body.nodes.size()) fail("cuts ascend between the outermost nodes");
      before = cut;
    }
  }

  void check(const Buffer& buffer) const {
    if (buffer.bytes < 0) fail("a buffer's size is not negative");
    if (buffer.storage != Storage::scratch) return;
    if (buffer.slot < 0 || buffer.slot % 64 != 0 || buffer.slot + buffer.bytes > plan_.scratch_bytes)
      fail("scratch buffers lie aligned within the arena");
  }

  void interface(ArrayId array, Storage storage, std::size_t slot) const {
    const Placement& placement = plan_.placements[array];
    if (placement.buffer >= plan_.buffers.size()) fail("every array's buffer exists");
    const Buffer& buffer = plan_.buffers[placement.buffer];
    Layout dense;
    const std::int64_t count = element_count(program_.arrays[array].shape);
    if (count != 1) dense = {{count}, {1}};
    const bool placed = buffer.storage == storage && buffer.slot == static_cast<std::int64_t>(slot) &&
                        placement.offset == 0 && placement.loop_strides.empty() &&
                        placement.strides.size() == program_.arrays[array].shape.size() &&
                        (count == 0 || layout(program_.arrays[array].shape, placement.strides) == dense);
    if (!placed) fail(fmt::format("a{} lies row-major in {} {}", array, name(storage), slot));
  }

  void block(const Block& block) {
    for (const Node& node : block.nodes) {
      for (ArrayId array : arrays_assigned(node)) place(array, node);
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        this->nest(*nest, node);
      } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        this->loop(*loop, node);
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) this->block(inner);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        this->routine(*routine, node);
        if (runs_expansion(plan_, node.id)) this->block(routine->expansion);
      }
    }
  }

  void place(ArrayId array, const Node& node) const {
    const Placement& placement = plan_.placements[array];
    const std::string subject = fmt::format("a{}", array);
    require(placement.buffer < plan_.buffers.size(), node, subject + "'s buffer exists");
    require(placement.strides.size() == program_.arrays[array].shape.size(), node,
            subject + " has a stride a dimension");
    for (const Placement::LoopStride& stride : placement.loop_strides)
      require(std::any_of(loops_.begin(), loops_.end(), [&](const Node* loop) { return loop->id == stride.loop; }),
              node, subject + " moves with loops around it only");
    const Footprint range = footprints_.of(array);
    require(range.high <= range.low || (range.low >= 0 && range.high <= plan_.buffers[placement.buffer].bytes), node,
            subject + " lies within its buffer");
  }

  void routine(const Routine& routine, const Node& node) const {
    if (runs_expansion(plan_, node.id)) return;
    const RoutinePlan& plan = plan_.routines.at(node.id);
    const bool stands_in = plan.path == RoutinePath::prefix
                               ? routine.prefix.has_value() && plan.tile >= 64 && plan.tile % 64 == 0
                               : routine.ordering || routine.matrix;
    require(stands_in && loops_.empty(), node,
            "a library stands in for what it knows, and tiles for prefixes, outside loops");
    require(plan.workspace >= 0 && plan.workspace % 64 == 0 && plan.part_bytes % 64 == 0 && plan.parts >= 1 &&
                plan.workspace + plan.parts * plan.part_bytes <= plan_.scratch_bytes,
            node, "a library's memory lies aligned within the arena");
    for (const std::vector<ArrayId>* arrays : {&routine.inputs, &routine.outputs})
      for (ArrayId array : *arrays)
        require(is_dense(program_, plan_, array), node, "a library's arrays lie dense in memory");
  }

  void product(const ProductPlan& product, const Node& node) const {
    require(!in_lanes() && !in_shared_steps(), node, "a library multiplies for one step at a time");
    require(product.workspace >= 0 && product.workspace % 64 == 0 && product.runs >= 1 &&
                (product.runs == 1 || product.bytes % 64 == 0) &&
                product.workspace + product.runs * product.bytes <= plan_.scratch_bytes,
            node, "a library's memory lies aligned within the arena");
    for (const ProductPlan::Piece& piece : product.pieces) this->piece(product, piece, node);
  }

  void piece(const ProductPlan& product, const ProductPlan::Piece& piece, const Node& node) const {
    require(piece.bounds.size() <= ProductPlan::most_bounds, node, "a library knows few bounds");
    const bool is_nothing = std::any_of(piece.folded.begin(), piece.folded.end(),
                                        [](const ProductPlan::Axis& axis) { return axis.extent == 0; });
    const std::array<ArrayId, 3> arrays = {product.left, product.right, product.result};
    for (std::size_t k = 0; k < arrays.size(); ++k) {
      require(is_dense(program_, plan_, arrays[k]), node, "a library's arrays lie dense in memory");
      std::int64_t first = piece.offsets[k];
      std::int64_t last = piece.offsets[k] + product.parts[k];
      const auto extend = [&](std::int64_t extent, std::int64_t stride) {
        (stride < 0 ? first : last) += (extent - 1) * stride;
      };
      if (is_nothing && k < 2) continue;
      const bool is_bounded = k == (product.bounds_right ? 1 : 0);
      if (is_bounded)
        for (const ProductPlan::Bound& bound : piece.bounds) {
          first -= bound.stride * bound.origin;
          last -= bound.stride * bound.origin;
          extend(bound.limit, bound.stride);
        }
      for (const auto* axes : {&piece.rows, &piece.columns, &piece.folded, &piece.batch}) {
        require(!axes->empty() && axes->size() <= ProductPlan::most_axes, node, "a library knows some axes");
        for (const ProductPlan::Axis& axis : *axes) {
          if (is_nothing && axes == &piece.folded) continue;
          require(axis.extent >= 1, node, "a library's axes have positions");
          std::int64_t stride = k == 0 ? axis.left : k == 1 ? axis.right : axis.result;
          if (is_bounded)
            for (std::size_t d = 0; d < piece.bounds.size(); ++d) {
              require(axis.coordinates[d] >= 0, node, "coordinates grow along axes");
              stride -= piece.bounds[d].stride * axis.coordinates[d];
            }
          extend(axis.extent, stride);
        }
      }
      require(first >= 0 && product.parts[k] >= 0 && last < element_count(program_.arrays[arrays[k]].shape), node,
              "a library stays within its arrays");
    }
  }

  void nest(const Nest& nest, const Node& node) const {
    const auto found = plan_.nests.find(node.id);
    require(found != plan_.nests.end(), node, "every nest has a schedule");
    const NestPlan& schedule = found->second;
    if (schedule.product) product(*schedule.product, node);
    require(schedule.axes.size() == nest.axes.size(), node, "every axis has a schedule");
    std::vector<int> sorted = schedule.order;
    std::sort(sorted.begin(), sorted.end());
    require(sorted.size() == nest.axes.size(), node, "the order names every axis once");
    for (std::size_t k = 0; k < sorted.size(); ++k)
      require(sorted[k] == static_cast<int>(k), node, "the order names every axis once");
    const bool in_order = nest.reduction && !nest.reduction->merge;
    int last_ordered = -1;
    int blocks = 0;
    for (int number : schedule.order) {
      const Axis& axis = nest.axes[static_cast<std::size_t>(number)];
      const AxisSchedule& how = schedule.axes[static_cast<std::size_t>(number)];
      require(how.width >= 1, node, "lanes have a width");
      if (how.schedule == Schedule::serial && how.width > 1)
        require(axis.kind == AxisKind::parallel && !nest.reduction && ++blocks == 1, node,
                "one parallel axis at most has blocks, outside reductions");
      if (how.schedule == Schedule::loop_lane) {
        require(axis.kind != AxisKind::reduced && in_lanes(), node,
                "a loop's lane is an axis of stores in such a loop");
        continue;
      }
      const bool sequential = axis.kind == AxisKind::ordered || (axis.kind == AxisKind::reduced && in_order);
      if (!sequential) continue;
      require(how.schedule == Schedule::serial || how.schedule == Schedule::unrolled, node,
              "ordered axes and reductions without merge are serial or unrolled");
      require(number > last_ordered, node, "ordered axes and reductions without merge keep their order");
      last_ordered = number;
    }
  }

  bool in_lanes() const {
    return std::any_of(loops_.begin(), loops_.end(),
                       [&](const Node* loop) { return !plan_.loops.at(loop->id).lane_extents.empty(); });
  }

  bool in_shared_steps() const {
    return std::any_of(loops_.begin(), loops_.end(),
                       [&](const Node* loop) { return plan_.loops.at(loop->id).lane_threads; });
  }

  void loop(const Loop& loop, const Node& node) {
    const auto found = plan_.loops.find(node.id);
    require(found != plan_.loops.end(), node, "every loop has a plan");
    const LoopPlan& schedule = found->second;
    require(schedule.carries.size() == loop.carries.size(), node, "every carry has a mode");
    loops_.push_back(&node);
    place(loop.position, node);
    for (const Carry& carry : loop.carries) place(carry.argument, node);
    for (const StackedInput& input : loop.inputs) place(input.argument, node);
    if (loop.condition) block(*loop.condition);
    block(loop.body);
    loops_.pop_back();
    for (std::size_t k = 0; k < loop.carries.size(); ++k) {
      const Carry& carry = loop.carries[k];
      const BufferId argument = plan_.placements[carry.argument].buffer;
      const BufferId next = plan_.placements[carry.next].buffer;
      if (schedule.carries[k] == CarryMode::in_place)
        require(same_place(program_, plan_, carry.argument, carry.next), node, "a carry in place has one place");
      if (schedule.carries[k] == CarryMode::doubled)
        require(argument != next && is_like(plan_.buffers[argument].storage, plan_.buffers[next].storage) &&
                    plan_.buffers[argument].bytes == plan_.buffers[next].bytes &&
                    plan_.placements[carry.argument].offset == plan_.placements[carry.next].offset &&
                    plan_.placements[carry.argument].strides == plan_.placements[carry.next].strides,
                node, "a doubled carry has two like buffers");
    }
  }

  // Whether buffers may trade places: a call's own memory and the caller's are alike.
  static bool is_like(Storage left, Storage right) {
    const auto addressed = [](Storage storage) { return storage == Storage::scratch || storage == Storage::output; };
    return left == right || (addressed(left) && addressed(right));
  }

  const Program& program_;
  const Plan& plan_;
  Footprints footprints_;
  std::vector<const Node*> loops_;  ///< around the node at hand
};

}  // namespace

void verify(const Program& program, const Plan& plan) {
  PlanVerifier(program, plan).run();
}

}  // namespace jaxc::ir
