// The types of literals that JAX printed without one, before 0.6.1.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "ir/jaxpr.h"
#include "ir/lexer.h"

namespace jaxc::ir {

/// A literal's value as the text has it.
using Scalar = std::variant<bool, Number>;

/// The literal of that value and type. Integers become reals, and reals become complex, where the type asks for it.
/// Throws Error when the value does not fit.
Literal make_literal(const Scalar& value, Type type);

/// The type that a value has on its own: bool, i32 (or the smallest wider integer that holds it), f32, c64.
Type default_type(const Scalar& value);

/// The type of the untyped operand `index`: that of the inner binder for loops, branches and calls, of
/// the result or of another operand for the rest. `is_typed` marks the operands whose types are known.
Type operand_type(const Jaxpr& jaxpr, const Equation& equation, std::size_t index, const std::vector<bool>& is_typed,
                  const Scalar& value);

/// The types that each sub-jaxpr's outputs must have, as far as the equation tells.
std::vector<std::pair<JaxprPointer, std::vector<Type>>> body_output_types(const Jaxpr& jaxpr, const Equation& equation);

}  // namespace jaxc::ir
