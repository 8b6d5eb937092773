// Recognition of nests that copy.
#include "compiler/lower/copies.h"

#include "ir/affine.h"

namespace jaxc::compiler {

bool is_point(const ir::Nest& nest, const std::vector<ir::Index>& indices) {
  if (indices.size() != nest.axes.size()) return false;
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const std::optional<ir::Affine> form = ir::affine(indices[k], nest.body, nest.axes.size());
    if (!form || form->identity() != static_cast<int>(k)) return false;
  }
  return true;
}

std::optional<ir::ArrayId> copied_array(const ir::Program& program, const ir::Nest& nest) {
  if (nest.reduction || nest.outputs.size() != 1 || nest.outputs[0].base) return std::nullopt;
  const ir::ScalarOp& value = nest.body.ops[nest.body.results[0]];
  if (value.opcode != ir::Opcode::read || !value.arguments.empty() || !is_point(nest, value.indices) ||
      !is_point(nest, nest.outputs[0].indices) ||
      program.arrays[value.array].shape != program.arrays[nest.outputs[0].result].shape)
    return std::nullopt;
  return value.array;
}

}  // namespace jaxc::compiler
