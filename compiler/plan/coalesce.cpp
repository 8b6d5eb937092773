// Coalesces arrays along moves, as a register allocator coalesces copies (Chaitin 1981), by live ranges.
#include "compiler/plan/coalesce.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "ir/in_place.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Loop;
using ir::Nest;
using ir::NestOutput;
using ir::Node;
using ir::NodeId;
using ir::Program;

class Coalescer {
 public:
  Coalescer(const Program& program, const Liveness& liveness, const IsSmall& is_small, const MayShare& may_share)
      : program_(program),
        ranges_(liveness.ranges),
        loops_(liveness.loops),
        moments_(liveness.moments),
        is_small_(is_small),
        may_share_(may_share) {
    const std::size_t count = program.arrays.size();
    classes_.class_of.resize(count);
    std::iota(classes_.class_of.begin(), classes_.class_of.end(), 0U);
    classes_.members.resize(count);
    for (ArrayId array = 0; array < count; ++array) {
      classes_.members[array] = {array};
      latest_.push_back({ranges_[array].end});
    }
    classes_.homes.resize(count);
    value_.resize(count);
    std::iota(value_.begin(), value_.end(), 0U);
    assigned_by_.assign(count, nullptr);
  }

  StorageClasses run() {
    fix_homes();
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (const auto* nest = std::get_if<Nest>(&node.kind))
        for (const NestOutput& output : nest->outputs) assigned_by_[output.result] = &node;
    });
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) merge_reshape(*reshape);
    });
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (const auto* loop = std::get_if<Loop>(&node.kind)) merge_carries(*loop, moments_[node.id]);
    });
    ir::visit_nodes(program_.body, [&](const Node& node) { merge_others(node); });
    span_ranges();
    return std::move(classes_);
  }

 private:
  void span_ranges() {
    classes_.ranges.resize(classes_.members.size());
    for (std::size_t k = 0; k < classes_.members.size(); ++k) {
      if (classes_.members[k].empty()) continue;
      LiveRange& range = classes_.ranges[k];
      range = ranges_[classes_.members[k].front()];
      for (ArrayId member : classes_.members[k]) {
        range.begin = std::min(range.begin, ranges_[member].begin);
        range.end = std::max({range.end, ranges_[member].end, ranges_[member].begin});
      }
    }
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
        keep_apart(reshape->source, reshape->result);
      } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        for (const ir::Carry& carry : loop->carries) {
          keep_apart(carry.initial, carry.argument);
          keep_apart(carry.argument, carry.result);
        }
      } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
        for (const ir::Block& block : branch->blocks)
          for (std::size_t k = 0; k < block.results.size(); ++k) keep_apart(block.results[k], branch->results[k]);
      }
    });
  }

  // The moves of one place are made one after another: what any of them reads stays until all are made.
  void keep_apart(ArrayId source, ArrayId target) {
    if (classes_.same(source, target)) return;
    LiveRange& range = classes_.ranges[classes_.class_of[source]];
    range.end = std::max(range.end, ranges_[target].begin);
  }

  void fix_homes() {
    using Kind = FixedHome::Kind;
    for (std::size_t k = 0; k < program_.inputs.size(); ++k)
      classes_.homes[program_.inputs[k].array] = {Kind::input, static_cast<std::int64_t>(k)};
    for (std::size_t k = 0; k < program_.constants.size(); ++k)
      classes_.homes[program_.constants[k].array] = {Kind::constant, static_cast<std::int64_t>(k)};
    for (std::size_t k = 0; k < program_.outputs.size(); ++k)
      classes_.homes[program_.outputs[k].array] = {Kind::output, static_cast<std::int64_t>(k)};
    ir::visit_nodes(program_.body, [&](const Node& node) {
      const auto* loop = std::get_if<Loop>(&node.kind);
      if (loop == nullptr) return;
      for (const ir::StackedInput& input : loop->inputs)
        classes_.homes[input.argument] = {Kind::slice, 0, node.id, input.source, input.axis};
      for (const ir::StackedOutput& output : loop->outputs)
        classes_.homes[output.value] = {Kind::stacked, 0, node.id, output.result, output.axis};
    });
  }

  // A reshape's sides hold one value; the result becomes a view, also of read-only storage that is contiguous. A large
  // array without a home of its own is made where the caller wants the result.
  void merge_reshape(const ir::Reshape& reshape) {
    const FixedHome::Kind source = home(reshape.source).kind;
    const FixedHome::Kind result = home(reshape.result).kind;
    const bool contiguous = source != FixedHome::Kind::slice && source != FixedHome::Kind::stacked;
    const bool wanted =
        result == FixedHome::Kind::output && source == FixedHome::Kind::none && !is_small_(reshape.source);
    if (!contiguous || (result != FixedHome::Kind::none && !wanted)) return;
    if (may_share_ && !may_share_(reshape.source, reshape.result)) return;
    value_[root_value(reshape.result)] = root_value(reshape.source);
    join(reshape.source, reshape.result);
  }

  void merge_carries(const Loop& loop, const NodeMoments& at) {
    set_end(loop.position, at.end - 1);
    for (const ir::Carry& carry : loop.carries) {
      if (carry.next == carry.argument) {  // invariant
        if (!try_merge(carry.argument, carry.result)) set_end(carry.argument, at.end - 1);
        continue;
      }
      try_merge(carry.argument, carry.result);
      const bool assigned_inside = loops_[carry.next].size() >= loops_[carry.argument].size();
      // Copied at the end of each step: the argument's storage is taken throughout.
      if (!assigned_inside || !try_merge(carry.next, carry.argument)) set_end(carry.argument, at.end - 1);
    }
    for (const ir::Carry& carry : loop.carries)
      if (loops_[carry.initial].size() + 1 == loops_[carry.argument].size()) try_merge(carry.initial, carry.argument);
  }

  void merge_others(const Node& node) {
    if (const auto* nest = std::get_if<Nest>(&node.kind)) {
      for (const NestOutput& output : nest->outputs)
        if (output.base && loops_[*output.base].size() == loops_[output.result].size())
          try_merge(*output.base, output.result);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const ir::Block& block : branch->blocks)
        for (std::size_t k = 0; k < block.results.size(); ++k)
          if (ranges_[block.results[k]].begin > moments_[node.id].begin)
            try_merge(block.results[k], branch->results[k]);
    }
  }

  const FixedHome& home(ArrayId array) const { return classes_.homes[classes_.class_of[array]]; }

  // Halves the path to the root as it goes.
  ArrayId root_value(ArrayId array) const {
    while (value_[array] != array) array = value_[array] = value_[value_[array]];
    return array;
  }

  // Merges the classes of two arrays if no two of their members conflict and at most one has a home.
  bool try_merge(ArrayId left, ArrayId right) {
    const std::uint32_t left_class = classes_.class_of[left];
    const std::uint32_t right_class = classes_.class_of[right];
    if (left_class == right_class) return true;
    if (may_share_ && !may_share_(left, right)) return false;
    const FixedHome& left_home = classes_.homes[left_class];
    const FixedHome& right_home = classes_.homes[right_class];
    if (left_home.read_only() || right_home.read_only()) return false;
    const bool left_fixed = left_home.kind != FixedHome::Kind::none;
    const bool right_fixed = right_home.kind != FixedHome::Kind::none;
    if (left_fixed && right_fixed) return false;
    if ((left_fixed || right_fixed) && is_small_(left)) return false;
    if (left_fixed && !fits(left_home, right_class)) return false;
    if (right_fixed && !fits(right_home, left_class)) return false;
    const bool left_is_smaller = classes_.members[left_class].size() < classes_.members[right_class].size();
    for (ArrayId one : classes_.members[left_is_smaller ? left_class : right_class])
      if (conflicts(one, left_is_smaller ? right_class : left_class)) return false;
    join(left, right);
    return true;
  }

  // Whether a class has a member that conflicts with the array: looks only at those whose ranges can meet the array's.
  bool conflicts(ArrayId array, std::uint32_t storage_class) const {
    const std::vector<ArrayId>& members = classes_.members[storage_class];
    const LiveRange& range = ranges_[array];
    const std::vector<std::int64_t>& latest = latest_[storage_class];
    for (std::size_t after = first_after(members, range.end); after > 0 && latest[after - 1] >= range.begin; --after)
      if (conflict(array, members[after - 1])) return true;
    return false;
  }

  // Members are in the order of their begins: the place of the first that begins after the moment.
  std::size_t first_after(const std::vector<ArrayId>& members, std::int64_t moment) const {
    const auto found =
        std::upper_bound(members.begin(), members.end(), moment,
                         [&](std::int64_t value, ArrayId member) { return value < ranges_[member].begin; });
    return static_cast<std::size_t>(found - members.begin());
  }

  // The place of the first member that begins at the moment or later.
  std::size_t first_from(const std::vector<ArrayId>& members, std::int64_t moment) const {
    const auto found =
        std::lower_bound(members.begin(), members.end(), moment,
                         [&](ArrayId member, std::int64_t value) { return ranges_[member].begin < value; });
    return static_cast<std::size_t>(found - members.begin());
  }

  void set_end(ArrayId array, std::int64_t end) {
    ranges_[array].end = end;
    const std::uint32_t storage_class = classes_.class_of[array];
    update_latest(storage_class, first_from(classes_.members[storage_class], ranges_[array].begin));
  }

  // Renews the latest ends from a place on.
  void update_latest(std::uint32_t storage_class, std::size_t place) {
    const std::vector<ArrayId>& members = classes_.members[storage_class];
    std::vector<std::int64_t>& latest = latest_[storage_class];
    latest.resize(members.size());
    for (; place < members.size(); ++place) {
      const std::int64_t end = ranges_[members[place]].end;
      latest[place] = place == 0 ? end : std::max(latest[place - 1], end);
    }
  }

  // A slice of a stacked result exists only within its loop's steps, and only in the result's layout.
  bool fits(const FixedHome& home, std::uint32_t other) const {
    if (home.kind != FixedHome::Kind::stacked) return true;
    for (ArrayId member : classes_.members[other]) {
      const auto& loops = loops_[member];
      if (std::find(loops.begin(), loops.end(), home.loop) == loops.end()) return false;
      if (program_.arrays[member].shape.size() + 1 != program_.arrays[home.whole].shape.size()) return false;
    }
    return true;
  }

  bool conflict(ArrayId one, ArrayId other) const {
    if (root_value(one) == root_value(other)) return false;
    const LiveRange& first = ranges_[one];
    const LiveRange& second = ranges_[other];
    if (!first.overlaps(second)) return false;
    if (first.end == second.begin) return !stored_where_read(one, other);
    if (second.end == first.begin) return !stored_where_read(other, one);
    return true;
  }

  // Whether the nest that assigns `stored` reads `read` only at the element where it stores.
  bool stored_where_read(ArrayId read, ArrayId stored) const {
    const Node* node = assigned_by_[stored];
    if (node == nullptr || moments_[node->id].end != ranges_[stored].begin) return false;
    const Nest& nest = std::get<Nest>(node->kind);
    const auto output = std::find_if(nest.outputs.begin(), nest.outputs.end(),
                                     [&](const NestOutput& candidate) { return candidate.result == stored; });
    if (output->base && root_value(*output->base) != root_value(read)) return false;
    return ir::updates_in_place(program_, nest, *output, read);
  }

  void join(ArrayId left, ArrayId right) {
    const std::uint32_t kept = classes_.class_of[left];
    const std::uint32_t gone = classes_.class_of[right];
    if (kept == gone) return;
    std::vector<ArrayId>& members = classes_.members[kept];
    const std::vector<ArrayId> more = std::exchange(classes_.members[gone], {});
    for (ArrayId member : more) classes_.class_of[member] = kept;
    const std::size_t place = first_after(members, ranges_[more.front()].begin);
    const auto middle = static_cast<std::ptrdiff_t>(members.size());
    members.insert(members.end(), more.begin(), more.end());
    std::inplace_merge(members.begin() + static_cast<std::ptrdiff_t>(place), members.begin() + middle, members.end(),
                       [&](ArrayId one, ArrayId other) { return ranges_[one].begin < ranges_[other].begin; });
    update_latest(kept, place);
    latest_[gone].clear();
    if (classes_.homes[kept].kind == FixedHome::Kind::none) classes_.homes[kept] = classes_.homes[gone];
  }

  const Program& program_;
  std::vector<LiveRange> ranges_;
  const std::vector<std::vector<NodeId>>& loops_;
  const std::vector<NodeMoments>& moments_;
  const IsSmall& is_small_;
  const MayShare& may_share_;
  StorageClasses classes_;
  std::vector<std::vector<std::int64_t>> latest_;  ///< by class and member: the last end of the members up to it
  mutable std::vector<ArrayId> value_;             ///< arrays that hold one value, as a union-find forest
  std::vector<const Node*> assigned_by_;           ///< the nest that assigns each array
};

}  // namespace

StorageClasses coalesce(const ir::Program& program, const Liveness& liveness, const IsSmall& is_small,
                        const MayShare& may_share) {
  return Coalescer(program, liveness, is_small, may_share).run();
}

}  // namespace jaxc::compiler
