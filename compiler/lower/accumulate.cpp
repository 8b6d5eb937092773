// accumulate: C + A B and C - A B in loops begin their sums with C, so that no addition follows the last product.
#include <algorithm>
#include <unordered_map>

#include "compiler/lower/copies.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/renumber.h"
#include "compiler/lower/substitute.h"
#include "ir/affine.h"
#include "ir/region_builder.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Index;
using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;
using ir::ScalarOp;

/// Terms of a sum, and points of its nest: straight-line code, where only one term passes an addition.
constexpr std::int64_t most_terms = 16;
constexpr std::int64_t most_points = 512;

/// A nest of sums of products, each in the order of its nest's parallel axes.
struct Product {
  std::size_t node = 0;  ///< in its block
  std::size_t parallel = 0;
};

/// A sum of products and the value that is added to it.
struct Addition {
  ArrayId sum = 0;
  OpId addend = 0;
  bool negative_sum = false;
  bool negative_addend = false;
};

std::optional<std::size_t> parallel_axes(const Nest& nest) {
  std::int64_t points = 1;
  std::int64_t terms = 1;
  std::size_t parallel = 0;
  for (std::size_t k = 0; k < nest.axes.size(); ++k) {
    const ir::Axis& axis = nest.axes[k];
    if (axis.extent < 1 || axis.extent > most_points) return std::nullopt;
    points *= axis.extent;
    if (points > most_points) return std::nullopt;
    if (axis.kind == ir::AxisKind::reduced) {
      terms *= axis.extent;
    } else if (axis.kind == ir::AxisKind::parallel && parallel == k) {
      ++parallel;
    } else {
      return std::nullopt;
    }
  }
  return terms <= most_terms ? std::optional(parallel) : std::nullopt;
}

class Accumulation {
 public:
  explicit Accumulation(ir::Program program) : program_(std::move(program)), uses_(program_.arrays.size()) {}

  ir::Program run() {
    count(program_.body);
    for (Node& node : program_.body.nodes) loops(node);
    if (changed_) renumber(program_);
    return std::move(program_);
  }

 private:
  void count(Block& block) {
    for (Node& node : block.nodes) {
      visit_blocks(node, [&](Block& inner) { count(inner); });
      for (ArrayId array : ir::arrays_read(node)) ++uses_[array];
    }
    for (ArrayId result : block.results) ++uses_[result];
  }

  void loops(Node& node) {
    if (auto* loop = std::get_if<Loop>(&node.kind)) block(loop->body);
    if (std::holds_alternative<ir::Routine>(node.kind)) return;
    visit_blocks(node, [&](Block& inner) {
      for (Node& each : inner.nodes) loops(each);
    });
  }

  void block(Block& block) {
    products_.clear();
    times_.clear();
    std::vector<bool> dropped(block.nodes.size(), false);
    for (std::size_t k = 0; k < block.nodes.size(); ++k) {
      if (auto* nest = std::get_if<Nest>(&block.nodes[k].kind)) {
        if (const auto addition = find(block, *nest, k)) {
          const std::size_t product = products_.at(addition->sum).node;
          *nest = accumulated(std::get<Nest>(block.nodes[product].kind), *nest, *addition);
          dropped[product] = true;
        }
      }
      add(block.nodes[k], k);
    }
    std::size_t kept = 0;
    for (std::size_t k = 0; k < block.nodes.size(); ++k) {
      if (dropped[k]) continue;
      if (kept != k) block.nodes[kept] = std::move(block.nodes[k]);
      ++kept;
    }
    changed_ = changed_ || kept != block.nodes.size();
    block.nodes.resize(kept);
  }

  /// When a step has the array, in operations one after the other.
  int time(ArrayId array) const {
    const auto made = times_.find(array);
    return made == times_.end() ? 0 : made->second;
  }

  int time_of_operands(const Node& node) const {
    int latest = 0;
    for (ArrayId array : ir::arrays_read(node)) latest = std::max(latest, time(array));
    return latest;
  }

  void add(const Node& node, std::size_t number) {
    constexpr int slow_operation = 8;
    const auto* nest = std::get_if<Nest>(&node.kind);
    int duration = slow_operation * slow_operation;
    if (nest != nullptr) {
      duration = nest->reduction ? slow_operation : 1;
      for (const ScalarOp& op : nest->body.ops)
        if (op.opcode == Opcode::call || op.opcode == Opcode::div || !op.regions.empty()) duration += slow_operation;
    }
    const int start = time_of_operands(node);
    for (ArrayId array : ir::arrays_assigned(node)) times_[array] = start + duration;
    if (nest == nullptr || !nest->reduction || nest->outputs.size() != 1 || nest->outputs[0].base) return;
    const ir::Reduction& fold = *nest->reduction;
    const auto parallel = parallel_axes(*nest);
    const ScalarOp& value = nest->body.ops[nest->body.results[0]];
    const DType dtype = fold.initial[0].dtype;
    if (!parallel || fold.merge != Opcode::add || fold.initial[0].bits != 0 || value.opcode != Opcode::mul ||
        (dtype != DType::f32 && dtype != DType::f64) || nest->outputs[0].indices.size() != *parallel)
      return;
    for (std::size_t k = 0; k < *parallel; ++k) {
      const auto form = ir::affine(nest->outputs[0].indices[k], nest->body, nest->axes.size());
      if (!form || form->identity() != static_cast<int>(k)) return;
    }
    if (uses_[nest->outputs[0].result] == 1) products_[nest->outputs[0].result] = {number, *parallel};
  }

  /// What the nest adds to a sum, where that is there as early as the sum's factors.
  std::optional<Addition> find(const Block& block, const Nest& nest, std::size_t number) const {
    if (nest.reduction || nest.outputs.size() != 1 || nest.outputs[0].base || nest.outputs[0].guard ||
        nest.body.results.size() != 1 || !is_point(nest, nest.outputs[0].indices))
      return std::nullopt;
    const ScalarOp& sum = nest.body.ops[nest.body.results[0]];
    if ((sum.opcode != Opcode::add && sum.opcode != Opcode::sub) || sum.arguments[0] == sum.arguments[1])
      return std::nullopt;
    for (const std::size_t side : {0, 1}) {
      const ScalarOp& operand = nest.body.ops[sum.arguments[side]];
      if (operand.opcode != Opcode::read || !operand.arguments.empty() || !is_point(nest, operand.indices)) continue;
      const auto product = products_.find(operand.array);
      const auto reads_sum = [&](const ScalarOp& op) { return op.opcode == Opcode::read && op.array == operand.array; };
      if (product == products_.end() || std::count_if(nest.body.ops.begin(), nest.body.ops.end(), reads_sum) != 1)
        continue;
      const Node& made = block.nodes[product->second.node];
      int addend_time = 0;
      for (const ScalarOp& op : nest.body.ops)
        if (op.opcode == Opcode::read && !reads_sum(op)) addend_time = std::max(addend_time, time(op.array));
      if (addend_time > time_of_operands(made) || is_updated(block, made, product->second.node, number)) continue;
      const bool difference = sum.opcode == Opcode::sub;
      return Addition{operand.array, sum.arguments[1 - side], difference && side == 1, difference && side == 0};
    }
    return std::nullopt;
  }

  /// Whether a node between the two updates what the first one reads: reading it later would force a copy.
  static bool is_updated(const Block& block, const Node& node, std::size_t first, std::size_t last) {
    const std::vector<ArrayId> read = ir::arrays_read(node);
    for (std::size_t k = first + 1; k < last; ++k) {
      const auto* nest = std::get_if<Nest>(&block.nodes[k].kind);
      if (nest == nullptr) continue;
      for (const ir::NestOutput& output : nest->outputs)
        if (output.base && std::find(read.begin(), read.end(), *output.base) != read.end()) return true;
    }
    return false;
  }

  /// The sum of both factors' products; where all folded axes are zero, the addend comes with the product.
  static Nest accumulated(const Nest& product, const Nest& reader, const Addition& addition) {
    Nest result;
    result.axes = product.axes;
    RegionBuilder builder;
    std::vector<Index> point;
    for (std::size_t axis = 0; axis < result.axes.size(); ++axis)
      point.push_back(Index{0, {Index::Term{1, builder.axis(static_cast<int>(axis))}}});
    const auto written = [&](const ir::Region& body, OpId value, const std::vector<Index>& at) {
      ir::Region part = body;
      part.results = {value};
      return substitute(builder, part, at, std::nullopt);
    };
    const ScalarOp& value = product.body.ops[product.body.results[0]];
    OpId factor = written(product.body, value.arguments[0], point);
    const OpId other = written(product.body, value.arguments[1], point);
    if (addition.negative_sum) factor = builder.unary(Opcode::neg, factor);
    const std::vector<Index> parallel(point.begin(), point.begin() + static_cast<std::ptrdiff_t>(reader.axes.size()));
    OpId addend = written(reader.body, addition.addend, parallel);
    if (addition.negative_addend) addend = builder.unary(Opcode::neg, addend);
    const DType dtype = builder.dtype(factor);
    const OpId zero = builder.integer(DType::i64, 0);
    const OpId nothing = builder.constant(dtype, -0.0);
    for (std::size_t axis = reader.axes.size(); axis < result.axes.size(); ++axis)
      addend = builder.select(builder.binary(Opcode::eq, builder.axis(static_cast<int>(axis)), zero), addend, nothing);
    result.outputs = reader.outputs;
    for (std::size_t axis = 0; axis < reader.axes.size(); ++axis) result.outputs[0].indices[axis] = point[axis];
    result.body = builder.finish({factor, other, addend});
    RegionBuilder step;
    const OpId sum = step.argument(dtype);
    const OpId a = step.argument(dtype);
    const OpId b = step.argument(dtype);
    const OpId c = step.argument(dtype);
    result.reduction = product.reduction;
    result.reduction->step = step.finish({step.mul_add(a, b, step.binary(Opcode::add, sum, c))});
    return result;
  }

  ir::Program program_;
  std::vector<int> uses_;                          ///< per array
  std::unordered_map<ArrayId, Product> products_;  ///< of the block so far, by what they assign, read once
  std::unordered_map<ArrayId, int> times_;         ///< of what the block's nodes assign
  bool changed_ = false;
};

}  // namespace

ir::Program accumulate(const ir::Program& program) {
  return Accumulation(program).run();
}

}  // namespace jaxc::compiler
