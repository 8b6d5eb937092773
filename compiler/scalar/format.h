// What the two float formats differ in: widths, limits and the constants that reductions need.
#pragma once

#include <cmath>
#include <limits>

#include "compiler/scalar/expression.h"

namespace jaxc::compiler {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
inline constexpr double pi = 3.14159265358979323846;

/// Properties of a float type, as numbers for the code that is written.
struct Format {
  explicit Format(DType dtype) : dtype(dtype), is_single(dtype == DType::f32) {}
  explicit Format(Scalar x) : Format(x.dtype) {}

  DType dtype;
  bool is_single;
  DType integer() const { return is_single ? DType::i32 : DType::i64; }
  DType natural() const { return is_single ? DType::u32 : DType::u64; }
  int mantissa_bits() const { return is_single ? 23 : 52; }
  int bias() const { return is_single ? 127 : 1023; }
  /// 1.5 * 2^mantissa_bits: added to a small number, it leaves the nearest integer in the low bits.
  double rounding_offset() const { return std::ldexp(1.5, mantissa_bits()); }
  double smallest_normal() const { return is_single ? 0x1p-126 : 0x1p-1022; }
  /// The bit pattern of a power of two or of zero.
  std::uint64_t power_bits(int exponent) const {
    return static_cast<std::uint64_t>(exponent + bias()) << mantissa_bits();
  }
  std::uint64_t sign_bit() const { return is_single ? 0x80000000U : 0x8000000000000000U; }
  /// `single` for f32, else `other`.
  double pick(double single, double other) const { return is_single ? single : other; }
};

/// The bits of a float, unsigned.
inline Scalar bits_of(Scalar x) {
  return bitcast(Format(x).natural(), x);
}

/// The float of these unsigned bits.
inline Scalar float_of(Scalar bits) {
  return bitcast(bits.dtype == DType::u32 ? DType::f32 : DType::f64, bits);
}

/// The sign bit of x alone.
inline Scalar sign_of(Scalar x) {
  const Format format(x);
  return bits_of(x) & x.code->bits(format.natural(), format.sign_bit());
}

/// magnitude, its sign flipped where `sign` (a sign bit) is set.
inline Scalar with_sign(Scalar magnitude, Scalar sign) {
  return float_of(bits_of(magnitude) ^ sign);
}

/// The polynomial in x whose coefficients suit the format.
inline Scalar polynomial_of(Scalar x, std::initializer_list<double> single, std::initializer_list<double> other) {
  return polynomial(x, Format(x).is_single ? single : other);
}

}  // namespace jaxc::compiler
