// The types of an equation's outputs, recomputed from its operands and parameters.
#pragma once

#include <vector>

#include "ir/jaxpr.h"
#include "ir/prims/domain.h"

namespace jaxc::ir {

/// The types of the equation's outputs. `declared` are the types that the text gives them, from which
/// the few primitives that do not print their shape (broadcast_in_dim) take it; pass {} when there are
/// none. Throws Error, naming the primitive, when operands or parameters do not fit.
std::vector<Type> infer_types(const Equation& equation, const std::vector<Type>& operands,
                              const std::vector<Type>& declared);

/// infer_types, and an Error when the result differs from `declared`.
void check_types(const Equation& equation, const std::vector<Type>& operands, const std::vector<Type>& declared);

/// What operands the primitive accepts.
const Domain& domain(Primitive primitive);

}  // namespace jaxc::ir
