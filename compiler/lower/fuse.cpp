// fuse: decides which nests are written into their readers, and does it in program order.
#include "compiler/lower/fuse.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "compiler/lower/renumber.h"
#include "compiler/lower/substitute.h"
#include "compiler/plan/schedule.h"
#include "compiler/scalar/library.h"
#include "ir/affine.h"
#include "ir/region_builder.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Index;
using ir::Nest;
using ir::Node;
using ir::NodeId;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;
using ir::ScalarOp;

constexpr std::size_t largest_body = 600;
constexpr std::int64_t least_points = 4096;  ///< of nests whose memory traffic counts

constexpr std::int64_t least_folded = 64;  ///< terms of sums that share what they have in common

/// What a nest's expression costs at one point.
struct Cost {
  int arithmetic = 0;
  int reads = 0;
};

/// A nest that may be written into its readers.
struct Candidate {
  Nest nest;
  NodeId node = 0;
  int loop = 0;  ///< the loop whose body holds it
  Cost cost;
  std::int64_t points = 1;
  std::int64_t elements_read = 0;  ///< of the arrays that it reads
};

std::int64_t point_count(const Nest& nest) {
  std::int64_t count = 1;
  for (const ir::Axis& axis : nest.axes) count *= axis.extent;
  return count;
}

/// A large nest of sums of a few terms each (a scalar product of coordinates) as one expression without a fold, which
/// readers can take in; nothing for other nests.
std::optional<Nest> written_out(const Nest& nest) {
  constexpr std::int64_t most_terms = 4;
  const ir::Reduction& fold = *nest.reduction;
  if (fold.merge != Opcode::add || fold.initial.size() != 1 || fold.initial[0].bits != 0) return std::nullopt;
  Nest result;
  std::int64_t terms = 1;
  const auto is_parallel = [](const ir::Axis& axis) { return axis.kind == ir::AxisKind::parallel; };
  const auto folded = std::find_if_not(nest.axes.begin(), nest.axes.end(), is_parallel);
  result.axes.assign(nest.axes.begin(), folded);
  for (auto axis = folded; axis != nest.axes.end(); ++axis) {
    if (axis->kind != ir::AxisKind::reduced || axis->extent > most_terms) return std::nullopt;
    terms *= axis->extent;
  }
  if (terms < 2 || terms > most_terms || point_count(result) < least_points) return std::nullopt;
  RegionBuilder builder;
  std::vector<Index> point;
  for (std::size_t axis = 0; axis < result.axes.size(); ++axis)
    point.push_back(Index{0, {Index::Term{1, builder.axis(static_cast<int>(axis))}}});
  point.resize(nest.axes.size());
  std::optional<OpId> sum;
  for (std::int64_t term = 0; term < terms; ++term) {
    std::int64_t rest = term;
    for (std::size_t axis = nest.axes.size(); axis-- > result.axes.size();) {
      point[axis].offset = rest % nest.axes[axis].extent;
      rest /= nest.axes[axis].extent;
    }
    const OpId value = substitute(builder, nest.body, point, std::nullopt);
    sum = sum ? builder.binary(Opcode::add, *sum, value) : value;
  }
  result.outputs = nest.outputs;
  for (Index& index : result.outputs[0].indices)
    for (Index::Term& term : index.terms) {
      const ScalarOp& op = nest.body.ops[term.op];
      if (op.opcode != Opcode::axis) return std::nullopt;
      term.op = builder.axis(static_cast<int>(op.immediate));
    }
  result.body = builder.finish({*sum});
  return result;
}

class Fusion {
 public:
  explicit Fusion(ir::Program program)
      : program_(std::move(program)),
        reads_(program_.arrays.size()),
        more_reads_(program_.arrays.size()),
        held_(program_.arrays.size()),
        updates_(program_.arrays.size()) {}

  ir::Program run() {
    renumber(program_);
    count(program_.body);
    block(program_.body, 0);
    drop_dead_nodes(program_);
    restore_reshapes();
    sink_views(program_);
    renumber(program_);
    return std::move(program_);
  }

 private:
  /// Counts reads by nests and uses that need the array itself, and finds the nodes that update it.
  void count(Block& block) {
    for (Node& node : block.nodes) {
      if (auto* nest = std::get_if<Nest>(&node.kind)) {
        for (const ScalarOp& op : nest->body.ops)
          if (op.opcode == Opcode::read) ++reads_[op.array];
        for (const ir::NestOutput& output : nest->outputs) {
          if (!output.base) continue;
          ++held_[*output.base];
          updates_[*output.base].push_back(node.id);
        }
      } else {
        visit_arrays(node, [&](ArrayId& array) { ++held_[array]; });
        visit_blocks(node, [&](Block& inner) { count(inner); });
      }
    }
    for (ArrayId result : block.results) ++held_[result];
  }

  /// A large nest outside of loops that only renames elements, in their order, moves nothing as a reshape.
  void restore_reshapes() {
    for (Node& node : program_.body.nodes) {
      const auto* nest = std::get_if<Nest>(&node.kind);
      if (nest == nullptr || nest->reduction || nest->outputs.size() != 1 || nest->outputs[0].base) continue;
      const ScalarOp& value = nest->body.ops[nest->body.results[0]];
      if (value.opcode != Opcode::read || !value.arguments.empty()) continue;
      const ArrayId result = nest->outputs[0].result;
      const Shape& from = program_.arrays[value.array].shape;
      const Shape& to = program_.arrays[result].shape;
      bool same = element_count(from) == element_count(to) && element_count(to) >= least_points;
      for (const Index& index : value.indices) same = same && index.offset == 0;
      for (const Index& index : nest->outputs[0].indices) same = same && index.offset == 0;
      for (std::uint64_t axis = 0; same && axis < nest->axes.size(); ++axis) {
        const auto read = address_stride(nest->body, value.indices, from, axis);
        same = read && read == address_stride(nest->body, nest->outputs[0].indices, to, axis);
      }
      if (same) node.kind = ir::Reshape{value.array, result};
    }
  }

  void block(Block& block, int loop) {
    for (Node& node : block.nodes) {
      if (auto* nest = std::get_if<Nest>(&node.kind)) {
        // What was written into a sum may read what only sums take in.
        while (rewrite(*nest, node.id, loop) && nest->reduction) continue;
        offer(*nest, node.id, loop);
      } else if (auto* inner = std::get_if<ir::Loop>(&node.kind)) {
        const int number = ++loops_;
        if (inner->condition) this->block(*inner->condition, number);
        this->block(inner->body, number);
      } else if (auto* branch = std::get_if<ir::Branch>(&node.kind)) {
        for (Block& part : branch->blocks) this->block(part, loop);
      } else if (auto* routine = std::get_if<ir::Routine>(&node.kind)) {
        // A library may stand in for the expansion, so that it reads the routine's inputs alone.
        auto outside = std::exchange(candidates_, {});
        this->block(routine->expansion, ++loops_);
        candidates_ = std::move(outside);
      }
    }
  }

  int weight(const ScalarOp& op) const {
    switch (op.opcode) {
      case Opcode::constant:
      case Opcode::axis:
      case Opcode::argument:
      case Opcode::read:
      case Opcode::convert:
      case Opcode::bitcast:
      case Opcode::element:
        return 0;
      case Opcode::div:
      case Opcode::rem:
      case Opcode::sqrt:
      case Opcode::fma:
        return 8;
      case Opcode::call:
        return is_conversion(program_.functions[op.immediate].name) ? 2 : 20;
      case Opcode::branch:
      case Opcode::repeat:
        return 50;
      default:
        return 1;
    }
  }

  void offer(const Nest& nest, NodeId node, int loop) {
    if (nest.outputs.size() != 1 || nest.outputs[0].base) return;
    if (nest.reduction) {
      if (const auto expression = written_out(nest)) offer(*expression, node, loop);
      return;
    }
    const ir::NestOutput& output = nest.outputs[0];
    if (output.indices.size() != nest.axes.size() || nest.body.ops.size() > largest_body / 2) return;
    for (std::size_t k = 0; k < output.indices.size(); ++k) {
      const std::optional<ir::Affine> form = ir::affine(output.indices[k], nest.body, nest.axes.size());
      if (!form || form->identity() != static_cast<int>(k)) return;
    }
    Candidate candidate{nest, node, loop, {}, point_count(nest), 0};
    for (const ScalarOp& op : nest.body.ops) {
      candidate.cost.arithmetic += weight(op);
      if (op.opcode != Opcode::read) continue;
      ++candidate.cost.reads;
      candidate.elements_read += element_count(program_.arrays[op.array].shape);
    }
    candidates_.insert_or_assign(output.result, std::move(candidate));
  }

  /// Whether a node between the two, or the later one, updates an array that the candidate reads: reading it
  /// later would keep the old value alive and force a copy.
  bool keeps_old_value(const Candidate& candidate, NodeId reader) const {
    for (const ScalarOp& op : candidate.nest.body.ops) {
      if (op.opcode != Opcode::read) continue;
      for (NodeId update : updates_[op.array])
        if (candidate.node < update && update <= reader) return true;
    }
    return false;
  }

  /// Whether a reduction reads the array in the same way along a few neighbours of its results: they are folded
  /// together, and share what they have in common.
  static bool shared_by_neighbours(const Candidate& candidate, const Nest& reader, const ScalarOp& read) {
    constexpr std::int64_t most_neighbours = 4;
    constexpr std::size_t largest_shared = 48;
    if (!reader.reduction || !reader.reduction->merge || candidate.nest.body.ops.size() > largest_shared) return false;
    const auto calls = [](const ScalarOp& op) { return op.opcode == Opcode::call; };
    if (std::any_of(candidate.nest.body.ops.begin(), candidate.nest.body.ops.end(), calls)) return false;
    std::vector<bool> used(reader.axes.size());
    for (const Index& index : read.indices)
      for (const Index::Term& term : index.terms) {
        const ScalarOp& op = reader.body.ops[term.op];
        if (op.opcode != Opcode::axis) return false;
        used[op.immediate] = true;
      }
    std::int64_t neighbours = 1;
    std::int64_t folded = 1;
    for (std::size_t axis = 0; axis < reader.axes.size(); ++axis) {
      const ir::Axis& each = reader.axes[axis];
      if (each.kind == ir::AxisKind::reduced) folded *= each.extent;
      if (used[axis]) continue;
      if (each.kind != ir::AxisKind::parallel) return false;
      neighbours *= each.extent;
    }
    return neighbours <= most_neighbours && folded >= least_folded &&
           point_count(reader) <= neighbours * candidate.points;
  }

  bool profitable(const Candidate& candidate, ArrayId array, const Nest& reader, const ScalarOp& read, int loop) const {
    const Cost& cost = candidate.cost;
    const bool view = cost.arithmetic == 0 && cost.reads <= 1;
    const bool formula = cost.reads == 0 && cost.arithmetic <= 8;
    if (candidate.loop != loop)  // a step of the loop would compute it again
      return (view || formula) && (cost.reads == 0 || candidate.elements_read < candidate.points);
    if (view || formula) return true;
    if (held_[array] != 0) return false;
    if (point_count(reader) > candidate.points)
      return reads_[array] + more_reads_[array] <= 1 && shared_by_neighbours(candidate, reader, read);
    if (reads_[array] <= 1) return true;
    return cost.arithmetic * reads_[array] <= 4 && cost.reads <= 2;
  }

  /// Writes what pays into the nest; returns whether anything did.
  bool rewrite(Nest& nest, NodeId node, int loop) {
    bool changed = false;
    RegionBuilder builder;
    std::vector<OpId> numbers;
    const auto renumbered = [&](Index& index) {
      for (Index::Term& term : index.terms) term.op = numbers[term.op];
    };
    for (const ScalarOp& original : nest.body.ops) {
      ScalarOp op = original;
      for (OpId& argument : op.arguments) argument = numbers[argument];
      for (Index& index : op.indices) renumbered(index);
      const Candidate* candidate = op.opcode == Opcode::read ? find(op.array) : nullptr;
      const bool inlined = candidate != nullptr && builder.size() + candidate->nest.body.ops.size() <= largest_body &&
                           profitable(*candidate, op.array, nest, original, loop) && !keeps_old_value(*candidate, node);
      if (inlined) {
        changed = true;
        const bool again = reads_[op.array] > 1 || held_[op.array] != 0;
        for (const ScalarOp& read : candidate->nest.body.ops)
          if (again && read.opcode == Opcode::read) ++more_reads_[read.array];
      }
      if (!inlined) {
        numbers.push_back(append_folded(builder, std::move(op)));
      } else if (op.arguments.empty()) {
        numbers.push_back(substitute(builder, candidate->nest.body, op.indices, std::nullopt));
      } else {
        const OpId value = substitute(builder, candidate->nest.body, op.indices, op.arguments[0]);
        numbers.push_back(builder.select(op.arguments[0], value, op.arguments[1]));
      }
    }
    std::vector<OpId> results;
    for (OpId result : nest.body.results) results.push_back(numbers[result]);
    for (ir::NestOutput& output : nest.outputs) {
      for (Index& index : output.indices) renumbered(index);
      if (output.guard) output.guard = numbers[*output.guard];
    }
    nest.body = builder.finish(std::move(results));
    drop_dead_operations(nest);
    return changed;
  }

  const Candidate* find(ArrayId array) const {
    const auto found = candidates_.find(array);
    return found == candidates_.end() ? nullptr : &found->second;
  }

  ir::Program program_;
  std::vector<int> reads_;                    ///< by nests, per array
  std::vector<int> more_reads_;               ///< by nests that took in a reader which stays, per array
  std::vector<int> held_;                     ///< other uses, per array
  std::vector<std::vector<NodeId>> updates_;  ///< nests whose base it is, per array
  std::unordered_map<ArrayId, Candidate> candidates_;
  int loops_ = 0;
};

}  // namespace

ir::Program fuse(const ir::Program& program) {
  return Fusion(program).run();
}

}  // namespace jaxc::compiler
