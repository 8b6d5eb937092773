// Implements strip_mine: stacked arrays get a dimension for the blocks, and carries go from block to block.
#include "compiler/lower/strip_mine.h"

#include <algorithm>
#include <string>

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Loop;
using ir::Node;

bool is_cut_along_first(const Loop& loop) {
  const auto first = [](const auto& stacked) { return stacked.axis == 0; };
  const auto reads_position = [&](const Node& node) {
    const std::vector<ArrayId> read = ir::arrays_read(node);
    return std::find(read.begin(), read.end(), loop.position) != read.end();
  };
  return !loop.condition && std::all_of(loop.inputs.begin(), loop.inputs.end(), first) &&
         std::all_of(loop.outputs.begin(), loop.outputs.end(), first) &&
         std::none_of(loop.body.nodes.begin(), loop.body.nodes.end(), reads_position);
}

std::int64_t block_length(std::int64_t steps, std::int64_t shortest, std::int64_t longest) {
  for (std::int64_t length = std::min(longest, steps / 2); length >= shortest; --length)
    if (steps % length == 0) return length;
  return 0;
}

}  // namespace

std::optional<StripMined> strip_mine(ir::Program& program, Node& node, std::int64_t shortest, std::int64_t longest) {
  auto& loop = std::get<Loop>(node.kind);
  const std::int64_t length = block_length(loop.trip_count, shortest, longest);
  if (length == 0 || !is_cut_along_first(loop)) return std::nullopt;
  const std::int64_t count = loop.trip_count / length;
  const auto new_array = [&](ArrayId like, std::initializer_list<std::int64_t> leading) {
    ir::ProgramArray array = program.arrays[like];
    array.shape.insert(array.shape.begin(), leading);
    program.arrays.push_back(std::move(array));
    return static_cast<ArrayId>(program.arrays.size() - 1);
  };
  const auto new_node = [&](auto kind) { return Node{program.node_count++, node.location, std::move(kind)}; };
  StripMined result;
  Loop blocks;
  blocks.name = blocks_name;
  blocks.trip_count = count;
  blocks.reverse = loop.reverse;
  blocks.position = new_array(loop.position, {});
  Loop steps = std::move(loop);
  steps.trip_count = length;
  for (ir::Carry& carry : steps.carries) {
    const ArrayId before = new_array(carry.argument, {});
    const ArrayId after = new_array(carry.argument, {});
    blocks.carries.push_back({carry.initial, before, after, carry.result});
    carry.initial = before;
    carry.result = after;
    blocks.body.results.push_back(after);
  }
  for (ir::StackedInput& input : steps.inputs) {
    const ArrayId whole = new_array(input.argument, {count, length});
    result.before.push_back(new_node(ir::Reshape{input.source, whole}));
    input.source = new_array(input.argument, {length});
    blocks.inputs.push_back({whole, input.source, 0});
  }
  for (ir::StackedOutput& output : steps.outputs) {
    const ArrayId whole = new_array(output.value, {count, length});
    result.after.push_back(new_node(ir::Reshape{whole, output.result}));
    output.result = new_array(output.value, {length});
    blocks.outputs.push_back({output.result, whole, 0});
    blocks.body.results.push_back(output.result);
  }
  blocks.body.nodes.push_back(new_node(std::move(steps)));
  result.blocks = new_node(std::move(blocks));
  return result;
}

}  // namespace jaxc::compiler
