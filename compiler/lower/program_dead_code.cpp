// drop_dead_nodes: one walk over blocks from their results back.
#include <set>
#include <utility>

#include "compiler/lower/fuse.h"
#include "compiler/lower/renumber.h"
#include "compiler/lower/substitute.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Node;

class DeadCode {
 public:
  explicit DeadCode(std::size_t arrays) : live_(arrays) {}

  void mark(ArrayId array) { live_[array] = true; }

  /// Drops what the live arrays do not need; marks what the rest reads. The block's results are live.
  void block(Block& block) {
    for (ArrayId result : block.results) mark(result);
    std::vector<Node> kept;
    for (auto node = block.nodes.rbegin(); node != block.nodes.rend(); ++node) {
      if (!needed(*node)) continue;
      trim(*node);
      kept.push_back(std::move(*node));
    }
    block.nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  }

 private:
  bool needed(const Node& node) const {
    for (ArrayId array : ir::arrays_assigned(node))
      if (live_[array]) return true;
    return false;
  }

  void trim(Node& node) {
    if (auto* nest = std::get_if<ir::Nest>(&node.kind)) {
      if (!nest->reduction) drop_outputs(*nest);
      drop_dead_operations(*nest);
      for (const ir::ScalarOp& op : nest->body.ops)
        if (op.opcode == ir::Opcode::read) mark(op.array);
      for (const ir::NestOutput& output : nest->outputs)
        if (output.base) mark(*output.base);
    } else if (auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
      mark(reshape->source);
    } else if (auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      trim(*loop);
    } else if (auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      trim(*branch);
    } else {
      auto& routine = std::get<ir::Routine>(node.kind);
      for (ArrayId input : routine.inputs) mark(input);
      block(routine.expansion);
    }
  }

  void drop_outputs(ir::Nest& nest) {
    std::vector<ir::NestOutput> outputs;
    std::vector<ir::OpId> results;
    for (std::size_t k = 0; k < nest.outputs.size(); ++k) {
      if (!live_[nest.outputs[k].result]) continue;
      outputs.push_back(std::move(nest.outputs[k]));
      results.push_back(nest.body.results[k]);
    }
    nest.outputs = std::move(outputs);
    nest.body.results = std::move(results);
  }

  /// A carry is needed when its result is, or when what is needed of the body reads its argument.
  void trim(ir::Loop& loop) {
    std::erase_if(loop.outputs, [&](const ir::StackedOutput& output) { return !live_[output.result]; });
    std::set<ArrayId> wanted;
    for (const ir::Carry& carry : loop.carries)
      if (live_[carry.result]) wanted.insert(carry.argument);
    for (bool grown = true; grown;) {
      grown = false;
      DeadCode trial(live_.size());
      ir::Loop copy = loop;
      trial.body(copy, wanted);
      for (const ir::Carry& carry : loop.carries)
        if (trial.live_[carry.argument] && wanted.insert(carry.argument).second) grown = true;
    }
    std::erase_if(loop.carries, [&](const ir::Carry& carry) { return !wanted.contains(carry.argument); });
    body(loop, wanted);
    std::erase_if(loop.inputs, [&](const ir::StackedInput& input) { return !live_[input.argument]; });
    for (const ir::Carry& carry : loop.carries) mark(carry.initial);
    for (const ir::StackedInput& input : loop.inputs) mark(input.source);
  }

  void body(ir::Loop& loop, const std::set<ArrayId>& wanted) {
    loop.body.results.clear();
    for (const ir::Carry& carry : loop.carries)
      if (wanted.contains(carry.argument)) loop.body.results.push_back(carry.next);
    for (const ir::StackedOutput& output : loop.outputs) loop.body.results.push_back(output.value);
    block(loop.body);
    if (loop.condition) block(*loop.condition);
  }

  void trim(ir::Branch& branch) {
    std::vector<bool> kept;
    for (ArrayId result : branch.results) kept.push_back(live_[result]);
    const auto filter = [&](std::vector<ArrayId>& arrays) {
      std::vector<ArrayId> result;
      for (std::size_t k = 0; k < kept.size(); ++k)
        if (kept[k]) result.push_back(arrays[k]);
      arrays = std::move(result);
    };
    filter(branch.results);
    for (Block& inner : branch.blocks) {
      filter(inner.results);
      block(inner);
    }
    mark(branch.index);
  }

  std::vector<bool> live_;
};

}  // namespace

void drop_dead_nodes(ir::Program& program) {
  DeadCode(program.arrays.size()).block(program.body);
}

}  // namespace jaxc::compiler
