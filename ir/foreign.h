// Primitives outside the list: refused with a reason, or rewritten as what they wrap.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ir/jaxpr.h"

namespace jaxc::ir {

/// Why programs with this primitive cannot be compiled: callbacks, collectives, references, sharding,
/// effects, foreign kernels. Nothing for names that are not known to be impossible.
std::optional<std::string> refusal(std::string_view primitive);

/// Gives an equation of an unlisted primitive a listed one. One that holds a single jaxpr of as many
/// inputs and outputs becomes closed_call[name= call_jaxpr=]; one that is known to pass its operands
/// through becomes optimization_barrier[name=]. Throws Error for any other.
void adopt_foreign(std::string_view primitive, const Jaxpr& jaxpr, Equation& equation);

}  // namespace jaxc::ir
