// drop_dead_nodes: walks over blocks from their results back, until no carry becomes live, then drops the rest.
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

  /// Marks what the block's results need.
  void find(const Block& block) {
    do {
      grown_ = false;
      mark(block);
    } while (grown_);
  }

  /// Drops what is not marked.
  void drop(Block& block) const {
    std::erase_if(block.nodes, [&](const Node& node) { return !needed(node); });
    for (Node& node : block.nodes) trim(node);
  }

 private:
  void mark(ArrayId array) {
    grown_ = grown_ || !live_[array];
    live_[array] = true;
  }

  void mark(const Block& block) {
    for (ArrayId result : block.results) mark(result);
    mark_nodes(block);
  }

  void mark_nodes(const Block& block) {
    for (auto node = block.nodes.rbegin(); node != block.nodes.rend(); ++node)
      if (needed(*node)) mark(*node);
  }

  void mark(const Node& node) {
    if (const auto* nest = std::get_if<ir::Nest>(&node.kind)) {
      ir::Nest kept = *nest;
      trim(kept);
      for (const ir::ScalarOp& op : kept.body.ops)
        if (op.opcode == ir::Opcode::read) mark(op.array);
      for (const ir::NestOutput& output : kept.outputs)
        if (output.base) mark(*output.base);
    } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
      mark(reshape->source);
    } else if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      mark(*loop);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const Block& inner : branch->blocks) {
        for (std::size_t k = 0; k < branch->results.size(); ++k)
          if (live_[branch->results[k]]) mark(inner.results[k]);
        mark_nodes(inner);
      }
      mark(branch->index);
    } else {
      const auto& routine = std::get<ir::Routine>(node.kind);
      for (ArrayId input : routine.inputs) mark(input);
      mark(routine.expansion);
    }
  }

  /// A carry is needed when its result is, or when what is needed of the body reads its argument.
  bool needed(const ir::Carry& carry) const { return live_[carry.result] || live_[carry.argument]; }

  void mark(const ir::Loop& loop) {
    if (loop.condition) mark(*loop.condition);
    for (const ir::StackedOutput& output : loop.outputs)
      if (live_[output.result]) mark(output.value);
    for (const ir::Carry& carry : loop.carries)
      if (needed(carry)) mark(carry.next);
    mark_nodes(loop.body);
    for (const ir::Carry& carry : loop.carries) {
      if (!needed(carry)) continue;
      mark(carry.argument);
      mark(carry.next);
      mark(carry.initial);
    }
    for (const ir::StackedInput& input : loop.inputs)
      if (live_[input.argument]) mark(input.source);
  }

  bool needed(const Node& node) const {
    for (ArrayId array : ir::arrays_assigned(node))
      if (live_[array]) return true;
    return false;
  }

  void trim(Node& node) const {
    if (auto* nest = std::get_if<ir::Nest>(&node.kind)) {
      trim(*nest);
    } else if (auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      trim(*loop);
    } else if (auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      trim(*branch);
    } else if (auto* routine = std::get_if<ir::Routine>(&node.kind)) {
      drop(routine->expansion);
    }
  }

  void trim(ir::Nest& nest) const {
    if (!nest.reduction) drop_outputs(nest);
    drop_dead_operations(nest);
  }

  void drop_outputs(ir::Nest& nest) const {
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

  void trim(ir::Loop& loop) const {
    std::erase_if(loop.outputs, [&](const ir::StackedOutput& output) { return !live_[output.result]; });
    std::erase_if(loop.carries, [&](const ir::Carry& carry) { return !needed(carry); });
    std::erase_if(loop.inputs, [&](const ir::StackedInput& input) { return !live_[input.argument]; });
    loop.body.results.clear();
    for (const ir::Carry& carry : loop.carries) loop.body.results.push_back(carry.next);
    for (const ir::StackedOutput& output : loop.outputs) loop.body.results.push_back(output.value);
    if (loop.condition) drop(*loop.condition);
    drop(loop.body);
  }

  void trim(ir::Branch& branch) const {
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
      drop(inner);
    }
  }

  std::vector<bool> live_;
  bool grown_ = false;
};

}  // namespace

void drop_dead_nodes(ir::Program& program) {
  DeadCode code(program.arrays.size());
  code.find(program.body);
  code.drop(program.body);
}

}  // namespace jaxc::compiler
