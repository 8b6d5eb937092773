// The exponential functions' common core: reduction by powers of two.
#pragma once

#include "compiler/scalar/double_word.h"
#include "compiler/scalar/expression.h"

namespace jaxc::compiler {

/// 2^shift exp(x), underflow and overflow included.
Scalar exponential(Scalar x, int shift = 0);

/// exp(x + tail) as an unscaled double word, for products that round before the powers of two join.
struct UnscaledExponential {
  DoubleWord value;  ///< between sqrt(1/2) and sqrt(2)
  Scalar bits;       ///< the exponent, for scale
};

/// For |tail| far below |x|.
UnscaledExponential unscaled_exponential(Scalar x, Scalar tail);
/// value times the power of two that `bits` of an UnscaledExponential stand for.
Scalar scale(Scalar value, Scalar bits);
/// 2^(x + tail).
Scalar exponential_base_two(Scalar x, Scalar tail);

}  // namespace jaxc::compiler
