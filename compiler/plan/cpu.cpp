// Plans for a CPU: vector lanes along one axis, small arrays of a loop in private memory, carries in place.
#include "compiler/plan/cpu.h"

#include <algorithm>
#include <bit>

#include "compiler/plan/coalesce.h"
#include "compiler/plan/liveness.h"
#include "compiler/plan/placement.h"
#include "compiler/plan/schedule.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Block;
using ir::Branch;
using ir::Loop;
using ir::LoopPlan;
using ir::Nest;
using ir::NestPlan;
using ir::Node;
using ir::Opcode;
using ir::Plan;
using ir::Program;
using ir::Routine;
using ir::ScalarOp;
using ir::Storage;

// A loop of few cheap steps becomes straight-line code.
constexpr std::int64_t unrolled_steps = 16;
constexpr std::int64_t unrolled_loop_operations = 768;

class CpuPlanner {
 public:
  CpuPlanner(const Program& program, const CpuPlanOptions& options) : program_(program), options_(options) {
    plan_.target = ir::Target::cpu;
    plan_.vector_bits = options.vector_bits;
    indexed_.assign(program.arrays.size(), false);
  }

  Plan run() {
    schedule(program_.body, 0);
    const Liveness live = liveness(program_);
    const auto is_small = [&](ArrayId array) { return bytes(array) <= options_.private_bytes; };
    const StorageClasses classes = coalesce(program_, live, is_small);
    std::int64_t stack = 0;
    const auto choose = [&](std::uint32_t k) { return choose_storage(live, classes, k, stack); };
    place_arrays(program_, classes, choose, plan_);
    ir::visit_nodes(program_.body, [&](const Node& node) {
      if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        LoopPlan& loop_plan = plan_.loops[node.id];
        for (const ir::Carry& carry : loop->carries)
          loop_plan.carries.push_back(classes.same(carry.next, carry.argument) ? ir::CarryMode::in_place
                                                                               : ir::CarryMode::copied);
      }
    });
    return std::move(plan_);
  }

 private:
  std::int64_t bytes(ArrayId array) const {
    std::int64_t count = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
    for (std::int64_t extent : program_.arrays[array].shape) count *= extent;
    return count;
  }

  // Schedules the nests of a block; `depth` counts the loops around it. Returns the operations of its
  // straight-line code, and marks arrays that counted loops index by values.
  std::int64_t schedule(const Block& block, int depth) {
    std::int64_t code = 0;
    for (const Node& node : block.nodes) {
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        code += schedule(*nest, node.id, depth, code);
      } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        code += schedule(*loop, node.id, depth);
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) code += schedule(inner, depth);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        code += schedule(routine->expansion, depth);
      }
    }
    return code;
  }

  std::int64_t schedule(const Nest& nest, ir::NodeId id, int depth, std::int64_t code_so_far) {
    NestPlan nest_plan = schedule_nest(program_, nest, options_.vector_bits);
    bool complete = false;
    std::int64_t code = 0;
    if (depth > 0 && code_so_far < options_.loop_operations)
      code = unroll_nest(nest, nest_plan, options_.unrolled_operations, complete);
    mark_indexed(nest, complete);
    plan_.nests[id] = std::move(nest_plan);
    return code;
  }

  std::int64_t schedule(const Loop& loop, ir::NodeId id, int depth) {
    LoopPlan& loop_plan = plan_.loops[id];
    loop_plan.path = ir::LoopPath::fused;
    loop_plan.reason = "all steps run in one native function";
    std::int64_t code = schedule(loop.body, depth + 1);
    if (loop.condition) code += schedule(*loop.condition, depth + 1);
    const bool counted = !loop.condition && loop.trip_count <= unrolled_steps;
    if (depth > 0 && counted && code * loop.trip_count <= unrolled_loop_operations) {
      plan_.loops[id].unrolled = true;
      return code * loop.trip_count;
    }
    if (depth > 0 || !loop.condition) {  // slices move with the position
      for (const ir::StackedInput& input : loop.inputs) indexed_[input.source] = true;
      for (const ir::StackedOutput& output : loop.outputs) indexed_[output.result] = true;
    }
    return code;
  }

  // Straight-line code knows the positions on its axes, but no other operation's value.
  void mark_indexed(const Nest& nest, bool straight) {
    const auto known = [&](const std::vector<ir::Index>& indices) {
      return straight && std::all_of(indices.begin(), indices.end(), [&](const ir::Index& index) {
               return std::all_of(index.terms.begin(), index.terms.end(), [&](const ir::Index::Term& term) {
                 return nest.body.ops[term.op].opcode == Opcode::axis;
               });
             });
    };
    for (const ScalarOp& op : nest.body.ops)
      if (op.opcode == Opcode::read && !known(op.indices)) indexed_[op.array] = true;
    for (const ir::NestOutput& output : nest.outputs)
      if (!known(output.indices)) indexed_[output.result] = true;
  }

  // Private memory for small classes that a loop's body assigns; rows padded to whole vectors.
  StorageChoice choose_storage(const Liveness& live, const StorageClasses& classes, std::uint32_t k,
                               std::int64_t& stack) const {
    bool in_loop = false;
    bool indexed = false;
    std::int64_t largest = 0;
    const std::vector<ArrayId>& members = classes.members[k];
    for (ArrayId member : members) {
      in_loop = in_loop || !live.loops[member].empty();
      indexed = indexed || indexed_[member];
      largest = std::max(largest, bytes(member));
    }
    if (!in_loop || largest > options_.private_bytes || stack + 2 * largest > options_.stack_bytes)
      return {Storage::scratch, 0};
    StorageChoice choice{indexed ? Storage::stack : Storage::registers, 0};
    const Shape& shape = program_.arrays[members.front()].shape;
    const bool one_shape = std::all_of(members.begin(), members.end(),
                                       [&](ArrayId member) { return program_.arrays[member].shape == shape; });
    if (one_shape && !shape.empty() && shape.back() > 1) {
      const auto width = static_cast<std::int64_t>(
          options_.vector_bits /
          (8 * static_cast<std::int64_t>(element_bytes(program_.arrays[members.front()].dtype))));
      const auto row = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(shape.back())));
      if (row <= width) choice.row = row;
    }
    stack += 2 * largest;
    return choice;
  }

  const Program& program_;
  CpuPlanOptions options_;
  Plan plan_;
  std::vector<bool> indexed_;  ///< by ArrayId: some access has an index known only at run time
};

}  // namespace

ir::Plan plan_cpu(const ir::Program& program, const CpuPlanOptions& options) {
  ir::Plan plan = CpuPlanner(program, options).run();
  ir::verify(program, plan);
  return plan;
}

}  // namespace jaxc::compiler
