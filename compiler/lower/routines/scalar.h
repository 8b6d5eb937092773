// Scalar: a real, complex, integer or boolean value of a region under construction, with operators, so that
// a routine is written once for every element type.
#pragma once

#include <cmath>
#include <limits>
#include <optional>

#include "compiler/lower/lowering.h"

namespace jaxc::compiler::lowering {

using ir::ArrayId;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

/// A number without an imaginary part is real; operations on real numbers cost what they cost there.
struct Scalar {
  RegionBuilder* builder = nullptr;
  OpId real = 0;
  std::optional<OpId> imaginary = std::nullopt;

  DType dtype() const { return builder->dtype(real); }
  bool is_complex() const { return imaginary.has_value(); }
  /// A constant of the same type.
  Scalar number(double value) const { return {builder, builder->constant(dtype(), value)}; }
  Scalar part(OpId op) const { return {builder, op}; }
  Scalar real_part() const { return part(real); }
  Scalar imaginary_part() const { return imaginary ? part(*imaginary) : number(0); }
};

inline Scalar binary(Opcode opcode, const Scalar& a, const Scalar& b) {
  return a.part(a.builder->binary(opcode, a.real, b.real));
}
inline Scalar unary(Opcode opcode, const Scalar& a) {
  return a.part(a.builder->unary(opcode, a.real));
}
inline Scalar complex(const Scalar& real, const Scalar& imaginary) {
  return {real.builder, real.real, imaginary.real};
}

// ---- Comparisons and choices. Orders are of real numbers.

inline Scalar operator<(const Scalar& a, const Scalar& b) {
  return binary(Opcode::lt, a, b);
}
inline Scalar operator<=(const Scalar& a, const Scalar& b) {
  return binary(Opcode::le, a, b);
}
inline Scalar operator&(const Scalar& a, const Scalar& b) {
  return binary(Opcode::bit_and, a, b);
}
inline Scalar operator|(const Scalar& a, const Scalar& b) {
  return binary(Opcode::bit_or, a, b);
}
inline Scalar operator!(const Scalar& a) {
  return unary(Opcode::bit_not, a);
}
inline Scalar equal(const Scalar& a, const Scalar& b) {
  const Scalar same = binary(Opcode::eq, a, b);
  if (!a.is_complex() && !b.is_complex()) return same;
  return same & binary(Opcode::eq, a.imaginary_part(), b.imaginary_part());
}
inline Scalar is_zero(const Scalar& a) {
  const Scalar zero = binary(Opcode::eq, a, a.number(0));
  return a.is_complex() ? zero & binary(Opcode::eq, a.imaginary_part(), a.number(0)) : zero;
}
inline Scalar min(const Scalar& a, const Scalar& b) {
  return binary(Opcode::min, a, b);
}
inline Scalar max(const Scalar& a, const Scalar& b) {
  return binary(Opcode::max, a, b);
}
inline Scalar select(const Scalar& condition, const Scalar& a, const Scalar& b) {
  const Scalar real = a.part(a.builder->select(condition.real, a.real, b.real));
  if (!a.is_complex() && !b.is_complex()) return real;
  const OpId imaginary = a.builder->select(condition.real, a.imaginary_part().real, b.imaginary_part().real);
  return {a.builder, real.real, imaginary};
}
inline Scalar convert(DType dtype, const Scalar& a) {
  return a.part(a.builder->convert(dtype, a.real));
}

// ---- Arithmetic.

inline Scalar operator-(const Scalar& a) {
  Scalar result = unary(Opcode::neg, a);
  if (a.is_complex()) result.imaginary = a.builder->unary(Opcode::neg, *a.imaginary);
  return result;
}
inline Scalar conj(const Scalar& a) {
  return a.is_complex() ? complex(a, -a.imaginary_part()) : a;
}
inline Scalar operator+(const Scalar& a, const Scalar& b) {
  Scalar result = binary(Opcode::add, a, b);
  if (a.is_complex() && b.is_complex()) {
    result.imaginary = a.builder->binary(Opcode::add, *a.imaginary, *b.imaginary);
  } else if (a.is_complex() || b.is_complex()) {
    result.imaginary = a.is_complex() ? a.imaginary : b.imaginary;
  }
  return result;
}
inline Scalar operator-(const Scalar& a, const Scalar& b) {
  if (a.is_complex() || b.is_complex()) {
    const Scalar real = binary(Opcode::sub, a, b);
    if (!b.is_complex()) return complex(real, a.imaginary_part());
    if (!a.is_complex()) return complex(real, -b.imaginary_part());
    return complex(real, binary(Opcode::sub, a.imaginary_part(), b.imaginary_part()));
  }
  return binary(Opcode::sub, a, b);
}
/// a * b + c.
inline Scalar multiply_add(const Scalar& a, const Scalar& b, const Scalar& c) {
  const auto real = [](const Scalar& x, const Scalar& y, const Scalar& z) {
    return x.part(x.builder->mul_add(x.real, y.real, z.real));
  };
  const Scalar first = real(a, b, c);
  if (!a.is_complex() && !b.is_complex()) return c.is_complex() ? complex(first, c.imaginary_part()) : first;
  if (!a.is_complex()) return complex(first, real(a, b.imaginary_part(), c.imaginary_part()));
  if (!b.is_complex()) return complex(first, real(b, a.imaginary_part(), c.imaginary_part()));
  return complex(real(-a.imaginary_part(), b.imaginary_part(), first),
                 real(a, b.imaginary_part(), real(a.imaginary_part(), b, c.imaginary_part())));
}
inline Scalar operator*(const Scalar& a, const Scalar& b) {
  const Scalar first = binary(Opcode::mul, a, b);
  if (!a.is_complex() && !b.is_complex()) return first;
  if (!a.is_complex()) return complex(first, binary(Opcode::mul, a, b.imaginary_part()));
  if (!b.is_complex()) return complex(first, binary(Opcode::mul, a.imaginary_part(), b));
  const Scalar cross = binary(Opcode::mul, a.imaginary_part(), b);
  return complex(multiply_add(-a.imaginary_part(), b.imaginary_part(), first),
                 multiply_add(a.real_part(), b.imaginary_part(), cross));
}
/// a - b * c.
inline Scalar minus_product(const Scalar& a, const Scalar& b, const Scalar& c) {
  return multiply_add(-b, c, a);
}
/// Smith's division: scaled by the divisor's larger part.
inline Scalar operator/(const Scalar& a, const Scalar& b) {
  const auto quotient = [](const Scalar& x, const Scalar& y) { return binary(Opcode::div, x, y); };
  if (!b.is_complex()) {
    const Scalar real = quotient(a, b);
    return a.is_complex() ? complex(real, quotient(a.imaginary_part(), b)) : real;
  }
  const Scalar x = b.real_part();
  const Scalar y = b.imaginary_part();
  const Scalar wide = unary(Opcode::abs, y) <= unary(Opcode::abs, x);
  const Scalar large = select(wide, x, y);
  const Scalar small = select(wide, y, x);
  const Scalar ratio = quotient(small, large);
  const Scalar scale = multiply_add(small, ratio, large);
  const Scalar p = a.real_part();
  const Scalar q = a.imaginary_part();
  const Scalar real = select(wide, multiply_add(q, ratio, p), multiply_add(p, ratio, q));
  const Scalar imaginary = select(wide, minus_product(q, p, ratio), multiply_add(q, ratio, -p));
  return complex(quotient(real, scale), quotient(imaginary, scale));
}

/// |a|^2.
inline Scalar square(const Scalar& a) {
  const Scalar real = binary(Opcode::mul, a, a);
  return a.is_complex() ? multiply_add(a.imaginary_part(), a.imaginary_part(), real) : real;
}
/// A power of two by which numbers up to `largest` become neither too large nor too small to be squared and summed: 1
/// for most, and for infinity, beside which nothing may vanish; `inverse` gives its reciprocal.
inline Scalar squaring_scale(const Scalar& largest, bool inverse = false) {
  const int unit = largest.dtype() == DType::f32 ? 32 : 256;  // a quarter of the exponents of one sign
  const auto power = [&](int quarters_of_units) {
    return largest.number(std::ldexp(1.0, quarters_of_units * unit / 4));
  };
  const auto factor = [&](int quarters_of_units) { return power(inverse ? -quarters_of_units : quarters_of_units); };
  const Scalar up = select(largest < power(-12), factor(14), factor(8));
  const Scalar down = select(power(12) < largest, factor(-14), factor(-8));
  const Scalar is_large = (power(4) < largest) & (largest < largest.number(std::numeric_limits<double>::infinity()));
  return select(largest < power(-4), up, select(is_large, down, largest.number(1)));
}
/// LAPACK's cheap size: |re| + |im|.
inline Scalar rough_size(const Scalar& a) {
  const Scalar real = unary(Opcode::abs, a);
  return a.is_complex() ? binary(Opcode::add, real, unary(Opcode::abs, a.imaginary_part())) : real;
}
inline Scalar sqrt(const Scalar& a) {
  return unary(Opcode::sqrt, a);
}
/// |a|, without overflow: max * sqrt(1 + (min / max)^2).
inline Scalar size(const Scalar& a) {
  const Scalar x = unary(Opcode::abs, a);
  if (!a.is_complex()) return x;
  const Scalar y = unary(Opcode::abs, a.imaginary_part());
  const Scalar large = max(x, y);
  const Scalar idle = is_zero(large);
  const Scalar ratio = binary(Opcode::div, min(x, y), select(idle, a.number(1), large));
  return large * sqrt(multiply_add(ratio, ratio, a.number(1)));
}
/// The square root in the right half plane.
inline Scalar complex_sqrt(const Scalar& a) {
  const Scalar root = sqrt(a.number(0.5) * (unary(Opcode::abs, a) + size(a)));
  const Scalar idle = is_zero(root);
  const Scalar other = a.imaginary_part() / select(idle, a.number(1), root + root);
  const Scalar negative = a.imaginary_part() < a.number(0);
  const Scalar left = complex(unary(Opcode::abs, other), select(negative, -root, root));
  return select(a.real_part() < a.number(0), left, complex(root, other));
}

}  // namespace jaxc::compiler::lowering
