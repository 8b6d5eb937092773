// sink_views: a reduction stores directly where a view of its result would.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "compiler/lower/fuse.h"
#include "compiler/lower/renumber.h"
#include "ir/affine.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Index;
using ir::Opcode;
using ir::ScalarOp;

/// Where the store goes that was at `indices` of the source.
using Moved = std::function<std::vector<Index>(const std::vector<Index>& indices)>;

struct View {
  ArrayId source = 0;
  ArrayId result = 0;
  Moved moved;
};

/// A nest that only permutes axes and adds or drops axes of extent 1.
std::optional<View> view_of(const ir::Nest& nest, const std::vector<ir::ProgramArray>& arrays) {
  if (nest.reduction || nest.outputs.size() != 1 || nest.outputs[0].base) return std::nullopt;
  const ScalarOp& read = nest.body.ops[nest.body.results[0]];
  if (read.opcode != Opcode::read || !read.arguments.empty()) return std::nullopt;
  const Shape& from = arrays[read.array].shape;
  const Shape& to = arrays[nest.outputs[0].result].shape;
  const auto axis_of = [&](const Index& index) -> std::optional<std::size_t> {
    const std::optional<ir::Affine> form = ir::affine(index, nest.body, nest.axes.size());
    return form ? form->identity() : std::nullopt;
  };
  if (nest.axes.size() != to.size()) return std::nullopt;
  for (std::size_t k = 0; k < to.size(); ++k)
    if (axis_of(nest.outputs[0].indices[k]) != k) return std::nullopt;
  // For each axis of the result, the source's dimension that it reads.
  std::vector<std::optional<std::size_t>> dimension(to.size());
  for (std::size_t d = 0; d < from.size(); ++d) {
    if (const auto axis = axis_of(read.indices[d])) {
      if (dimension[*axis] || to[*axis] != from[d]) return std::nullopt;
      dimension[*axis] = d;
    } else if (from[d] != 1) {
      return std::nullopt;
    }
  }
  for (std::size_t k = 0; k < to.size(); ++k)
    if (!dimension[k] && to[k] != 1) return std::nullopt;
  return View{read.array, nest.outputs[0].result, [dimension](const std::vector<Index>& indices) {
                std::vector<Index> moved;
                for (const auto& d : dimension) moved.push_back(d ? indices[*d] : Index{});
                return moved;
              }};
}

/// A reshape each of whose result's dimensions is a product of neighbouring dimensions of the source.
std::optional<View> view_of(const ir::Reshape& reshape, const std::vector<ir::ProgramArray>& arrays) {
  const Shape from = arrays[reshape.source].shape;
  const Shape to = arrays[reshape.result].shape;
  std::vector<std::vector<std::pair<std::size_t, std::int64_t>>> parts(to.size());
  std::size_t next = 0;
  for (std::size_t k = 0; k < to.size(); ++k) {
    std::int64_t rest = to[k];
    while (rest != 1) {
      if (next == from.size() || from[next] == 0 || rest % from[next] != 0) return std::nullopt;
      rest /= from[next];
      if (from[next] != 1) parts[k].emplace_back(next, rest);
      ++next;
    }
  }
  for (; next < from.size(); ++next)
    if (from[next] != 1) return std::nullopt;
  return View{reshape.source, reshape.result, [parts](const std::vector<Index>& indices) {
                std::vector<Index> moved;
                for (const auto& dimensions : parts) {
                  Index sum;
                  for (const auto& [dimension, stride] : dimensions) {
                    sum.offset += stride * indices[dimension].offset;
                    for (const Index::Term& term : indices[dimension].terms)
                      sum.terms.push_back({stride * term.coefficient, term.op});
                  }
                  moved.push_back(std::move(sum));
                }
                return moved;
              }};
}

void count_uses(ir::Block& block, std::vector<int>& uses) {
  for (ir::Node& node : block.nodes) {
    visit_arrays(node, [&](ArrayId& array) { ++uses[array]; });
    visit_blocks(node, [&](ir::Block& inner) { count_uses(inner, uses); });
  }
  for (ArrayId result : block.results) ++uses[result];
}

void sink_block(ir::Block& block, const std::vector<ir::ProgramArray>& arrays, const std::vector<int>& uses) {
  std::unordered_map<ArrayId, ir::NestOutput*> stores;
  std::vector<ir::Node> kept;
  kept.reserve(block.nodes.size());
  for (ir::Node& node : block.nodes) {
    visit_blocks(node, [&](ir::Block& inner) { sink_block(inner, arrays, uses); });
    std::optional<View> view;
    if (const auto* nest = std::get_if<ir::Nest>(&node.kind)) view = view_of(*nest, arrays);
    if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) view = view_of(*reshape, arrays);
    // The source is named twice: where it is assigned and by this view.
    const auto store = view && uses[view->source] == 2 ? stores.find(view->source) : stores.end();
    if (store != stores.end()) {
      ir::NestOutput* output = store->second;
      output->indices = view->moved(output->indices);
      output->result = view->result;
      stores.erase(store);
      stores.emplace(view->result, output);
      continue;
    }
    kept.push_back(std::move(node));
    if (auto* nest = std::get_if<ir::Nest>(&kept.back().kind))
      for (ir::NestOutput& output : nest->outputs)
        if (!output.base) stores.emplace(output.result, &output);
  }
  block.nodes = std::move(kept);
}

}  // namespace

void sink_views(ir::Program& program) {
  std::vector<int> uses(program.arrays.size());
  count_uses(program.body, uses);
  sink_block(program.body, program.arrays, uses);
}

}  // namespace jaxc::compiler
