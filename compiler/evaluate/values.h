// Values: an array's elements in one of six computing types, whatever their storage.
#pragma once

#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "jaxc/array.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

/// The elements of `array`, broadcast to `shape` (equal rank with extents of 1, or rank 0). T is
/// int64_t or uint64_t for integers, booleans and keys, double or long double for floating types, and
/// their std::complex for complex ones. Real elements may also be loaded as a complex T.
template <typename T>
std::vector<T> load(const Array& array, const Shape& shape);
template <typename T>
std::vector<T> load(const Array& array) {
  return load<T>(array, array.type().shape);
}
/// Integers wrap, floating values are rounded to nearest even, booleans are `value != 0`.
template <typename T>
Array store(const Type& type, const std::vector<T>& values);

/// A one-element array as a number.
std::int64_t scalar_integer(const Array& array);

template <typename T>
inline constexpr bool is_complex_value = false;
template <typename T>
inline constexpr bool is_complex_value<std::complex<T>> = true;
template <typename T>
inline constexpr bool is_integer_value = std::is_integral_v<T>;
template <typename T>
inline constexpr bool is_floating_value = std::is_floating_point_v<T>;

/// The least (or greatest) value of a dtype, computed in T. Complex ones are real, as those that JAX folds from.
template <typename T>
T extreme_value(DType dtype, bool least) {
  if constexpr (is_complex_value<T>) {
    const auto bound = std::numeric_limits<typename T::value_type>::infinity();
    return least ? T(-bound) : T(bound);
  } else if constexpr (is_floating_value<T>) {
    return least ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  } else {
    const int bits = value_bits(dtype);
    const auto highest = ~std::uint64_t{0} >> (64 - bits + (std::is_signed_v<T> ? 1 : 0));
    return least ? static_cast<T>(std::is_signed_v<T> ? ~highest : 0) : static_cast<T>(highest);
  }
}

/// A conversion between numbers that is defined for every value: towards zero, saturating, NaN to 0.
template <typename T, typename Value>
T number_cast(Value value) {
  if constexpr (is_integer_value<T> && is_floating_value<Value>) {
    if (std::isnan(static_cast<double>(value))) return 0;
    if (value >= static_cast<Value>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    if (value <= static_cast<Value>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  }
  if constexpr (is_complex_value<T>) {
    return T(static_cast<typename T::value_type>(value));
  } else {
    return static_cast<T>(value);
  }
}

/// Calls `function` with a value of the computing type; floating values are doubles.
template <typename Function>
decltype(auto) visit(DType dtype, Function&& function) {
  if (is_complex(dtype)) return function(std::complex<double>());
  if (is_floating(dtype)) return function(double());
  if (is_signed_integer(dtype)) return function(std::int64_t());
  return function(std::uint64_t());
}

/// As visit, with f64 and c128 as long double, so that one rounding remains.
template <typename Function>
decltype(auto) visit_wide(DType dtype, Function&& function) {
  if (dtype == DType::f64) return function(static_cast<long double>(0));
  if (dtype == DType::c128) return function(std::complex<long double>());
  return visit(dtype, std::forward<Function>(function));
}

/// As visit_wide, for floating dtypes alone.
template <typename Function>
decltype(auto) visit_floating(DType dtype, Function&& function) {
  if (!is_floating(dtype)) throw InternalError("evaluate: a floating dtype was expected");
  if (dtype == DType::f64) return function(static_cast<long double>(0));
  return function(double());
}

/// As visit_wide, for floating and complex dtypes.
template <typename Function>
decltype(auto) visit_inexact(DType dtype, Function&& function) {
  if (dtype == DType::c128) return function(std::complex<long double>());
  if (dtype == DType::c64) return function(std::complex<double>());
  return visit_floating(dtype, std::forward<Function>(function));
}

/// As visit, for booleans and integers alone.
template <typename Function>
decltype(auto) visit_bits(DType dtype, Function&& function) {
  if (is_floating(dtype) || is_complex(dtype)) throw InternalError("evaluate: an integer dtype was expected");
  if (is_signed_integer(dtype)) return function(std::int64_t());
  return function(std::uint64_t());
}

/// As visit, for everything but complex dtypes.
template <typename Function>
decltype(auto) visit_real(DType dtype, Function&& function) {
  if (is_complex(dtype)) throw InternalError("evaluate: a real dtype was expected");
  if (is_floating(dtype)) return function(double());
  return visit_bits(dtype, std::forward<Function>(function));
}

}  // namespace jaxc::compiler
