// Walks over Programs: every node, and the arrays that a node reads and assigns.
#include "ir/program.h"

#include <unordered_set>

#include "ir/overloaded.h"

namespace jaxc::ir {

namespace {

// Collects array numbers in order of first appearance.
class ArraySet {
 public:
  void add(ArrayId array) {
    if (known_.insert(array).second) order_.push_back(array);
  }
  void add(const std::vector<ArrayId>& arrays) {
    for (ArrayId array : arrays) add(array);
  }
  bool contains(ArrayId array) const { return known_.contains(array); }
  const std::vector<ArrayId>& order() const { return order_; }

 private:
  std::unordered_set<ArrayId> known_;
  std::vector<ArrayId> order_;
};

struct Uses {
  ArraySet read;
  ArraySet assigned;  ///< inside the node, or for the nodes after it
};

void collect(const Node& node, Uses& uses);

void collect(const Block& block, Uses& uses) {
  for (const Node& node : block.nodes) collect(node, uses);
  uses.read.add(block.results);
}

void collect(const Loop& loop, Uses& uses) {
  uses.assigned.add(loop.position);
  for (const Carry& carry : loop.carries) {
    uses.read.add(carry.initial);
    uses.assigned.add(carry.argument);
  }
  for (const StackedInput& input : loop.inputs) {
    uses.read.add(input.source);
    uses.assigned.add(input.argument);
  }
  if (loop.condition) collect(*loop.condition, uses);
  collect(loop.body, uses);
}

void collect(const Node& node, Uses& uses) {
  std::visit(Overloaded{
                 [&](const Nest& nest) {
                   for (const ScalarOp& op : nest.body.ops)
                     if (op.opcode == Opcode::read) uses.read.add(op.array);
                   for (const NestOutput& output : nest.outputs)
                     if (output.base) uses.read.add(*output.base);
                 },
                 [&](const Reshape& reshape) { uses.read.add(reshape.source); },
                 [&](const Loop& loop) { collect(loop, uses); },
                 [&](const Branch& branch) {
                   uses.read.add(branch.index);
                   for (const Block& block : branch.blocks) collect(block, uses);
                 },
                 [&](const Routine& routine) {
                   uses.read.add(routine.inputs);
                   collect(routine.expansion, uses);
                 },
             },
             node.kind);
  uses.assigned.add(arrays_assigned(node));
}

}  // namespace

void visit_nodes(const Block& block, const std::function<void(const Node&)>& visit) {
  for (const Node& node : block.nodes) visit_nodes(node, visit);
}

void visit_nodes(const Node& node, const std::function<void(const Node&)>& visit) {
  visit(node);
  if (const auto* loop = std::get_if<Loop>(&node.kind)) {
    if (loop->condition) visit_nodes(*loop->condition, visit);
    visit_nodes(loop->body, visit);
  } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
    for (const Block& inner : branch->blocks) visit_nodes(inner, visit);
  } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
    visit_nodes(routine->expansion, visit);
  }
}

std::vector<ArrayId> arrays_read(const Node& node) {
  Uses uses;
  collect(node, uses);
  std::vector<ArrayId> result;
  for (ArrayId array : uses.read.order())
    if (!uses.assigned.contains(array)) result.push_back(array);
  return result;
}

std::vector<ArrayId> arrays_assigned(const Node& node) {
  std::vector<ArrayId> result;
  std::visit(Overloaded{
                 [&](const Nest& nest) {
                   for (const NestOutput& output : nest.outputs) result.push_back(output.result);
                 },
                 [&](const Reshape& reshape) { result.push_back(reshape.result); },
                 [&](const Loop& loop) {
                   for (const Carry& carry : loop.carries) result.push_back(carry.result);
                   for (const StackedOutput& output : loop.outputs) result.push_back(output.result);
                 },
                 [&](const Branch& branch) { result = branch.results; },
                 [&](const Routine& routine) { result = routine.outputs; },
             },
             node.kind);
  return result;
}

std::vector<ArrayId> loop_arguments(const Loop& loop) {
  std::vector<ArrayId> result = {loop.position};
  for (const Carry& carry : loop.carries) result.push_back(carry.argument);
  for (const StackedInput& input : loop.inputs) result.push_back(input.argument);
  return result;
}

}  // namespace jaxc::ir
