// Proves updates in place from guards and from the axes that indices depend on.
#include "ir/in_place.h"

#include <algorithm>
#include <set>

namespace jaxc::ir {

namespace {

/// The conditions whose conjunction `condition` is.
std::set<OpId> conjuncts(const Region& body, OpId condition) {
  std::set<OpId> seen;
  std::set<OpId> result;
  std::vector<OpId> open{condition};
  while (!open.empty()) {
    const OpId at = open.back();
    open.pop_back();
    if (!seen.insert(at).second) continue;
    const ScalarOp& op = body.ops[at];
    if (op.opcode == Opcode::bit_and)
      open.insert(open.end(), op.arguments.begin(), op.arguments.end());
    else
      result.insert(at);
  }
  return result;
}

/// Whether the read reaches memory only where the guard holds.
bool is_held_back(const Region& body, const ScalarOp& read, OpId guard) {
  if (read.arguments.empty()) return false;
  const std::set<OpId> known = conjuncts(body, read.arguments[0]);
  const std::set<OpId> wanted = conjuncts(body, guard);
  return std::includes(known.begin(), known.end(), wanted.begin(), wanted.end());
}

/// By operation: whether its value is the same at all points.
std::vector<bool> constant_operations(const Region& body) {
  std::vector<bool> constant(body.ops.size());
  for (OpId id = 0; id < body.ops.size(); ++id) {
    const ScalarOp& op = body.ops[id];
    bool same = op.opcode != Opcode::axis;
    for (OpId argument : op.arguments) same = same && constant[argument];
    for (const Index& index : op.indices)
      for (const Index::Term& term : index.terms) same = same && constant[term.op];
    constant[id] = same;
  }
  return constant;
}

/// Whether no two points that store name one element: each of their axes alone moves some index.
bool names_elements_once(const Nest& nest, const std::vector<Index>& indices) {
  const std::vector<bool> constant = constant_operations(nest.body);
  std::vector<bool> told_apart(nest.axes.size(), false);
  for (const Index& index : indices) {
    std::optional<std::uint64_t> axis;
    bool alone = true;
    for (const Index::Term& term : index.terms) {
      if (constant[term.op]) continue;
      const ScalarOp& op = nest.body.ops[term.op];
      alone = alone && !axis && op.opcode == Opcode::axis && term.coefficient != 0;
      axis = op.immediate;
    }
    if (axis && alone) told_apart[*axis] = true;
  }
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
    if (nest.axes[axis].kind != AxisKind::reduced && nest.axes[axis].extent > 1 && !told_apart[axis]) return false;
  return true;
}

}  // namespace

bool updates_in_place(const Program& program, const Nest& nest, const NestOutput& output, ArrayId array) {
  const ProgramArray& old = program.arrays[array];
  const ProgramArray& result = program.arrays[output.result];
  for (const NestOutput& other : nest.outputs)
    if (other.base == array && other.result != output.result) return false;
  if (element_bytes(old.dtype) != element_bytes(result.dtype)) return false;
  const bool ordered =
      std::any_of(nest.axes.begin(), nest.axes.end(), [](const Axis& axis) { return axis.kind == AxisKind::ordered; });
  bool every_reader_stores = !ordered;
  bool reads = false;
  for (const ScalarOp& op : nest.body.ops) {
    if (op.opcode != Opcode::read || op.array != array) continue;
    if (old.shape != result.shape || op.indices != output.indices) return false;
    if (output.guard && !is_held_back(nest.body, op, *output.guard)) every_reader_stores = false;
    reads = true;
  }
  return !reads || every_reader_stores || names_elements_once(nest, output.indices);
}

}  // namespace jaxc::ir
