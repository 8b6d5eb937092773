// sink_transposes: loops in lanes stack their steps where a transposition of the result would put them.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "compiler/lower/loops.h"
#include "compiler/lower/renumber.h"
#include "compiler/plan/independent_axes.h"
#include "ir/affine.h"
#include "ir/saturate.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::Program;
using ir::StackedOutput;

/// A step's neighbours in memory: fewer bytes are better transposed in blocks afterwards.
constexpr std::int64_t shortest_piece = 16;

struct Transposition {
  ArrayId source = 0;
  ArrayId result = 0;
  std::vector<std::size_t> dimensions;  ///< for each dimension of the result, the source's
};

/// A nest that copies a whole array with its dimensions in another order.
std::optional<Transposition> transposition(const Nest& nest, const std::vector<ir::ProgramArray>& arrays) {
  if (nest.reduction || nest.outputs.size() != 1 || nest.outputs[0].base) return std::nullopt;
  const ir::NestOutput& output = nest.outputs[0];
  const ir::ScalarOp& read = nest.body.ops[nest.body.results[0]];
  if (read.opcode != ir::Opcode::read || !read.arguments.empty()) return std::nullopt;
  const Shape& from = arrays[read.array].shape;
  const Shape& to = arrays[output.result].shape;
  const std::size_t rank = nest.axes.size();
  if (from.size() != rank || to.size() != rank) return std::nullopt;
  const auto axis_of = [&](const ir::Index& index) -> std::optional<int> {
    const auto form = ir::affine(index, nest.body, rank);
    return form ? form->identity() : std::nullopt;
  };
  std::vector<std::optional<std::size_t>> read_by(rank);  // by axis: the source's dimension
  for (std::size_t d = 0; d < rank; ++d)
    if (const auto axis = axis_of(read.indices[d])) read_by[static_cast<std::size_t>(*axis)] = d;
  Transposition found{read.array, output.result, {}};
  for (std::size_t d = 0; d < rank; ++d) {
    const auto axis = axis_of(output.indices[d]);
    if (!axis || !read_by[static_cast<std::size_t>(*axis)]) return std::nullopt;
    const std::size_t source = *read_by[static_cast<std::size_t>(*axis)];
    if (from[source] != to[d]) return std::nullopt;
    found.dimensions.push_back(source);
  }
  return found;
}

/// Where the steps' dimension goes, if the others keep their order.
std::optional<int> moved_axis(const Transposition& view, int axis) {
  const auto place = std::find(view.dimensions.begin(), view.dimensions.end(), static_cast<std::size_t>(axis));
  std::vector<std::size_t> others(view.dimensions.begin(), place);
  others.insert(others.end(), place + 1, view.dimensions.end());
  if (!std::is_sorted(others.begin(), others.end())) return std::nullopt;
  return static_cast<int>(place - view.dimensions.begin());
}

}  // namespace

Program sink_transposes(const Program& before) {
  Program program = before;
  std::vector<int> uses(program.arrays.size());
  const std::function<void(ir::Block&)> count = [&](ir::Block& block) {
    for (Node& node : block.nodes) {
      visit_arrays(node, [&](ArrayId& array) { ++uses[array]; });
      visit_blocks(node, count);
    }
    for (ArrayId result : block.results) ++uses[result];
  };
  count(program.body);
  std::unordered_map<ArrayId, StackedOutput*> stacked;
  std::vector<Node> kept;
  kept.reserve(program.body.nodes.size());
  for (Node& node : program.body.nodes) {
    if (const auto* nest = std::get_if<Nest>(&node.kind))
      if (const auto view = transposition(*nest, program.arrays)) {
        // The source is named twice: where the loop stacks it and here.
        const auto output = uses[view->source] == 2 ? stacked.find(view->source) : stacked.end();
        const auto axis = output == stacked.end() ? std::nullopt : moved_axis(*view, output->second->axis);
        const ir::ProgramArray& result = program.arrays[view->result];
        std::int64_t piece = static_cast<std::int64_t>(element_bytes(result.dtype));
        for (std::size_t d = static_cast<std::size_t>(axis.value_or(0)) + 1; d < result.shape.size(); ++d)
          piece = ir::saturated_product(piece, result.shape[d]);
        if (axis && piece >= shortest_piece) {
          output->second->axis = *axis;
          output->second->result = view->result;
          stacked.erase(output);
          continue;
        }
      }
    kept.push_back(std::move(node));
    if (auto* loop = std::get_if<Loop>(&kept.back().kind); loop != nullptr && !loop->outputs.empty())
      if (independent_axes(program, kept.back()))
        for (StackedOutput& output : loop->outputs) stacked.emplace(output.result, &output);
  }
  program.body.nodes = std::move(kept);
  renumber(program);
  return program;
}

}  // namespace jaxc::compiler
