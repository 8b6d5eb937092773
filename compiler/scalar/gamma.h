// Calls of the gamma functions.
#pragma once

#include "compiler/scalar/expression.h"

namespace jaxc::compiler {

/// log |gamma(x)|.
Scalar log_gamma(Scalar x);
/// The derivative of log gamma.
Scalar digamma(Scalar x);

}  // namespace jaxc::compiler
