// Says of each large product and routine that no library runs what about it is in the way.
#include "compiler/plan/refusals.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/affine.h"

namespace jaxc::compiler {

namespace {

using ir::Nest;
using ir::Node;
using ir::Opcode;
using ir::Routine;
using ir::ScalarOp;

// Products of fewer multiplications and routines on fewer elements are small.
constexpr std::int64_t least_multiplications = std::int64_t{1} << 18;
constexpr std::int64_t least_elements = std::int64_t{1} << 10;

constexpr std::string_view in_loop = "in a loop, whose steps are one piece of generated code";

std::int64_t points(const Nest& nest) {
  std::int64_t count = 1;
  for (const ir::Axis& axis : nest.axes)
    if (__builtin_mul_overflow(count, axis.extent, &count)) return INT64_MAX;
  return count;
}

// The two values whose products a nest sums up, as dot_general and convolutions write them; nothing for other nests.
std::vector<ir::OpId> factors_of(const Nest& nest) {
  if (!nest.reduction || nest.reduction->merge != Opcode::add || nest.reduction->step.results.size() != 1) return {};
  const ScalarOp& step = nest.reduction->step.ops[nest.reduction->step.results[0]];
  if (step.opcode == Opcode::mul_add && nest.body.results.size() == 2) return nest.body.results;
  const ScalarOp& term = nest.body.ops[nest.body.results[0]];
  if (step.opcode != Opcode::add || nest.body.results.size() != 1 || term.opcode != Opcode::mul) return {};
  return {term.arguments.begin(), term.arguments.end()};
}

// The axes that a read's place depends on; nothing where it is looked up.
std::optional<std::vector<bool>> axes_of(const Nest& nest, const ScalarOp& read) {
  std::vector<bool> depends(nest.axes.size(), false);
  for (const ir::Index& index : read.indices) {
    const auto form = ir::affine(index, nest.body, nest.axes.size());
    if (!form) return std::nullopt;
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      if (form->coefficients[axis] != 0) depends[axis] = true;
  }
  return depends;
}

std::string product_refusal(const ir::Program& program, const Nest& nest, const std::vector<ir::OpId>& factors) {
  const DType dtype = program.arrays[nest.outputs[0].result].dtype;
  if (dtype != DType::f32 && dtype != DType::f64) return fmt::format("a library has no products of {}", name(dtype));
  std::vector<std::vector<bool>> axes;
  for (const ir::OpId factor : factors) {
    const ScalarOp& op = nest.body.ops[factor];
    if (op.opcode != Opcode::read) return "a factor is computed where it is multiplied";
    const auto depends = axes_of(nest, op);
    if (!depends) return "a factor's place is looked up";
    axes.push_back(*depends);
  }
  const auto has_own = [&](std::size_t one, std::size_t other) {
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      if (nest.axes[axis].kind == ir::AxisKind::parallel && nest.axes[axis].extent > 1 && axes[one][axis] &&
          !axes[other][axis])
        return true;
    return false;
  };
  if (!has_own(0, 1) || !has_own(1, 0)) return "no factor is used again and again, as in a matrix times a vector";
  return "its axes are not those of a product of matrices";
}

std::string routine_refusal(const Routine& routine) {
  if (routine.name == "sort" && !routine.ordering) return "a library sorts by one real key alone";
  if (routine.matrix) return "generated loops are as fast at this size";
  return {};
}

class Marker {
 public:
  Marker(const ir::Program& program, ir::Plan& plan) : program_(program), plan_(plan) {}

  void mark(const ir::Block& block, int depth) {
    for (const Node& node : block.nodes) {
      if (const auto* nest = std::get_if<Nest>(&node.kind)) {
        const std::vector<ir::OpId> factors = factors_of(*nest);
        if (factors.empty() || points(*nest) < least_multiplications || plan_.nests.at(node.id).product) continue;
        plan_.refusals[node.id] = depth > 0 ? std::string(in_loop) : product_refusal(program_, *nest, factors);
      } else if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
        mark(loop->body, depth + 1);
      } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
        for (const ir::Block& inner : branch->blocks) mark(inner, depth);
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        mark(*routine, node.id, depth);
      }
    }
  }

 private:
  // What an expansion holds is the routine's own affair.
  void mark(const Routine& routine, ir::NodeId id, int depth) {
    if (const auto found = plan_.routines.find(id); found != plan_.routines.end()) {
      if (found->second.path == ir::RoutinePath::expansion) plan_.refusals[id] = found->second.reason;
      return;
    }
    const bool is_large = std::any_of(routine.inputs.begin(), routine.inputs.end(), [&](ir::ArrayId array) {
      return element_count(program_.arrays[array].shape) >= least_elements;
    });
    const bool is_known = routine.name == "sort" || routine.ordering || routine.matrix;
    if (!is_large || !is_known) return;
    std::string reason = depth > 0 ? std::string(in_loop) : routine_refusal(routine);
    if (!reason.empty()) plan_.refusals[id] = std::move(reason);
  }

  const ir::Program& program_;
  ir::Plan& plan_;
};

}  // namespace

void mark_refusals(const ir::Program& program, ir::Plan& plan) {
  Marker(program, plan).mark(program.body, 0);
}

}  // namespace jaxc::compiler
