// Coalesces arrays along moves, as a register allocator coalesces copies (Chaitin 1981), by live ranges.
#include "compiler/plan/coalesce.h"

#include <algorithm>
#include <numeric>

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
    for (ArrayId array = 0; array < count; ++array) classes_.members[array] = {array};
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
    ranges_[loop.position].end = at.end - 1;
    for (const ir::Carry& carry : loop.carries) {
      if (carry.next == carry.argument) {  // invariant
        if (!try_merge(carry.argument, carry.result)) ranges_[carry.argument].end = at.end - 1;
        continue;
      }
      try_merge(carry.argument, carry.result);
      const bool assigned_inside = loops_[carry.next].size() >= loops_[carry.argument].size();
      // Copied at the end of each step: the argument's storage is taken throughout.
      if (!assigned_inside || !try_merge(carry.next, carry.argument)) ranges_[carry.argument].end = at.end - 1;
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
    for (ArrayId one : classes_.members[left_class])
      for (ArrayId other : classes_.members[right_class])
        if (conflict(one, other)) return false;
    join(left, right);
    return true;
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
    for (ArrayId member : classes_.members[gone]) {
      classes_.class_of[member] = kept;
      classes_.members[kept].push_back(member);
    }
    if (classes_.homes[kept].kind == FixedHome::Kind::none) classes_.homes[kept] = classes_.homes[gone];
    classes_.members[gone].clear();
  }

  const Program& program_;
  std::vector<LiveRange> ranges_;
  const std::vector<std::vector<NodeId>>& loops_;
  const std::vector<NodeMoments>& moments_;
  const IsSmall& is_small_;
  const MayShare& may_share_;
  StorageClasses classes_;
  mutable std::vector<ArrayId> value_;    ///< arrays that hold one value, as a union-find forest
  std::vector<const Node*> assigned_by_;  ///< the nest that assigns each array
};

}  // namespace

StorageClasses coalesce(const ir::Program& program, const Liveness& liveness, const IsSmall& is_small,
                        const MayShare& may_share) {
  return Coalescer(program, liveness, is_small, may_share).run();
}

}  // namespace jaxc::compiler
