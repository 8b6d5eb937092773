// split_loops: carries that all elements of a batch share get a loop of their own before the batch's.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "compiler/lower/loops.h"
#include "compiler/lower/renumber.h"
#include "compiler/plan/independent_axes.h"
#include "ir/region_builder.h"
#include "ir/saturate.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Loop;
using ir::Node;
using ir::Program;

/// Elements that one step of the shared loop hands on, and elements of the batch that make this worth while.
constexpr std::int64_t most_shared_elements = 256;
constexpr std::int64_t least_batch = 64;
/// What all steps hand on stays in the caches, or is a small part of what the loop stacks itself.
constexpr std::int64_t largest_handed_bytes = std::int64_t{1} << 23;
constexpr std::int64_t least_own_share = 4;
constexpr std::size_t most_carries = 32;

class Splitter {
 public:
  explicit Splitter(Program program) : program_(std::move(program)) {}

  Program run() {
    bool split = false;
    std::vector<Node>& nodes = program_.body.nodes;
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      const auto* loop = std::get_if<Loop>(&nodes[k].kind);
      if (loop == nullptr || loop->condition || loop->carries.size() < 2 || loop->carries.size() > most_carries ||
          independent_axes(program_, nodes[k]))
        continue;
      for (const std::vector<bool>& shared : closed_sets(*loop)) {
        const std::size_t arrays = program_.arrays.size();
        const auto parts = cut(nodes[k], shared);
        if (!parts || !is_batch(parts->second)) {
          program_.arrays.resize(arrays);
          continue;
        }
        nodes[k] = parts->second;
        nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(k), parts->first);
        ++k;
        split = true;
        break;
      }
    }
    if (split) renumber(program_);
    return std::move(program_);
  }

 private:
  using Carries = std::vector<bool>;

  static void join(Carries& into, const Carries& other) {
    for (std::size_t k = 0; k < into.size(); ++k) into[k] = into[k] || other[k];
  }

  /// By array of the body: the carries that it is made from in a step.
  static std::unordered_map<ArrayId, Carries> origins(const Loop& loop) {
    std::unordered_map<ArrayId, Carries> result;
    for (std::size_t k = 0; k < loop.carries.size(); ++k) {
      Carries own(loop.carries.size(), false);
      own[k] = true;
      result.emplace(loop.carries[k].argument, std::move(own));
    }
    for (const Node& node : loop.body.nodes) {
      Carries all(loop.carries.size(), false);
      for (ArrayId array : ir::arrays_read(node))
        if (const auto found = result.find(array); found != result.end()) join(all, found->second);
      for (ArrayId array : ir::arrays_assigned(node)) result[array] = all;
    }
    return result;
  }

  /// Some of the carries, not all, that are made from each other alone.
  static std::vector<Carries> closed_sets(const Loop& loop) {
    const auto made_from = origins(loop);
    std::vector<Carries> sets;
    for (std::size_t k = 0; k < loop.carries.size(); ++k) {
      Carries set(loop.carries.size(), false);
      set[k] = true;
      for (bool grown = true; grown;) {
        const Carries before = set;
        for (std::size_t member = 0; member < set.size(); ++member)
          if (const auto found = made_from.find(loop.carries[member].next); before[member] && found != made_from.end())
            join(set, found->second);
        grown = set != before;
      }
      const bool all = std::find(set.begin(), set.end(), false) == set.end();
      if (!all && std::find(sets.begin(), sets.end(), set) == sets.end()) sets.push_back(std::move(set));
    }
    return sets;
  }

  static bool within(const Carries& inner, const Carries& outer) {
    for (std::size_t k = 0; k < inner.size(); ++k)
      if (inner[k] && !outer[k]) return false;
    return true;
  }

  /// The nodes that the shared carries need, and all that is made from these carries alone.
  static std::vector<bool> shared_nodes(const Loop& loop, const Carries& shared) {
    const auto made_from = origins(loop);
    std::unordered_set<ArrayId> needed;
    for (std::size_t k = 0; k < loop.carries.size(); ++k)
      if (shared[k]) needed.insert(loop.carries[k].next);
    std::vector<bool> result(loop.body.nodes.size(), false);
    for (std::size_t k = loop.body.nodes.size(); k-- > 0;) {
      const Node& node = loop.body.nodes[k];
      for (ArrayId array : ir::arrays_assigned(node)) {
        const Carries& carries = made_from.at(array);
        const bool any = std::find(carries.begin(), carries.end(), true) != carries.end();
        result[k] = result[k] || needed.contains(array) || (any && within(carries, shared));
      }
      if (result[k])
        for (ArrayId array : ir::arrays_read(node)) needed.insert(array);
    }
    return result;
  }

  /// The loop over the shared carries, and that over the others, which reads what the first one stacks.
  std::optional<std::pair<Node, Node>> cut(const Node& node, const Carries& shared) {
    const auto& loop = std::get<Loop>(node.kind);
    const std::vector<bool> is_shared = shared_nodes(loop, shared);
    Loop first;
    first.name = loop.name;
    first.trip_count = loop.trip_count;
    first.reverse = loop.reverse;
    Loop second = first;
    second.position = loop.position;
    std::unordered_set<ArrayId> made_first;  // also the carries' arguments
    std::unordered_set<ArrayId> taken;       // as a next or a stacked value
    for (std::size_t k = 0; k < loop.carries.size(); ++k) {
      (shared[k] ? first : second).carries.push_back(loop.carries[k]);
      if (shared[k]) made_first.insert(loop.carries[k].argument);
      taken.insert(loop.carries[k].next);
      taken.insert(loop.carries[k].argument);
    }
    for (std::size_t k = 0; k < loop.body.nodes.size(); ++k) {
      (is_shared[k] ? first : second).body.nodes.push_back(loop.body.nodes[k]);
      if (is_shared[k])
        for (ArrayId array : ir::arrays_assigned(loop.body.nodes[k])) made_first.insert(array);
    }
    for (const ir::StackedOutput& output : loop.outputs) {
      (made_first.contains(output.value) ? first : second).outputs.push_back(output);
      taken.insert(output.value);
    }
    // What the second loop needs of the first one's steps.
    std::vector<ArrayId> handed;
    const auto hand_on = [&](ArrayId array) {
      if (made_first.contains(array) && std::find(handed.begin(), handed.end(), array) == handed.end())
        handed.push_back(array);
    };
    for (const Node& inner : second.body.nodes)
      for (ArrayId array : ir::arrays_read(inner)) hand_on(array);
    for (const ir::Carry& carry : second.carries) hand_on(carry.next);
    if (!may_hand_on(loop, handed)) return std::nullopt;
    std::unordered_map<ArrayId, ArrayId> renamed;
    for (ArrayId array : handed) {
      const ir::ProgramArray info = program_.arrays[array];
      ArrayId value = array;
      if (taken.contains(array)) {
        value = new_array(info.dtype, info.shape);
        first.body.nodes.push_back(copy(node, array, value));
      }
      Shape stacked = info.shape;
      stacked.insert(stacked.begin(), loop.trip_count);
      first.outputs.push_back({value, new_array(info.dtype, std::move(stacked)), 0});
      second.inputs.push_back({first.outputs.back().result, new_array(info.dtype, info.shape), 0});
      renamed[array] = second.inputs.back().argument;
    }
    rename(second, renamed);
    // Both loops have positions and slices of their own.
    renamed.clear();
    first.position = renamed[loop.position] = new_array(DType::i64, {});
    for (const ir::StackedInput& input : loop.inputs) {
      if (reads(second, input.argument)) second.inputs.push_back(input);
      if (!reads(first, input.argument)) continue;
      const ir::ProgramArray info = program_.arrays[input.argument];
      first.inputs.push_back({input.source, new_array(info.dtype, info.shape), input.axis});
      renamed[input.argument] = first.inputs.back().argument;
    }
    rename(first, renamed);
    finish(first);
    finish(second);
    return std::pair{Node{node_ids_++, node.location, std::move(first)},
                     Node{node_ids_++, node.location, std::move(second)}};
  }

  std::int64_t bytes(ArrayId array) const {
    const ir::ProgramArray& info = program_.arrays[array];
    return ir::saturated_product(element_count(info.shape), static_cast<std::int64_t>(element_bytes(info.dtype)));
  }

  bool may_hand_on(const Loop& loop, const std::vector<ArrayId>& handed) const {
    std::int64_t elements = 0;
    std::int64_t handed_bytes = 0;
    for (ArrayId array : handed) {
      elements = std::min(ir::unlimited, elements + element_count(program_.arrays[array].shape));
      handed_bytes = std::min(ir::unlimited, handed_bytes + ir::saturated_product(bytes(array), loop.trip_count));
    }
    std::int64_t own_bytes = 0;
    for (const ir::StackedOutput& output : loop.outputs)
      own_bytes = std::min(ir::unlimited, own_bytes + bytes(output.result));
    return elements <= most_shared_elements &&
           handed_bytes <= std::max(largest_handed_bytes, own_bytes / least_own_share);
  }

  static void finish(Loop& loop) {
    for (const ir::Carry& carry : loop.carries) loop.body.results.push_back(carry.next);
    for (const ir::StackedOutput& output : loop.outputs) loop.body.results.push_back(output.value);
  }

  static bool reads(const Loop& loop, ArrayId array) {
    const auto is_next = [&](const ir::Carry& carry) { return carry.next == array; };
    if (std::any_of(loop.carries.begin(), loop.carries.end(), is_next)) return true;
    return std::any_of(loop.body.nodes.begin(), loop.body.nodes.end(), [&](const Node& node) {
      const std::vector<ArrayId> read = ir::arrays_read(node);
      return std::find(read.begin(), read.end(), array) != read.end();
    });
  }

  static void rename(Loop& loop, const std::unordered_map<ArrayId, ArrayId>& names) {
    const auto rename_array = [&](ArrayId& array) {
      if (const auto found = names.find(array); found != names.end()) array = found->second;
    };
    const std::function<void(ir::Block&)> rename_block = [&](ir::Block& block) {
      for (Node& node : block.nodes) {
        visit_arrays(node, rename_array);
        visit_blocks(node, rename_block);
      }
      for (ArrayId& result : block.results) rename_array(result);
    };
    rename_block(loop.body);
    for (ir::Carry& carry : loop.carries) rename_array(carry.next);
  }

  Node copy(const Node& like, ArrayId from, ArrayId to) {
    ir::RegionBuilder builder;
    ir::Nest nest;
    std::vector<ir::Index> indices;
    for (std::int64_t extent : program_.arrays[from].shape) {
      indices.push_back(ir::RegionBuilder::index(0, {{1, builder.axis(static_cast<int>(indices.size()))}}));
      nest.axes.push_back({extent, ir::AxisKind::parallel});
    }
    const ir::OpId value = builder.read(program_.arrays[from].dtype, from, indices);
    nest.outputs.push_back({to, std::nullopt, indices, std::nullopt, std::nullopt});
    nest.body = builder.finish({value});
    return {node_ids_++, like.location, std::move(nest)};
  }

  bool is_batch(const Node& loop) const {
    const auto axes = independent_axes(program_, loop);
    return axes && std::any_of(axes->extents.begin(), axes->extents.end(),
                               [](std::int64_t extent) { return extent >= least_batch; });
  }

  ArrayId new_array(DType dtype, Shape shape) {
    program_.arrays.push_back({dtype, std::move(shape)});
    return static_cast<ArrayId>(program_.arrays.size() - 1);
  }

  Program program_;
  ir::NodeId node_ids_ = 1U << 30;  ///< until renumber
};

}  // namespace

Program split_loops(const Program& program) {
  return Splitter(program).run();
}

}  // namespace jaxc::compiler
