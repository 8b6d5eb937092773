// simplify: a Jaxpr with calls inlined, repeated and unused equations dropped, and trivial ones folded.
#pragma once

#include <optional>
#include <vector>

#include "ir/jaxpr.h"

namespace jaxc::compiler {

/// The same function with: calls and pass-through primitives inlined (custom_linear_solve becomes its `solve`,
/// platform_index the CPU's position), a cond of a known index replaced by its branch, equal equations shared,
/// scalars of literals folded, values that a scan does not change moved to its constants, equations of a scan's
/// body that depend on its constants only moved out when they compute, and everything unused dropped, unused
/// carries and outputs of scans included. Scans get num_consts and num_carry. Throws Error when inlining
/// gives more than 200,000 equations.
ir::Jaxpr simplify(const ir::Jaxpr& jaxpr);

/// The atoms that an equation's outputs equal, when they are known without computing arrays: an operand, or a
/// literal folded from integer or boolean literals. `outputs` are the outputs' types.
std::optional<ir::Atom> fold_equation(const ir::Equation& equation, const std::vector<Type>& operands,
                                      const Type& output);

/// Drops equations whose outputs are unused, also inside scans, all of whose body's outputs are the equation's.
ir::Jaxpr without_dead_code(ir::Jaxpr jaxpr);

}  // namespace jaxc::compiler
