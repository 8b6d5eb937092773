// The exponential functions' common core: reduction by powers of two.
#pragma once

#include "compiler/scalar/expression.h"

namespace jaxc::compiler {

/// 2^shift exp(x + tail) for |tail| far below |x|, underflow and overflow included.
Scalar exponential(Scalar x, int shift = 0);
Scalar exponential(Scalar x, Scalar tail, int shift = 0);
/// 2^(x + tail).
Scalar exponential_base_two(Scalar x, Scalar tail);

}  // namespace jaxc::compiler
