// Finds what no carry of a loop needs, and writes it behind the loop with the steps as its outermost axis.
#include "compiler/lower/postpone.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "compiler/lower/copies.h"
#include "compiler/lower/renumber.h"
#include "compiler/lower/strip_mine.h"
#include "compiler/plan/independent_axes.h"
#include "compiler/scalar/library.h"
#include "ir/region_builder.h"
#include "ir/saturate.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Index;
using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::Opcode;
using ir::OpId;
using ir::Program;
using ir::ScalarOp;

constexpr std::int64_t least_steps = 256;    ///< as many matrices as a batch needs
constexpr std::int64_t largest_matrix = 36;  ///< elements
constexpr std::int64_t most_points = 4;      ///< of a nest that leaves most of a vector empty
constexpr std::int64_t largest_stacked_bytes = std::int64_t{1} << 22;
constexpr std::int64_t largest_made_bytes = std::int64_t{1} << 22;   ///< of values between moved nodes, all steps
constexpr std::int64_t largest_block_bytes = std::int64_t{1} << 20;  ///< of both, for the steps of one block
constexpr std::int64_t longest_block = 4096;                         ///< steps
constexpr std::array<std::string_view, 3> batched_routines = {"cholesky", "lu", "triangular_solve"};

using Arrays = std::unordered_set<ArrayId>;

/// Arrays assigned by a node and inside it, arguments of loops included.
void add_assigned(const Node& node, Arrays& arrays) {
  for (ArrayId array : ir::arrays_assigned(node)) arrays.insert(array);
  const auto add_inside = [&](const ir::Block& block) {
    for (const Node& inner : block.nodes) add_assigned(inner, arrays);
  };
  if (const auto* loop = std::get_if<Loop>(&node.kind)) {
    for (const ir::Carry& carry : loop->carries) arrays.insert(carry.argument);
    for (const ir::StackedInput& input : loop->inputs) arrays.insert(input.argument);
    add_inside(loop->body);
  } else if (const auto* routine = std::get_if<ir::Routine>(&node.kind)) {
    add_inside(routine->expansion);
  }
}

/// Moves what it can out of one loop.
class LoopPostponement {
 public:
  LoopPostponement(Program& program, Node& node)
      : program_(program), node_(node), loop_(std::get<Loop>(node.kind)), nodes_(loop_.body.nodes) {}

  /// The nodes to put behind the loop.
  std::vector<Node> run() { return find() ? move() : std::vector<Node>{}; }

  /// As many steps as a block may have for which nodes move that cannot move for all steps, since these take too much
  /// memory; nothing where that is not so.
  std::optional<std::int64_t> block_steps() const {
    if (bytes_of_a_step_ == 0) return std::nullopt;
    return std::min(longest_block, largest_block_bytes / bytes_of_a_step_);
  }

 private:
  /// Whether nodes can move.
  bool find() {
    if (loop_.condition || loop_.trip_count < least_steps) return false;
    moved_.assign(nodes_.size(), false);
    find_carried();
    for (std::size_t k = 0; k < nodes_.size(); ++k)
      if (!carried_[k] && (is_seed(nodes_[k]) || reads_moved(nodes_[k]))) mark_moved(k);
    if (std::find(moved_.begin(), moved_.end(), true) == moved_.end() || independent_axes(program_, node_))
      return false;
    find_known();
    add_operands();
    return can_move();
  }

  std::int64_t elements(ArrayId array) const { return element_count(program_.arrays[array].shape); }
  std::int64_t bytes(ArrayId array) const {
    return ir::saturated_product(elements(array),
                                 static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype)));
  }
  std::int64_t bytes_of_all_steps(ArrayId array) const { return ir::saturated_product(bytes(array), loop_.trip_count); }

  /// Arrays that the loop's body makes, and that differ from step to step.
  void find_carried() {
    Arrays needed;
    for (const ir::Carry& carry : loop_.carries) {
      needed.insert(carry.next);
      of_steps_.insert(carry.argument);
    }
    for (const ir::StackedInput& input : loop_.inputs) of_steps_.insert(input.argument);
    carried_.assign(nodes_.size(), false);
    for (std::size_t k = nodes_.size(); k-- > 0;) {
      for (ArrayId array : ir::arrays_assigned(nodes_[k])) {
        of_steps_.insert(array);
        maker_.emplace(array, k);
        carried_[k] = carried_[k] || needed.contains(array);
      }
      for (ArrayId array : ir::arrays_read(nodes_[k])) {
        ++readers_[array];
        if (carried_[k]) needed.insert(array);
      }
    }
  }

  bool is_seed(const Node& node) const {
    const auto is_small = [&](ArrayId array) { return elements(array) <= largest_matrix; };
    if (const auto* routine = std::get_if<ir::Routine>(&node.kind))
      return std::find(batched_routines.begin(), batched_routines.end(), routine->name) != batched_routines.end() &&
             std::all_of(routine->inputs.begin(), routine->inputs.end(), is_small) &&
             std::all_of(routine->outputs.begin(), routine->outputs.end(), is_small);
    const auto* nest = std::get_if<Nest>(&node.kind);
    if (nest == nullptr || nest->reduction) return false;
    std::int64_t points = 1;
    for (const ir::Axis& axis : nest->axes) points = ir::saturated_product(points, axis.extent);
    const bool computes = std::any_of(nest->body.ops.begin(), nest->body.ops.end(), [&](const ScalarOp& op) {
      return op.opcode == Opcode::call && !is_conversion(program_.functions[op.immediate].name);
    });
    std::int64_t read = 0;
    for (ArrayId array : ir::arrays_read(node))
      if (of_steps_.contains(array)) read += elements(array);
    return computes && points <= most_points && read <= 2 * most_points;
  }

  void mark_moved(std::size_t k) {
    moved_[k] = true;
    for (ArrayId array : ir::arrays_read(nodes_[k])) ++moved_readers_[array];
  }

  bool made_by_moved(ArrayId array) const {
    const auto maker = maker_.find(array);
    return maker != maker_.end() && moved_[maker->second];
  }

  bool reads_moved(const Node& reader) const {
    const auto read = ir::arrays_read(reader);
    return std::any_of(read.begin(), read.end(), [&](ArrayId array) { return made_by_moved(array); });
  }

  /// Arrays outside that hold a body's array for all steps already.
  void find_known() {
    for (const ir::StackedInput& input : loop_.inputs)
      if (input.axis == 0) all_steps_.emplace(input.argument, input.source);
    for (const ir::StackedOutput& output : loop_.outputs) {
      if (output.axis != 0) continue;
      all_steps_.emplace(output.value, output.result);
      if (const auto maker = maker_.find(output.value); maker != maker_.end() && !moved_[maker->second])
        if (const auto* nest = std::get_if<Nest>(&nodes_[maker->second].kind))
          if (const auto source = copied_array(program_, *nest)) all_steps_.emplace(*source, output.result);
    }
  }

  /// Whether a moved node reads an array of the steps that a node makes that stays.
  bool is_read_by_moved(ArrayId array) const {
    return moved_readers_.contains(array) && of_steps_.contains(array) && !made_by_moved(array);
  }

  /// What the loop would have to stack for a node, beside what it stacks for those that move already.
  std::int64_t bytes_to_stack(const Node& node) const {
    std::int64_t total = 0;
    for (ArrayId array : ir::arrays_read(node))
      if (of_steps_.contains(array) && !all_steps_.contains(array) && !is_read_by_moved(array)) total += bytes(array);
    return total;
  }

  /// Arrays of the steps that moved nodes read and nodes that stay make, in order.
  std::vector<ArrayId> read_by_moved() const {
    std::vector<ArrayId> read;
    for (const auto& [array, readers] : moved_readers_)
      if (is_read_by_moved(array)) read.push_back(array);
    std::sort(read.begin(), read.end());
    return read;
  }

  void add_operands() {
    Arrays outputs;
    for (const ir::StackedOutput& output : loop_.outputs) outputs.insert(output.value);
    for (std::size_t k = nodes_.size(); k-- > 0;) {
      if (carried_[k] || moved_[k]) continue;
      std::int64_t saved = 0;
      bool used_here = false;
      for (ArrayId array : ir::arrays_assigned(nodes_[k])) {
        const auto moved = moved_readers_.find(array);
        const auto all = readers_.find(array);
        if (moved != moved_readers_.end()) saved += bytes(array);
        used_here = used_here || outputs.contains(array) ||
                    (all != readers_.end() && (moved == moved_readers_.end() || moved->second != all->second));
      }
      if (saved != 0 && !used_here && bytes_to_stack(nodes_[k]) <= saved && batchable(nodes_[k])) mark_moved(k);
    }
  }

  /// Bytes that a moved node makes for all steps, beside the loop's results. What routines of small matrices make
  /// inside is a few times what they read and make.
  std::int64_t bytes_made(const Node& node) const {
    if (std::holds_alternative<ir::Reshape>(node.kind)) return 0;
    std::int64_t total = 0;
    for (ArrayId array : ir::arrays_assigned(node))
      if (!all_steps_.contains(array)) total = std::min(ir::unlimited, total + bytes_of_all_steps(array));
    if (const auto* loop = std::get_if<Loop>(&node.kind))
      for (const Node& inner : loop->body.nodes) total = std::min(ir::unlimited, total + bytes_made(inner));
    return total;
  }

  /// Whether a node can be written for all steps: everything that it assigns differs from step to step.
  bool batchable(const Node& node) const {
    const auto of_steps = [&](ArrayId array) { return of_steps_.contains(array) || inside_.contains(array); };
    if (const auto* nest = std::get_if<Nest>(&node.kind))
      return std::all_of(nest->outputs.begin(), nest->outputs.end(),
                         [&](const ir::NestOutput& output) { return !output.base || of_steps(*output.base); });
    if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) return of_steps(reshape->source);
    const auto all_inside = [&](const ir::Block& block) {
      return std::all_of(block.nodes.begin(), block.nodes.end(), [&](const Node& inner) { return batchable(inner); });
    };
    if (const auto* loop = std::get_if<Loop>(&node.kind))
      return !loop->condition && all_inside(loop->body) &&
             std::all_of(loop->carries.begin(), loop->carries.end(),
                         [&](const ir::Carry& carry) { return of_steps(carry.initial) && of_steps(carry.next); }) &&
             std::all_of(loop->inputs.begin(), loop->inputs.end(),
                         [&](const ir::StackedInput& input) { return of_steps(input.source); });
    const auto* routine = std::get_if<ir::Routine>(&node.kind);
    return routine != nullptr && is_seed(node) && all_inside(routine->expansion) &&
           std::all_of(routine->inputs.begin(), routine->inputs.end(), of_steps);
  }

  bool can_move() {
    for (std::size_t k = 0; k < nodes_.size(); ++k)
      if (moved_[k]) add_assigned(nodes_[k], inside_);
    for (std::size_t k = 0; k < nodes_.size(); ++k)
      if (moved_[k] && !batchable(nodes_[k])) return false;
    for (const ir::StackedOutput& output : loop_.outputs)
      if (inside_.contains(output.value) && output.axis != 0) return false;
    std::int64_t stacked = 0;
    for (ArrayId array : read_by_moved())
      if (!all_steps_.contains(array)) stacked = std::min(ir::unlimited, stacked + bytes_of_all_steps(array));
    std::int64_t made = 0;
    for (std::size_t k = 0; k < nodes_.size(); ++k)
      if (moved_[k]) made = std::min(ir::unlimited, made + bytes_made(nodes_[k]));
    if (stacked <= largest_stacked_bytes && made <= largest_made_bytes) return true;
    if (stacked < ir::unlimited && made < ir::unlimited)
      bytes_of_a_step_ = std::max<std::int64_t>(1, (stacked + made) / loop_.trip_count);
    return false;
  }

  ArrayId new_array(DType dtype, Shape shape) {
    program_.arrays.push_back({dtype, std::move(shape)});
    return static_cast<ArrayId>(program_.arrays.size() - 1);
  }

  ArrayId for_all_steps(ArrayId array) {
    Shape shape = program_.arrays[array].shape;
    shape.insert(shape.begin(), loop_.trip_count);
    return new_array(program_.arrays[array].dtype, std::move(shape));
  }

  std::vector<Node> move() {
    for (ArrayId array : inside_)
      if (!all_steps_.contains(array)) all_steps_.emplace(array, for_all_steps(array));
    std::unordered_map<ArrayId, Node> copies;
    for (ArrayId array : read_by_moved()) {
      if (all_steps_.contains(array)) continue;
      const ArrayId value = new_array(program_.arrays[array].dtype, program_.arrays[array].shape);
      const ArrayId result = for_all_steps(array);
      copies.emplace(array, copy(array, value));
      stacked_.push_back({value, result, 0});
      all_steps_.emplace(array, result);
    }
    std::erase_if(loop_.outputs, [&](const ir::StackedOutput& output) { return inside_.contains(output.value); });
    loop_.outputs.insert(loop_.outputs.end(), stacked_.begin(), stacked_.end());
    std::vector<Node> kept;
    std::vector<Node> behind;
    // A copy stands where its array is made, so that an update in place can follow.
    const auto add_copy = [&](ArrayId array) {
      if (const auto found = copies.find(array); found != copies.end()) {
        found->second.id = program_.node_count++;
        kept.push_back(std::move(found->second));
      }
    };
    for (const ir::Carry& carry : loop_.carries) add_copy(carry.argument);
    for (const ir::StackedInput& input : loop_.inputs) add_copy(input.argument);
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      if (moved_[k]) {
        write_for_all_steps(nodes_[k]);
        behind.push_back(std::move(nodes_[k]));
      } else {
        kept.push_back(std::move(nodes_[k]));
        for (ArrayId array : ir::arrays_assigned(kept.back())) add_copy(array);
      }
    }
    nodes_ = std::move(kept);
    loop_.body.results.clear();
    for (const ir::Carry& carry : loop_.carries) loop_.body.results.push_back(carry.next);
    for (const ir::StackedOutput& output : loop_.outputs) loop_.body.results.push_back(output.value);
    return behind;
  }

  Node copy(ArrayId source, ArrayId result) const {
    Nest nest;
    ir::RegionBuilder builder;
    std::vector<Index> point;
    for (std::int64_t extent : program_.arrays[source].shape) {
      point.push_back({0, {{1, builder.axis(static_cast<int>(nest.axes.size()))}}});
      nest.axes.push_back({extent, ir::AxisKind::parallel});
    }
    nest.body = builder.finish({builder.read(program_.arrays[source].dtype, source, point)});
    nest.outputs.push_back({result, std::nullopt, point, std::nullopt, std::nullopt});
    return {0, nodes_.front().location, std::move(nest)};
  }

  void write_for_all_steps(Node& node) {
    if (auto* nest = std::get_if<Nest>(&node.kind)) write_for_all_steps(*nest);
    if (auto* loop = std::get_if<Loop>(&node.kind)) {
      for (ir::StackedInput& input : loop->inputs) ++input.axis;
      for (ir::StackedOutput& output : loop->outputs) ++output.axis;
    }
    const auto rename = [&](ArrayId& array) {
      if (const auto found = all_steps_.find(array); found != all_steps_.end()) array = found->second;
    };
    visit_blocks(node, [&](ir::Block& block) {
      for (Node& inner : block.nodes) write_for_all_steps(inner);
      for (ArrayId& result : block.results) rename(result);
    });
    visit_arrays(node, rename);
  }

  /// The position on the axis over the steps.
  static ScalarOp step_axis() {
    ScalarOp op;
    op.opcode = Opcode::axis;
    op.dtype = DType::i64;
    return op;
  }

  /// Puts an axis over the steps before the others, and an index of it before those of the steps' arrays.
  void write_for_all_steps(Nest& nest) {
    nest.axes.insert(nest.axes.begin(), ir::Axis{loop_.trip_count, ir::AxisKind::parallel});
    const auto next = [](OpId& op) { ++op; };
    const auto write = [&](std::vector<Index>& indices, bool of_steps) {
      for (Index& index : indices)
        for (Index::Term& term : index.terms) next(term.op);
      if (of_steps) indices.insert(indices.begin(), Index{0, {{1, 0}}});
    };
    for (ScalarOp& op : nest.body.ops) {
      if (op.opcode == Opcode::axis) ++op.immediate;
      for (OpId& argument : op.arguments) next(argument);
      if (op.opcode != Opcode::read) continue;
      if (op.array == loop_.position) {
        op = step_axis();
      } else {
        write(op.indices, all_steps_.contains(op.array));
      }
    }
    nest.body.ops.insert(nest.body.ops.begin(), step_axis());
    for (OpId& result : nest.body.results) next(result);
    for (ir::NestOutput& output : nest.outputs) {
      write(output.indices, true);
      if (output.guard) next(*output.guard);
    }
  }

  Program& program_;
  const Node& node_;
  Loop& loop_;
  std::vector<Node>& nodes_;
  std::vector<bool> carried_;                               ///< by node: the next step needs it
  std::vector<bool> moved_;                                 ///< by node
  std::unordered_map<ArrayId, std::size_t> maker_;          ///< the body's node that assigns an array
  std::unordered_map<ArrayId, std::size_t> readers_;        ///< how often the body's nodes read an array
  std::unordered_map<ArrayId, std::size_t> moved_readers_;  ///< how often those that move read it
  Arrays of_steps_;                                         ///< arrays of the body that differ from step to step
  Arrays inside_;                                           ///< those that moved nodes assign, in their blocks too
  std::unordered_map<ArrayId, ArrayId> all_steps_;          ///< the array that holds one of the body for all steps
  std::vector<ir::StackedOutput> stacked_;
  std::int64_t bytes_of_a_step_ = 0;  ///< of what would move if it took less memory
};

}  // namespace

Program postpone(const Program& program) {
  Program result = program;
  bool moved = false;
  std::vector<Node> nodes;
  const auto append = [&](std::vector<Node> more) { std::move(more.begin(), more.end(), std::back_inserter(nodes)); };
  for (Node& node : result.body.nodes) {
    if (!std::holds_alternative<Loop>(node.kind)) {
      nodes.push_back(std::move(node));
      continue;
    }
    LoopPostponement all_steps(result, node);
    std::vector<Node> behind = all_steps.run();
    moved = moved || !behind.empty();
    const auto steps = all_steps.block_steps();
    auto strips = steps ? strip_mine(result, node, least_steps, *steps) : std::nullopt;
    if (strips) {
      append(std::move(strips->before));
      std::vector<Node> behind_block = LoopPostponement(result, strips->steps()).run();
      auto& block = std::get<Loop>(strips->blocks.kind).body.nodes;
      std::move(behind_block.begin(), behind_block.end(), std::back_inserter(block));
      nodes.push_back(std::move(strips->blocks));
      append(std::move(strips->after));
      moved = true;
    } else {
      nodes.push_back(std::move(node));
      append(std::move(behind));
    }
  }
  result.body.nodes = std::move(nodes);
  if (moved) renumber(result);
  return result;
}

}  // namespace jaxc::compiler
