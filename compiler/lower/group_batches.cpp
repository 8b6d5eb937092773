// Finds sequences of nodes that share a batch's axis and wraps each in a loop of one step.
#include "compiler/lower/group_batches.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "compiler/lower/renumber.h"
#include "compiler/lower/strip_mine.h"
#include "compiler/plan/independent_axes.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Node;
using ir::Program;

constexpr std::int64_t least_batch = 256;
constexpr std::int64_t largest_matrix = 36;
// Beyond this, planners do not keep a step's arrays in private memory, and each routine is better off alone.
constexpr std::int64_t largest_private = 2048;
constexpr std::array<std::string_view, 3> grouped_routines = {"cholesky", "lu", "triangular_solve"};

bool is_grouped_routine(const Node& node) {
  const auto* routine = std::get_if<ir::Routine>(&node.kind);
  return routine != nullptr &&
         std::find(grouped_routines.begin(), grouped_routines.end(), routine->name) != grouped_routines.end();
}

class Grouping {
 public:
  explicit Grouping(Program program) : program_(std::move(program)) {}

  Program run() {
    group_block();
    for (std::size_t k = 0; k < program_.body.nodes.size(); ++k) {
      const auto* loop = std::get_if<ir::Loop>(&program_.body.nodes[k].kind);
      if (loop == nullptr || loop->name != blocks_name) continue;
      loop_ = k;
      group_block();
      loop_ = std::nullopt;
      program_.body.nodes.insert(program_.body.nodes.begin() + static_cast<std::ptrdiff_t>(k) + 1,
                                 std::make_move_iterator(behind_.begin()), std::make_move_iterator(behind_.end()));
      behind_.clear();
    }
    if (grouped_) renumber(program_);
    return std::move(program_);
  }

 private:
  ir::Loop* around() { return loop_ ? &std::get<ir::Loop>(program_.body.nodes[*loop_].kind) : nullptr; }
  ir::Block& block() { return loop_ ? around()->body : program_.body; }

  void group_block() {
    for (std::size_t first = 0; first < block().nodes.size(); ++first) {
      const std::vector<Node>& nodes = block().nodes;
      const std::int64_t batch = batch_of(nodes[first]);
      if (batch == 0) continue;
      std::size_t end = first + 1;
      while (end < nodes.size() && batch_of(nodes[end]) == batch) ++end;
      group(first, end, batch);
      first = std::max(first, std::min(end, block().nodes.size()) - 1);
    }
  }

  /// The first extent of all small arrays that the node assigns; 0 for other nodes.
  std::int64_t batch_of(const Node& node) const {
    if (std::holds_alternative<ir::Branch>(node.kind) || std::holds_alternative<ir::Loop>(node.kind)) return 0;
    if (std::holds_alternative<ir::Routine>(node.kind) && !is_grouped_routine(node)) return 0;
    std::int64_t batch = 0;
    for (ArrayId array : ir::arrays_assigned(node)) {
      const Shape& shape = program_.arrays[array].shape;
      if (shape.empty() || shape[0] < least_batch || (batch != 0 && shape[0] != batch)) return 0;
      batch = shape[0];
      if (element_count(shape) > batch * largest_matrix) return 0;
    }
    return batch;
  }

  /// Wraps nodes [first, end), or those from the first routine to the last; `end` then counts what is left.
  void group(std::size_t first, std::size_t& end, std::int64_t batch) {
    const auto begin = block().nodes.begin();
    const auto at = [&](std::size_t k) { return begin + static_cast<std::ptrdiff_t>(k); };
    const auto routine = std::find_if(at(first), at(end), is_grouped_routine);
    if (routine == at(end)) return;
    const auto last =
        std::find_if(std::make_reverse_iterator(at(end)), std::make_reverse_iterator(at(first)), is_grouped_routine);
    const std::pair whole(first, end);
    const std::pair routines(static_cast<std::size_t>(routine - begin), static_cast<std::size_t>(last.base() - begin));
    for (const auto& [from, to] : {whole, routines})
      if (wrap(from, to, batch)) {
        end -= to - from - 1;
        return;
      }
  }

  bool wrap(std::size_t first, std::size_t end, std::int64_t batch) {
    std::vector<Node>& nodes = block().nodes;
    const auto at = [&](std::size_t k) { return nodes.begin() + static_cast<std::ptrdiff_t>(k); };
    const Program before = program_;
    ir::Loop loop;
    loop.name = "batch";
    loop.trip_count = 1;
    loop.position = new_array(DType::i64, {});
    loop.body.nodes.assign(std::make_move_iterator(at(first)), std::make_move_iterator(at(end)));
    std::unordered_set<ArrayId> assigned;
    for (const Node& node : loop.body.nodes)
      for (ArrayId array : ir::arrays_assigned(node)) assigned.insert(array);
    // What the nodes after the group, or the caller, need of it gets a new name.
    std::unordered_map<ArrayId, ArrayId> renamed;
    std::vector<Node> reshapes;
    std::vector<Node> behind;
    const auto stack = [&](ArrayId array) {
      const ir::ProgramArray value = program_.arrays[array];
      Shape stacked = value.shape;
      stacked.insert(stacked.begin(), 1);
      loop.outputs.push_back({array, new_array(value.dtype, std::move(stacked)), 0});
      loop.body.results.push_back(array);
      return loop.outputs.back().result;
    };
    const auto rename = [&](ArrayId& array) {
      if (!assigned.contains(array)) return;
      const auto [found, is_new] = renamed.try_emplace(array, 0);
      if (is_new) {
        const ir::ProgramArray value = program_.arrays[array];
        found->second = new_array(value.dtype, value.shape);
        reshapes.push_back({0, loop.body.nodes.back().location, ir::Reshape{stack(array), found->second}});
      }
      array = found->second;
    };
    const std::function<void(Node&)> rename_all = [&](Node& node) {
      visit_arrays(node, rename);
      visit_blocks(node, [&](ir::Block& inner) {
        for (Node& each : inner.nodes) rename_all(each);
        for (ArrayId& result : inner.results) rename(result);
      });
    };
    for (auto node = at(end); node != nodes.end(); ++node) rename_all(*node);
    if (ir::Loop* outer = around()) {
      for (ir::Carry& carry : outer->carries) rename(carry.next);
      // What the blocks stack has the group's dimension too, and is written in its place.
      for (ir::StackedOutput& output : outer->outputs) {
        if (!assigned.contains(output.value)) continue;
        output.value = stack(output.value);
        Shape whole = program_.arrays[output.value].shape;
        whole.insert(whole.begin(), outer->trip_count);
        const ArrayId result =
            std::exchange(output.result, new_array(program_.arrays[output.value].dtype, std::move(whole)));
        behind.push_back({nodes_++, loop.body.nodes.back().location, ir::Reshape{output.result, result}});
      }
      outer->body.results.clear();
      for (const ir::Carry& carry : outer->carries) outer->body.results.push_back(carry.next);
      for (const ir::StackedOutput& output : outer->outputs) outer->body.results.push_back(output.value);
    } else {
      for (ArrayId& result : program_.body.results) rename(result);
    }
    for (ir::Interface& output : program_.outputs) rename(output.array);
    Node group{nodes_++, loop.body.nodes.front().location, std::move(loop)};
    if (!is_batch(group, batch)) {
      program_ = before;
      return false;
    }
    nodes.erase(at(first), at(end));
    reshapes.insert(reshapes.begin(), std::move(group));
    nodes.insert(at(first), std::make_move_iterator(reshapes.begin()), std::make_move_iterator(reshapes.end()));
    std::move(behind.begin(), behind.end(), std::back_inserter(behind_));
    grouped_ = true;
    return true;
  }

  /// What one matrix of the batch and all that is computed from it take.
  std::int64_t bytes_of_one(const ir::Loop& group, std::int64_t batch) const {
    std::int64_t bytes = 0;
    const auto count = [&](ArrayId array) {
      const ir::ProgramArray& info = program_.arrays[array];
      bytes += (element_count(info.shape) / batch + 1) * static_cast<std::int64_t>(element_bytes(info.dtype));
    };
    ir::visit_nodes(group.body, [&](const Node& node) {
      for (ArrayId array : ir::arrays_assigned(node)) count(array);
      if (const auto* loop = std::get_if<ir::Loop>(&node.kind))
        for (const ir::Carry& carry : loop->carries) count(carry.argument);
    });
    return bytes;
  }

  /// Whether the elements of the batch do not interact, and each has its own part of every result.
  bool is_batch(const Node& group, std::int64_t batch) const {
    if (bytes_of_one(std::get<ir::Loop>(group.kind), batch) > largest_private) return false;
    const auto axes = independent_axes(program_, group);
    if (!axes) return false;
    const auto& outputs = std::get<ir::Loop>(group.kind).outputs;
    for (std::size_t lane = 0; lane < axes->extents.size(); ++lane) {
      const auto varies = [&](const ir::StackedOutput& output) {
        const auto found = axes->dimensions.find(output.value);
        return found != axes->dimensions.end() && found->second[lane] == 0;
      };
      if (axes->extents[lane] == batch && std::all_of(outputs.begin(), outputs.end(), varies)) return true;
    }
    return false;
  }

  ArrayId new_array(DType dtype, Shape shape) {
    program_.arrays.push_back({dtype, std::move(shape)});
    return static_cast<ArrayId>(program_.arrays.size() - 1);
  }

  Program program_;
  std::optional<std::size_t> loop_;  ///< the node whose block is looked at; the program's own without one
  ir::NodeId nodes_ = 1U << 30;      ///< numbers until renumber
  std::vector<Node> behind_;         ///< to stand behind the loop whose block is looked at
  bool grouped_ = false;
};

}  // namespace

Program group_batches(const Program& program) {
  return Grouping(program).run();
}

}  // namespace jaxc::compiler
