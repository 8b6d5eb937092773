// The logarithms' common core: reduction to [sqrt(1/2), sqrt(2)].
#pragma once

#include "compiler/scalar/double_word.h"
#include "compiler/scalar/expression.h"

namespace jaxc::compiler {

/// log(x); NaN below zero, -infinity at zero.
Scalar natural_logarithm(Scalar x);
/// log(high + low) for a normal high and |low| far below it.
Scalar natural_logarithm(Scalar high, Scalar low);
/// log(1 + x).
Scalar logarithm_of_one_plus(Scalar x);
/// u - log(1 + u), exact to a few roundings near zero too.
Scalar excess_over_logarithm(Scalar u);
/// log2(x) to about twice the working precision's bits less ten, for x positive, normal and finite, plus `exponent`.
DoubleWord logarithm_base_two(Scalar x, Scalar exponent);

}  // namespace jaxc::compiler
