// flatten: nests over short rows become nests over one line, and copies of a nest's result are stored by that nest.
#include "compiler/lower/flatten.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "compiler/lower/copies.h"
#include "compiler/lower/renumber.h"
#include "compiler/plan/independent_axes.h"
#include "ir/region_builder.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Index;
using ir::Nest;
using ir::Node;
using ir::Opcode;
using ir::Program;
using ir::ScalarOp;

constexpr std::int64_t longest_row = 15;    ///< elements that do not fill a vector
constexpr std::int64_t least_bytes = 4096;  ///< of arrays that do not live in registers

using Arrays = std::unordered_set<ArrayId>;

bool is_elementwise(const Nest& nest) {
  return !nest.reduction && std::all_of(nest.axes.begin(), nest.axes.end(), [](const ir::Axis& axis) {
    return axis.kind == ir::AxisKind::parallel;
  }) && std::all_of(nest.outputs.begin(), nest.outputs.end(), [&](const ir::NestOutput& output) {
    return !output.base && is_point(nest, output.indices);
  });
}

class Flattening {
 public:
  explicit Flattening(Program program) : program_(std::move(program)) {}

  Program run() {
    block(program_.body, {}, true, true);
    if (changed_) renumber(program_);
    return std::move(program_);
  }

 private:
  /// What a loop in lanes does to one element has no lines: there, `may_flatten` is false.
  void block(ir::Block& block, const Arrays& sliced, bool outermost, bool may_flatten) {
    store_copies(block);
    std::vector<Node> kept;
    std::unordered_map<ArrayId, ArrayId> lines;
    for (Node& node : block.nodes) {
      if (auto* loop = std::get_if<ir::Loop>(&node.kind)) {
        Arrays inside;
        for (const ir::StackedInput& input : loop->inputs) inside.insert(input.argument);
        for (const ir::StackedOutput& output : loop->outputs) inside.insert(output.value);
        this->block(loop->body, inside, false, may_flatten && !(outermost && independent_axes(program_, node)));
      } else if (std::holds_alternative<ir::Branch>(node.kind)) {
        visit_blocks(node, [&](ir::Block& inner) { this->block(inner, sliced, outermost, may_flatten); });
      } else if (auto* nest = std::get_if<Nest>(&node.kind); nest != nullptr && may_flatten && is_flat(*nest, sliced)) {
        flatten(std::move(node), lines, kept);
        continue;
      }
      kept.push_back(std::move(node));
    }
    block.nodes = std::move(kept);
  }

  const Shape& shape(ArrayId array) const { return program_.arrays[array].shape; }
  std::int64_t bytes(ArrayId array) const {
    return element_count(shape(array)) * static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
  }

  ArrayId new_line(ArrayId array) {
    program_.arrays.push_back({program_.arrays[array].dtype, {element_count(shape(array))}});
    return static_cast<ArrayId>(program_.arrays.size() - 1);
  }

  /// A large array that a nest only copies whole is stored by the nest that makes it.
  void store_copies(ir::Block& block) {
    std::unordered_map<ArrayId, std::size_t> makers;
    std::vector<Node> kept;
    for (Node& node : block.nodes) {
      auto* nest = std::get_if<Nest>(&node.kind);
      if (nest != nullptr && is_elementwise(*nest)) {
        const std::optional<ArrayId> source = copied_array(program_, *nest);
        const auto maker = source && bytes(*source) >= least_bytes ? makers.find(*source) : makers.end();
        if (maker != makers.end()) {
          auto& made = std::get<Nest>(kept[maker->second].kind);
          const auto output = std::find_if(made.outputs.begin(), made.outputs.end(),
                                           [&](const ir::NestOutput& each) { return each.result == *source; });
          made.body.results.push_back(made.body.results[static_cast<std::size_t>(output - made.outputs.begin())]);
          ir::NestOutput twin = *output;
          twin.result = nest->outputs[0].result;
          made.outputs.push_back(std::move(twin));
          changed_ = true;
          continue;
        }
        for (const ir::NestOutput& output : nest->outputs) makers[output.result] = kept.size();
      }
      kept.push_back(std::move(node));
    }
    block.nodes = std::move(kept);
  }

  /// Whether all that the nest touches is one line of memory, walked in order.
  bool is_flat(const Nest& nest, const Arrays& sliced) const {
    if (nest.axes.size() < 2 || nest.axes.back().extent > longest_row || nest.axes.back().extent < 2 ||
        !is_elementwise(nest))
      return false;
    const Shape& extents = shape(nest.outputs[0].result);
    const auto is_line = [&](ArrayId array) { return shape(array) == extents && !sliced.contains(array); };
    for (const ir::NestOutput& output : nest.outputs)
      if (!is_line(output.result) || bytes(output.result) < least_bytes) return false;
    bool positions = false;
    for (const ScalarOp& op : nest.body.ops) {
      for (ir::OpId argument : op.arguments) positions = positions || nest.body.ops[argument].opcode == Opcode::axis;
      if (op.opcode != Opcode::read) continue;
      const bool fixed =
          std::all_of(op.indices.begin(), op.indices.end(), [](const Index& index) { return index.terms.empty(); });
      if (!fixed && !(is_point(nest, op.indices) && is_line(op.array))) return false;
    }
    const auto is_axis = [&](ir::OpId result) { return nest.body.ops[result].opcode == Opcode::axis; };
    return !positions && std::none_of(nest.body.results.begin(), nest.body.results.end(), is_axis);
  }

  void flatten(Node node, std::unordered_map<ArrayId, ArrayId>& lines, std::vector<Node>& kept) {
    auto& nest = std::get<Nest>(node.kind);
    const ir::Location location = node.location;
    const auto add_reshape = [&](ArrayId source, ArrayId result) {
      kept.push_back({program_.node_count++, location, ir::Reshape{source, result}});
    };
    ir::RegionBuilder builder;
    const std::vector<Index> point{{0, {{1, builder.axis(0)}}}};
    std::vector<ir::OpId> numbers;
    for (const ScalarOp& original : nest.body.ops) {
      if (original.opcode == Opcode::axis) {
        numbers.push_back(0);
        continue;
      }
      ScalarOp op = original;
      for (ir::OpId& argument : op.arguments) argument = numbers[argument];
      if (op.opcode == Opcode::read && is_point(nest, op.indices)) {
        const auto [found, is_new] = lines.try_emplace(op.array, 0);
        if (is_new) {
          found->second = new_line(op.array);
          add_reshape(op.array, found->second);
        }
        op.array = found->second;
        op.indices = point;
      }
      numbers.push_back(builder.append(std::move(op)));
    }
    std::vector<ir::OpId> results;
    for (ir::OpId result : nest.body.results) results.push_back(numbers[result]);
    std::vector<std::pair<ArrayId, ArrayId>> made;
    for (ir::NestOutput& output : nest.outputs) {
      made.emplace_back(new_line(output.result), output.result);
      lines.emplace(output.result, made.back().first);
      output = {made.back().first, std::nullopt, point, std::nullopt, std::nullopt};
    }
    nest.body = builder.finish(std::move(results));
    nest.axes = {{shape(made[0].first)[0], ir::AxisKind::parallel}};
    kept.push_back(std::move(node));
    for (const auto& [line, array] : made) add_reshape(line, array);
    changed_ = true;
  }

  Program program_;
  bool changed_ = false;
};

}  // namespace

Program flatten(const Program& program) {
  return Flattening(program).run();
}

}  // namespace jaxc::compiler
