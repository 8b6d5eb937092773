// Double words: a number as the unevaluated sum of two floats (Dekker 1971), for the steps that need more bits.
#pragma once

#include "compiler/scalar/expression.h"

namespace jaxc::compiler {

struct DoubleWord {
  Scalar high;
  Scalar low;
};

/// a + b exactly, for |a| >= |b| or a = 0.
inline DoubleWord fast_two_sum(Scalar a, Scalar b) {
  const Scalar sum = a + b;
  return {sum, b - (sum - a)};
}

/// a + b exactly (Knuth).
inline DoubleWord two_sum(Scalar a, Scalar b) {
  const Scalar sum = a + b;
  const Scalar part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

/// a * b exactly, but for underflow.
inline DoubleWord two_product(Scalar a, Scalar b) {
  const Scalar product = a * b;
  return {product, fma(a, b, -product)};
}

inline DoubleWord operator*(DoubleWord a, DoubleWord b) {
  const DoubleWord product = two_product(a.high, b.high);
  return fast_two_sum(product.high, product.low + mul_add(a.high, b.low, a.low * b.high));
}

inline DoubleWord operator*(DoubleWord a, Scalar b) {
  const DoubleWord product = two_product(a.high, b);
  return fast_two_sum(product.high, mul_add(a.low, b, product.low));
}

/// For |a| >= |b|.
inline DoubleWord operator+(DoubleWord a, DoubleWord b) {
  const DoubleWord sum = fast_two_sum(a.high, b.high);
  return fast_two_sum(sum.high, sum.low + (a.low + b.low));
}

/// a / b by one division and a correction.
inline DoubleWord divide(DoubleWord a, DoubleWord b) {
  const Scalar quotient = a.high / b.high;
  const Scalar rest = fma(-quotient, b.high, a.high);
  return fast_two_sum(quotient, (rest + (a.low - quotient * b.low)) / b.high);
}

}  // namespace jaxc::compiler
