// order_steps: what the next step waits for longest comes first in a loop's body, the rest where it is needed.
#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "compiler/lower/loops.h"
#include "compiler/lower/renumber.h"
#include "compiler/plan/independent_axes.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::Opcode;
using ir::Program;
using ir::Region;
using ir::ScalarOp;

/// Nests of at most this many points become straight-line code, whose order the processor looks ahead in.
constexpr std::int64_t most_points = 512;
constexpr std::size_t most_nodes = 256;

/// Cycles, roughly, of what depends on each other; only their ratios matter.
constexpr int shuffle = 2;
constexpr int arithmetic = 4;
constexpr int division = 11;
constexpr int function = 30;

int duration(const ScalarOp& op) {
  switch (op.opcode) {
    case Opcode::constant:
    case Opcode::axis:
    case Opcode::argument:
    case Opcode::element:
      return 0;
    case Opcode::read:
      return shuffle;
    case Opcode::div:
    case Opcode::rem:
    case Opcode::sqrt:
      return division;
    case Opcode::call:
    case Opcode::branch:
    case Opcode::repeat:
      return function;
    default:
      return arithmetic;
  }
}

/// The longest chain of operations from the region's operands to its results.
int duration(const Region& region) {
  std::vector<int> done;
  for (const ScalarOp& op : region.ops) {
    int start = 0;
    for (const ir::OpId argument : op.arguments) start = std::max(start, done[argument]);
    done.push_back(start + duration(op));
  }
  int longest = 0;
  for (const ir::OpId result : region.results) longest = std::max(longest, done[result]);
  return longest;
}

int duration(const Nest& nest) {
  std::int64_t terms = 1;
  for (const ir::Axis& axis : nest.axes)
    if (axis.kind == ir::AxisKind::reduced) terms *= axis.extent;
  const int levels = std::bit_width(static_cast<std::uint64_t>(terms));
  return duration(nest.body) + (nest.reduction ? levels * duration(nest.reduction->step) : 0);
}

bool is_small(const Nest& nest) {
  std::int64_t points = 1;
  for (const ir::Axis& axis : nest.axes) {
    if (axis.extent > most_points) return false;
    points *= std::max<std::int64_t>(axis.extent, 1);
    if (points > most_points) return false;
  }
  return std::none_of(nest.outputs.begin(), nest.outputs.end(),
                      [](const ir::NestOutput& output) { return output.base.has_value(); });
}

/// The order of one body's nodes.
class StepOrder {
 public:
  explicit StepOrder(const Loop& loop) : loop_(loop), nodes_(loop.body.nodes), followers_(nodes_.size()) {
    find_followers();
  }

  /// The nodes' numbers in their new order.
  std::vector<std::size_t> order() const {
    // Backwards from the carries: the latest time at which a node can begin without any carry being late.
    constexpr int never = std::numeric_limits<int>::max();
    std::vector<int> start(nodes_.size(), never);
    for (std::size_t k = nodes_.size(); k-- > 0;) {
      int latest = makes_carry_[k] ? 0 : never;
      for (std::size_t follower : followers_[k]) latest = std::min(latest, start[follower]);
      if (latest != never) start[k] = latest - durations_[k];
    }
    // What no carry needs follows what it reads.
    std::vector<int> earliest(nodes_.size(), std::numeric_limits<int>::min());
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      if (start[k] == never) start[k] = earliest[k];
      const int end = start[k] == std::numeric_limits<int>::min() ? start[k] : start[k] + durations_[k];
      for (std::size_t follower : followers_[k]) earliest[follower] = std::max(earliest[follower], end);
    }
    std::vector<std::size_t> numbers(nodes_.size());
    std::iota(numbers.begin(), numbers.end(), std::size_t{0});
    std::stable_sort(numbers.begin(), numbers.end(),
                     [&](std::size_t left, std::size_t right) { return start[left] < start[right]; });
    return numbers;
  }

 private:
  void find_followers() {
    std::unordered_map<ArrayId, std::size_t> maker;
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      for (ArrayId array : ir::arrays_read(nodes_[k]))
        if (const auto found = maker.find(array); found != maker.end()) followers_[found->second].push_back(k);
      for (ArrayId array : ir::arrays_assigned(nodes_[k])) maker.emplace(array, k);
      const auto* nest = std::get_if<Nest>(&nodes_[k].kind);
      durations_.push_back(nest == nullptr ? 0 : duration(*nest));
    }
    makes_carry_.assign(nodes_.size(), false);
    for (const ir::Carry& carry : loop_.carries) {
      const auto next = maker.find(carry.next);
      if (next == maker.end()) continue;
      makes_carry_[next->second] = true;
      // The old value's place may be the new one's: who reads it stays before.
      for (std::size_t k = 0; k < next->second; ++k) {
        const std::vector<ArrayId> read = ir::arrays_read(nodes_[k]);
        if (std::find(read.begin(), read.end(), carry.argument) != read.end()) followers_[k].push_back(next->second);
      }
    }
  }

  const Loop& loop_;
  const std::vector<Node>& nodes_;
  std::vector<std::vector<std::size_t>> followers_;  ///< by node: later nodes that need it to be done
  std::vector<int> durations_;
  std::vector<bool> makes_carry_;
};

bool order_block(const Program& program, ir::Block& block) {
  bool changed = false;
  for (Node& node : block.nodes) {
    visit_blocks(node, [&](ir::Block& inner) { changed = order_block(program, inner) || changed; });
    auto* loop = std::get_if<Loop>(&node.kind);
    if (loop == nullptr || loop->carries.size() < 2 || loop->body.nodes.size() > most_nodes) continue;
    const bool straight = std::all_of(loop->body.nodes.begin(), loop->body.nodes.end(), [](const Node& inner) {
      const auto* nest = std::get_if<Nest>(&inner.kind);
      return nest != nullptr ? is_small(*nest) : std::holds_alternative<ir::Reshape>(inner.kind);
    });
    // Elements that do not interact take turns anyway.
    if (!straight || independent_axes(program, node)) continue;
    const std::vector<std::size_t> order = StepOrder(*loop).order();
    if (std::is_sorted(order.begin(), order.end())) continue;
    std::vector<Node> nodes;
    for (std::size_t number : order) nodes.push_back(std::move(loop->body.nodes[number]));
    loop->body.nodes = std::move(nodes);
    changed = true;
  }
  return changed;
}

}  // namespace

ir::Program order_steps(const ir::Program& program) {
  Program result = program;
  if (order_block(program, result.body)) renumber(result);
  return result;
}

}  // namespace jaxc::compiler
