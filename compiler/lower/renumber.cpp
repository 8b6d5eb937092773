// Implements renumber by two walks over the nodes.
#include "compiler/lower/renumber.h"

#include <limits>
#include <utility>
#include <variant>

namespace jaxc::compiler {

using ir::ArrayId;
using ir::Block;
using ir::Node;

void visit_arrays(Node& node, const std::function<void(ArrayId&)>& visit) {
  if (auto* nest = std::get_if<ir::Nest>(&node.kind)) {
    for (ir::ScalarOp& op : nest->body.ops)
      if (op.opcode == ir::Opcode::read) visit(op.array);
    for (ir::NestOutput& output : nest->outputs) {
      if (output.base) visit(*output.base);
      visit(output.result);
    }
  } else if (auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
    visit(reshape->source);
    visit(reshape->result);
  } else if (auto* loop = std::get_if<ir::Loop>(&node.kind)) {
    for (ir::Carry& carry : loop->carries) {
      visit(carry.initial);
      visit(carry.argument);
      visit(carry.next);
      visit(carry.result);
    }
    for (ir::StackedInput& input : loop->inputs) {
      visit(input.source);
      visit(input.argument);
    }
    for (ir::StackedOutput& output : loop->outputs) {
      visit(output.value);
      visit(output.result);
    }
    visit(loop->position);
  } else if (auto* branch = std::get_if<ir::Branch>(&node.kind)) {
    visit(branch->index);
    for (ArrayId& result : branch->results) visit(result);
  } else {
    auto& routine = std::get<ir::Routine>(node.kind);
    for (ArrayId& input : routine.inputs) visit(input);
    for (ArrayId& output : routine.outputs) visit(output);
  }
}

void visit_blocks(Node& node, const std::function<void(Block&)>& visit) {
  if (auto* loop = std::get_if<ir::Loop>(&node.kind)) {
    if (loop->condition) visit(*loop->condition);
    visit(loop->body);
  } else if (auto* branch = std::get_if<ir::Branch>(&node.kind)) {
    for (Block& block : branch->blocks) visit(block);
  } else if (auto* routine = std::get_if<ir::Routine>(&node.kind)) {
    visit(routine->expansion);
  }
}

namespace {

constexpr std::uint64_t unseen = std::numeric_limits<std::uint64_t>::max();

class Renumbering {
 public:
  explicit Renumbering(ir::Program& program)
      : program_(program), arrays_(program.arrays.size(), unseen), functions_(program.functions.size(), unseen) {}

  void run() {
    for (ir::Interface& input : program_.inputs) array(input.array);
    for (ir::ProgramConstant& constant : program_.constants) array(constant.array);
    block(program_.body);
    for (ir::Interface& output : program_.outputs) array(output.array);
    program_.arrays = std::move(kept_arrays_);
    program_.functions = std::move(kept_functions_);
    program_.node_count = nodes_;
  }

 private:
  void block(Block& block) {
    for (Node& node : block.nodes) {
      node.id = nodes_++;
      visit_arrays(node, [this](ArrayId& id) { array(id); });
      if (auto* nest = std::get_if<ir::Nest>(&node.kind)) {
        region(nest->body);
        if (nest->reduction) region(nest->reduction->step);
        for (ir::NestOutput& output : nest->outputs)
          if (output.combine) region(*output.combine);
      }
      if (auto* routine = std::get_if<ir::Routine>(&node.kind); routine != nullptr && routine->prefix)
        region(routine->prefix->combine);
      visit_blocks(node, [this](Block& inner) { this->block(inner); });
    }
    for (ArrayId& result : block.results) array(result);
  }

  void array(ArrayId& id) {
    if (arrays_[id] == unseen) {
      arrays_[id] = kept_arrays_.size();
      kept_arrays_.push_back(std::move(program_.arrays[id]));
    }
    id = static_cast<ArrayId>(arrays_[id]);
  }

  void region(ir::Region& region) {
    for (ir::ScalarOp& op : region.ops) {
      if (op.opcode == ir::Opcode::call) function(op.immediate);
      for (ir::Region& inner : op.regions) this->region(inner);
    }
  }

  /// Functions keep their order: a function's callees come before it.
  void function(std::uint64_t& number) {
    if (functions_[number] == unseen) {
      ir::ScalarFunction kept = std::move(program_.functions[number]);
      region(kept.region);
      functions_[number] = kept_functions_.size();
      kept_functions_.push_back(std::move(kept));
    }
    number = functions_[number];
  }

  ir::Program& program_;
  std::vector<std::uint64_t> arrays_;
  std::vector<std::uint64_t> functions_;
  std::vector<ir::ProgramArray> kept_arrays_;
  std::vector<ir::ScalarFunction> kept_functions_;
  ir::NodeId nodes_ = 0;
};

}  // namespace

void renumber(ir::Program& program) {
  Renumbering(program).run();
}

}  // namespace jaxc::compiler
