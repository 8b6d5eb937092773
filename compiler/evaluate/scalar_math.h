// Scalar arithmetic with JAX's semantics, for the computing types of values.h.
#pragma once

#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <optional>

#include "compiler/evaluate/values.h"

namespace jaxc::compiler::scalar_math {

// Integers wrap: the sums and products of 64-bit two's complement numbers are right in every narrower width.
template <typename T>
T add(T x, T y) {
  if constexpr (is_integer_value<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(x) + static_cast<std::uint64_t>(y));
  } else {
    return x + y;
  }
}

template <typename T>
T subtract(T x, T y) {
  if constexpr (is_integer_value<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y));
  } else {
    return x - y;
  }
}

template <typename T>
T multiply(T x, T y) {
  if constexpr (is_integer_value<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(y));
  } else if constexpr (is_complex_value<T>) {
    return {x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real()};
  } else {
    return x * y;
  }
}

template <typename T>
T negate(T x) {
  if constexpr (is_integer_value<T>) {
    return subtract(T(0), x);
  } else {
    return -x;
  }
}

/// Integers: x / 0 = -1 and MIN / -1 = MIN.
template <typename T>
T divide(T x, T y) {
  if constexpr (std::is_same_v<T, std::int64_t>) {
    if (y == 0) return -1;
    if (y == -1) return negate(x);
    return x / y;
  } else if constexpr (is_integer_value<T>) {
    return y == 0 ? ~T(0) : x / y;
  } else {
    return x / y;
  }
}

/// The remainder with the dividend's sign. Integers: rem(x, 0) = x and rem(MIN, -1) = 0.
template <typename T>
T remainder(T x, T y) {
  if constexpr (is_integer_value<T>) {
    if (y == 0) return x;
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return 0;
    }
    return x % y;
  } else {
    return std::fmod(x, y);
  }
}

template <typename T>
bool is_nan(T x) {
  if constexpr (is_floating_value<T>) {
    return std::isnan(x);
  } else if constexpr (is_complex_value<T>) {
    return std::isnan(x.real()) || std::isnan(x.imag());
  } else {
    return false;
  }
}

/// The larger; NaN when either is NaN; 0.0 above -0.0. Complex numbers are ordered by real, then imaginary part, and
/// as in JAX the second one is chosen where the first is not greater.
template <typename T>
T maximum(T x, T y) {
  if constexpr (is_complex_value<T>) {
    return (x.real() == y.real() ? x.imag() > y.imag() : x.real() > y.real()) ? x : y;
  } else {
    if (is_nan(x)) return x;
    if (is_nan(y)) return y;
    if constexpr (is_floating_value<T>) {
      if (x == y) return std::signbit(x) ? y : x;
    }
    return x < y ? y : x;
  }
}

template <typename T>
T minimum(T x, T y) {
  if constexpr (is_complex_value<T>) {
    return (x.real() == y.real() ? x.imag() < y.imag() : x.real() < y.real()) ? x : y;
  } else {
    if (is_nan(x)) return x;
    if (is_nan(y)) return y;
    if constexpr (is_floating_value<T>) {
      if (x == y) return std::signbit(x) ? x : y;
    }
    return y < x ? y : x;
  }
}

/// -1, 0 or 1; zeros and NaN are themselves; complex numbers x / |x|.
template <typename T>
T sign(T x) {
  if constexpr (is_complex_value<T>) {
    const auto length = std::abs(x);
    return length == 0 ? x : x / length;
  } else if constexpr (is_integer_value<T>) {
    return static_cast<T>((x > 0) - (x < T(0)));
  } else {
    if (std::isnan(x) || x == 0) return x;
    return std::copysign(T(1), x);
  }
}

/// x^exponent by squaring; a negative exponent gives 1 / x^-exponent.
template <typename T>
T integer_power(T x, std::int64_t exponent) {
  auto remaining = exponent < 0 ? 0 - static_cast<std::uint64_t>(exponent) : static_cast<std::uint64_t>(exponent);
  std::optional<T> product;  // none yet, since 1 times an infinite complex number has parts that are NaN
  for (T square = x; remaining != 0;) {
    if ((remaining & 1) != 0) product = product ? multiply(*product, square) : square;
    remaining >>= 1;
    if (remaining != 0) square = multiply(square, square);
  }
  const T power = product.value_or(T(1));
  return exponent < 0 ? T(1) / power : power;
}

/// A key of the total order -inf < ... < -0 < 0 < ... < inf, with negative NaN lowest and positive NaN highest.
inline std::int64_t total_order_key(double x) {
  const auto bits = std::bit_cast<std::int64_t>(x);
  return bits < 0 ? bits ^ std::numeric_limits<std::int64_t>::max() : bits;
}

}  // namespace jaxc::compiler::scalar_math
