// Known parameters: which parameters each primitive takes, and which of JAX's others change no result.
#pragma once

#include "ir/jaxpr.h"

namespace jaxc::ir {

/// Throws Error, naming the primitive and the parameter, for a parameter that the primitive does not know, and for one
/// that is ignored but whose value would change the result.
void check_parameters(const Equation& equation);

}  // namespace jaxc::ir
