// Computes liveness in two walks: moments of nodes first, then uses, extended over loops.
#include "compiler/plan/liveness.h"

#include <algorithm>

#include "ir/overloaded.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Branch;
using ir::Carry;
using ir::Interface;
using ir::Loop;
using ir::Nest;
using ir::NestOutput;
using ir::Node;
using ir::NodeId;
using ir::Opcode;
using ir::Program;
using ir::ProgramConstant;
using ir::Reshape;
using ir::Routine;
using ir::ScalarOp;
using ir::StackedInput;
using ir::StackedOutput;

class Walk {
 public:
  explicit Walk(const Program& program) : program_(program) {
    result_.ranges.resize(program.arrays.size());
    result_.moments.resize(program.node_count);
    result_.loops.resize(program.arrays.size());
  }

  Liveness run() {
    number(program_.body);
    const std::int64_t end = clock_++;
    for (const Interface& input : program_.inputs) assign(input.array, -1);
    for (const ProgramConstant& constant : program_.constants) assign(constant.array, -1);
    uses(program_.body);
    for (ArrayId array : program_.body.results) use(array, end);
    return std::move(result_);
  }

 private:
  // Gives every node its moments.
  void number(const Block& block) {
    for (const Node& node : block.nodes) {
      NodeMoments& moments = result_.moments[node.id];
      moments.begin = clock_++;
      if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        clock_++;
        if (loop->condition) number(*loop->condition);
        clock_++;
        number(loop->body);
        clock_++;
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) {
          number(inner);
          clock_++;
        }
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        number(routine->expansion);
      }
      result_.moments[node.id].end = clock_++;
    }
  }

  void assign(ArrayId array, std::int64_t moment) {
    result_.ranges[array] = {moment, moment};
    result_.loops[array] = loops_;
  }

  // A use inside loops that do not hold the assignment lasts to the end of the outermost such loop's steps.
  void use(ArrayId array, std::int64_t moment) {
    const std::size_t shared = result_.loops[array].size();
    if (loops_.size() > shared) moment = std::max(moment, result_.moments[loops_[shared]].end - 1);
    result_.ranges[array].end = std::max(result_.ranges[array].end, moment);
  }

  void uses(const Block& block) {
    for (const Node& node : block.nodes) {
      const NodeMoments& at = result_.moments[node.id];
      std::visit(ir::Overloaded{
                     [&](const Nest& nest) { uses(nest, at); },
                     [&](const Reshape& reshape) {
                       use(reshape.source, at.begin);
                       assign(reshape.result, at.end);
                     },
                     [&](const Loop& loop) { uses(loop, node.id, at); },
                     [&](const Branch& branch) { uses(branch, at); },
                     [&](const Routine& routine) {
                       uses(routine.expansion);
                       for (ArrayId output : routine.outputs) use(output, at.end);
                     },
                 },
                 node.kind);
    }
  }

  // A nest reads while it writes, so what it reads is needed until its end; and so are bases, which are moved to where
  // their results lie before any point runs.
  void uses(const Nest& nest, const NodeMoments& at) {
    for (const ScalarOp& op : nest.body.ops)
      if (op.opcode == Opcode::read) use(op.array, at.end);
    for (const NestOutput& output : nest.outputs)
      if (output.base) use(*output.base, at.end);
    for (const NestOutput& output : nest.outputs) assign(output.result, at.end);
  }

  void uses(const Loop& loop, NodeId id, const NodeMoments& at) {
    for (const Carry& carry : loop.carries) use(carry.initial, at.begin);
    for (const StackedOutput& output : loop.outputs) assign(output.result, at.begin + 1);
    loops_.push_back(id);
    assign(loop.position, at.begin + 1);
    for (const Carry& carry : loop.carries) assign(carry.argument, at.begin + 1);
    for (const StackedInput& input : loop.inputs) {
      use(input.source, at.end - 1);
      assign(input.argument, at.begin + 1);
    }
    if (loop.condition) {
      uses(*loop.condition);
      const std::int64_t decided =
          loop.body.nodes.empty() ? at.end - 1 : result_.moments[loop.body.nodes.front().id].begin - 1;
      for (ArrayId array : loop.condition->results) use(array, decided);
    }
    uses(loop.body);
    for (ArrayId array : loop.body.results) use(array, at.end - 1);
    loops_.pop_back();
    for (const StackedOutput& output : loop.outputs) use(output.result, at.end);
    for (const Carry& carry : loop.carries) assign(carry.result, at.end);
  }

  void uses(const Branch& branch, const NodeMoments& at) {
    use(branch.index, at.begin);
    for (const Block& block : branch.blocks) {
      uses(block);
      const std::int64_t last = block.nodes.empty() ? at.begin : result_.moments[block.nodes.back().id].end;
      for (ArrayId array : block.results) use(array, last + 1);
    }
    for (ArrayId array : branch.results) assign(array, at.end);
  }

  const Program& program_;
  Liveness result_;
  std::vector<NodeId> loops_;  ///< around the walk's place
  std::int64_t clock_ = 0;
};

}  // namespace

Liveness liveness(const ir::Program& program) {
  return Walk(program).run();
}

}  // namespace jaxc::compiler
