// group_rows: nests that walk the same rows of large arrays become one loop over the rows, so that what a row's nests
// hand on stays in the cache.
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "compiler/lower/fuse.h"
#include "compiler/lower/renumber.h"
#include "compiler/lower/substitute.h"
#include "compiler/plan/independent_axes.h"
#include "ir/affine.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Index;
using ir::Nest;
using ir::Node;
using ir::Opcode;
using ir::ScalarOp;

constexpr std::int64_t shortest_row = 64;             ///< points: enough to fill vectors
constexpr std::int64_t largest_row_bytes = 131'072;   ///< of all arrays that a row touches
constexpr std::int64_t least_saved_bytes = 524'288;   ///< what has to come from memory again without the loop
constexpr std::int64_t largest_whole_bytes = 32'768;  ///< an array that a reduction reads again for every row

/// Whether an index is exactly the position on the outermost axis.
bool is_row(const Nest& nest, const Index& index) {
  const std::optional<ir::Affine> form = ir::affine(index, nest.body, nest.axes.size());
  return form && form->identity() == 0;
}

/// Which operations depend on the position on the outermost axis other than by what reads give there.
std::vector<bool> row_dependent(const Nest& nest) {
  std::vector<bool> dependent;
  for (const ScalarOp& op : nest.body.ops) {
    bool depends = op.opcode == Opcode::axis && op.immediate == 0;
    if (op.opcode != Opcode::read)
      for (ir::OpId argument : op.arguments) depends = depends || dependent[argument];
    dependent.push_back(depends);
  }
  return dependent;
}

/// The dimension of an access that is the row, where no other dimension depends on it.
std::optional<std::size_t> row_dimension(const Nest& nest, const std::vector<Index>& indices,
                                         const std::vector<bool>& dependent) {
  std::optional<std::size_t> found;
  for (std::size_t d = 0; d < indices.size(); ++d) {
    const bool depends = std::any_of(indices[d].terms.begin(), indices[d].terms.end(),
                                     [&](const Index::Term& term) { return dependent[term.op]; });
    if (!depends) continue;
    if (found || !is_row(nest, indices[d])) return std::nullopt;
    found = d;
  }
  return found;
}

bool depends_on_row(const std::vector<Index>& indices, const std::vector<bool>& dependent) {
  for (const Index& index : indices)
    for (const Index::Term& term : index.terms)
      if (dependent[term.op]) return true;
  return false;
}

/// Consecutive nodes that one loop over rows may hold.
struct Group {
  std::int64_t rows = 0;
  std::vector<Node> members;
  std::set<std::pair<ArrayId, std::size_t>> slices;  ///< arrays from outside, and the dimension that is the row
  std::unordered_map<ArrayId, int> touches;          ///< how many members read or assign a whole array
  std::unordered_set<ArrayId> assigned;
  std::int64_t points = 0;  ///< of the longest member's row
};

class Rows {
 public:
  explicit Rows(ir::Program program) : program_(std::move(program)) {}

  ir::Program run() {
    block(program_.body);
    renumber(program_);
    return std::move(program_);
  }

 private:
  const Shape& shape(ArrayId array) const { return program_.arrays[array].shape; }
  std::int64_t bytes(ArrayId array) const {
    return element_count(shape(array)) * static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
  }

  ArrayId new_array(DType dtype, Shape shape) {
    program_.arrays.push_back({dtype, std::move(shape)});
    return static_cast<ArrayId>(program_.arrays.size() - 1);
  }

  void block(Block& block) {
    std::unordered_map<ArrayId, int> uses;
    for (Node& node : block.nodes) {
      // Elements that do not interact run all steps by themselves, and hand nothing on through memory.
      const bool in_lanes = std::holds_alternative<ir::Loop>(node.kind) && independent_axes(program_, node);
      if (!in_lanes) visit_blocks(node, [&](Block& inner) { this->block(inner); });
      for (ArrayId array : ir::arrays_read(node)) ++uses[array];
    }
    for (ArrayId result : block.results) ++uses[result];
    std::vector<Node> kept;
    Group group;
    for (Node& node : block.nodes) {
      if (join(node, group)) continue;
      if (!group.members.empty() && independent(node, group)) {
        kept.push_back(std::move(node));
        continue;
      }
      close(group, uses, kept);
      if (!join(node, group)) kept.push_back(std::move(node));
    }
    close(group, uses, kept);
    block.nodes = std::move(kept);
  }

  /// A node that may run before the group.
  static bool independent(const Node& node, const Group& group) {
    const auto* nest = std::get_if<Nest>(&node.kind);
    if (nest == nullptr) return false;
    if (std::any_of(nest->outputs.begin(), nest->outputs.end(),
                    [](const ir::NestOutput& output) { return output.base.has_value(); }))
      return false;
    const std::vector<ArrayId> read = ir::arrays_read(node);
    return std::none_of(read.begin(), read.end(), [&](ArrayId array) { return group.assigned.contains(array); });
  }

  bool join(Node& node, Group& group) {
    const auto* nest = std::get_if<Nest>(&node.kind);
    if (nest == nullptr || nest->axes.empty() || nest->axes[0].kind != ir::AxisKind::parallel) return false;
    const std::int64_t rows = nest->axes[0].extent;
    if (rows < 2 || (!group.members.empty() && rows != group.rows)) return false;
    const std::vector<bool> dependent = row_dependent(*nest);
    for (const ir::NestOutput& output : nest->outputs)
      if (output.base || row_dimension(*nest, output.indices, dependent) != std::size_t{0} ||
          shape(output.result)[0] != rows)
        return false;
    std::set<std::pair<ArrayId, std::size_t>> slices;
    for (const ScalarOp& op : nest->body.ops) {
      if (op.opcode != Opcode::read) continue;
      const auto dimension = row_dimension(*nest, op.indices, dependent);
      const bool inside = group.assigned.contains(op.array);
      if (dimension && shape(op.array)[*dimension] == rows && (!inside || *dimension == 0)) {
        if (!inside) slices.emplace(op.array, *dimension);
      } else if (inside || depends_on_row(op.indices, dependent) ||
                 (nest->reduction && bytes(op.array) > largest_whole_bytes)) {
        return false;
      }
    }
    std::int64_t points = 1;
    for (std::size_t k = 1; k < nest->axes.size(); ++k) points *= nest->axes[k].extent;
    std::unordered_set<ArrayId> touched;
    for (ArrayId array : ir::arrays_read(node)) touched.insert(array);
    for (const ir::NestOutput& output : nest->outputs) touched.insert(output.result);
    for (ArrayId array : touched) ++group.touches[array];
    for (const ir::NestOutput& output : nest->outputs) group.assigned.insert(output.result);
    group.rows = rows;
    group.points = std::max(group.points, points);
    group.slices.merge(slices);
    group.members.push_back(std::move(node));
    return true;
  }

  bool pays(const Group& group) const {
    if (group.members.size() < 2 || group.points < shortest_row) return false;
    std::int64_t saved = 0;
    std::int64_t row_bytes = 0;
    for (const auto& [array, count] : group.touches) {
      const bool sliced = group.assigned.contains(array) || group.slices.contains({array, 0});
      if (!sliced) continue;
      saved += (count - 1) * bytes(array);
      row_bytes += bytes(array) / group.rows;
    }
    return saved >= least_saved_bytes && row_bytes <= largest_row_bytes;
  }

  /// Puts the group's nodes, or the loop that replaces them, behind the nodes before it, and empties the group.
  void close(Group& group, const std::unordered_map<ArrayId, int>& uses, std::vector<Node>& kept) {
    Group closed = std::exchange(group, {});
    if (pays(closed)) {
      kept.push_back(loop(std::move(closed), uses));
    } else {
      std::move(closed.members.begin(), closed.members.end(), std::back_inserter(kept));
    }
  }

  Node loop(Group group, const std::unordered_map<ArrayId, int>& uses) {
    ir::Loop loop;
    loop.name = "rows";
    loop.trip_count = group.rows;
    loop.position = new_array(DType::i64, {});
    std::set<std::pair<ArrayId, std::size_t>> known;
    slices_.clear();
    for (const auto& [source, dimension] : group.slices) {
      const ArrayId argument = slice(source, dimension);
      loop.inputs.push_back({source, argument, static_cast<int>(dimension)});
      slices_.emplace(std::pair(source, dimension), argument);
    }
    std::unordered_map<ArrayId, int> uses_inside;
    for (const Node& node : group.members)
      for (ArrayId array : ir::arrays_read(node)) ++uses_inside[array];
    const ir::Location location = group.members.back().location;
    for (Node& node : group.members) {
      auto& nest = std::get<Nest>(node.kind);
      for (ir::NestOutput& output : nest.outputs) {
        const ArrayId value = slice(output.result, 0);
        slices_.emplace(std::pair(output.result, std::size_t{0}), value);
        const auto all = uses.find(output.result);
        if (all != uses.end() && all->second > uses_inside[output.result])
          loop.outputs.push_back({value, output.result, 0});
      }
      narrow(nest, loop.position);
      loop.body.nodes.push_back(std::move(node));
    }
    for (const ir::StackedOutput& output : loop.outputs) loop.body.results.push_back(output.value);
    return Node{program_.node_count++, location, std::move(loop)};
  }

  ArrayId slice(ArrayId array, std::size_t dimension) {
    Shape row = shape(array);
    row.erase(row.begin() + static_cast<std::ptrdiff_t>(dimension));
    return new_array(program_.arrays[array].dtype, std::move(row));
  }

  /// Makes the nest one of a single row.
  void narrow(Nest& nest, ArrayId position) {
    const std::vector<bool> dependent = row_dependent(nest);
    const auto narrowed = [&](ArrayId& array, std::vector<Index>& indices) {
      const auto dimension = row_dimension(nest, indices, dependent);
      if (!dimension) return;
      array = slices_.at({array, *dimension});
      indices.erase(indices.begin() + static_cast<std::ptrdiff_t>(*dimension));
    };
    for (ScalarOp& op : nest.body.ops)
      if (op.opcode == Opcode::read) narrowed(op.array, op.indices);
    for (ir::NestOutput& output : nest.outputs) narrowed(output.result, output.indices);
    for (ScalarOp& op : nest.body.ops) {
      if (op.opcode != Opcode::axis) continue;
      if (op.immediate == 0) {
        op.opcode = Opcode::read;
        op.array = position;
      } else {
        --op.immediate;
      }
    }
    nest.axes.erase(nest.axes.begin());
    drop_dead_operations(nest);
  }

  ir::Program program_;
  std::map<std::pair<ArrayId, std::size_t>, ArrayId> slices_;
};

}  // namespace

ir::Program group_rows(const ir::Program& program) {
  return Rows(program).run();
}

}  // namespace jaxc::compiler
