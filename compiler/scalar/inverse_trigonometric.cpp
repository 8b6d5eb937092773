// asin, acos, atan, atan2.
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

/// pi / 2 in two words.
double half_pi_high(const Format& format) {
  return format.pick(0x1.921fb6p+0, 0x1.921fb54442d18p+0);
}
double half_pi_low(const Format& format) {
  return format.pick(-0x1.777a5cp-25, 0x1.1a62633145c07p-54);
}

/// (asin(a) - a) / a^3 for z = a^2 <= 1/4.
Scalar arcsine_polynomial(Scalar z) {
  return polynomial_of(z,
                       {0.16666659712791443, 0.07500521838665009, 0.04451338201761246, 0.03183881193399429,
                        0.014317402616143227, 0.037690144032239914},
                       {0.16666666666665408, 0.07500000000337151, 0.04464285682822868, 0.030381959140840836,
                        0.02237175795371077, 0.017359706381145524, 0.013885217339506884, 0.012169346520445693,
                        0.006527321103378439, 0.019530246261053787, -0.016227647974962994, 0.03191478154389355});
}

/// Beyond 1/2, asin(a) = pi / 2 - 2 asin(sqrt((1 - a) / 2)).
struct ArcsineParts {
  Scalar outer;     ///< boolean: a > 1/2
  Scalar argument;  ///< a or the root
  Scalar rest;      ///< asin(argument) - argument
};

ArcsineParts arcsine_parts(Scalar a) {
  const Scalar outer = a > 0.5;
  const Scalar half = mul_add(a, -0.5, 0.5);
  const Scalar z = select(outer, half, a * a);
  const Scalar argument = select(outer, sqrt(half), a);
  return {outer, argument, argument * z * arcsine_polynomial(z)};
}

Scalar arcsine(Scalar x) {
  const Format format(x);
  const ArcsineParts parts = arcsine_parts(abs(x));
  const Scalar inside = parts.argument + parts.rest;
  const Scalar outside = half_pi_high(format) - 2.0 * (parts.argument + (parts.rest - 0.5 * half_pi_low(format)));
  return with_sign(select(parts.outer, outside, inside), sign_of(x));
}

Scalar arccosine(Scalar x) {
  const Format format(x);
  const ArcsineParts parts = arcsine_parts(abs(x));
  const Scalar negative = x < 0.0;
  const Scalar signed_argument = select(negative, -parts.argument, parts.argument);
  const Scalar signed_rest = select(negative, -parts.rest, parts.rest);
  const Scalar inside = half_pi_high(format) - (signed_argument + (signed_rest - half_pi_low(format)));
  const Scalar doubled = 2.0 * (parts.argument + parts.rest);
  const Scalar below = 2.0 * (half_pi_high(format) - (parts.argument + (parts.rest - half_pi_low(format))));
  return select(parts.outer, select(negative, below, doubled), inside);
}

/// atan(numerator / denominator) for 0 <= numerator, 0 < denominator or NaN, both finite.
/// f32: one polynomial on [0, 1]. f64: turned by pi / 4 beyond tan(pi / 8), so that |argument| <= tan(pi / 8).
Scalar arctangent_of_ratio(Scalar numerator, Scalar denominator) {
  const Format format(numerator);
  const Scalar steep = numerator > denominator;
  const Scalar small = select(steep, denominator, numerator);
  const Scalar large = select(steep, numerator, denominator);
  Scalar value;
  if (format.is_single) {
    const Scalar r = small / large;
    const Scalar z = r * r;
    const Scalar p = polynomial(
        z, {-0.33333298563957214, 0.1999852955341339, -0.1426403969526291, 0.10951223224401474, -0.08401096612215042,
            0.05792631953954697, -0.03115551918745041, 0.010906876064836979, -0.0017926929285749793});
    value = mul_add(r * z, p, r);
  } else {
    const Scalar middle = small > large * 0.41421356237309503;
    const Scalar scale = select(large > 1.0, 0.5, like(large, 1));  // so that the sum is finite
    const Scalar r =
        select(middle, (small - large) * scale, small) / select(middle, mul_add(small, scale, large * scale), large);
    const Scalar z = r * r;
    const Scalar p =
        polynomial(z, {-0.3333333333333319, 0.19999999999952184, -0.1428571428006097, 0.11111110776981757,
                       -0.09090897578615074, 0.07692057128265813, -0.06663069819653679, 0.05847644884026743,
                       -0.05038218822472198, 0.03803725991246517, -0.01787754217117746});
    const Scalar turn = select(middle, 0.5 * half_pi_high(format), like(r, 0));
    const Scalar turn_low = select(middle, 0.5 * half_pi_low(format), like(r, 0));
    value = turn + (r + mul_add(r * z, p, turn_low));
  }
  const Scalar complement = half_pi_high(format) - (value - half_pi_low(format));
  return select(steep, complement, value);
}

Scalar arctangent(Scalar x) {
  const Format format(x);
  const Scalar a = abs(x);
  const double huge = format.pick(0x1p30, 0x1p60);
  const Scalar bounded = select(a > huge, huge, a);
  return with_sign(arctangent_of_ratio(bounded, like(x, 1)), sign_of(x));
}

// The angle of (x, y): equal infinities count as a diagonal, zeros as an axis.
Scalar arctangent_of_two(Scalar y, Scalar x) {
  const Format format(x);
  const Scalar numerator = abs(y);
  const Scalar denominator = abs(x);
  const Scalar both_infinite = (numerator == infinity) & (denominator == infinity);
  const Scalar one_infinite = (numerator == infinity) | (denominator == infinity);
  const Scalar both_zero = (numerator == 0.0) & (denominator == 0.0);
  auto reduced = [&](Scalar a) {
    const Scalar at_infinity = select(a == infinity, 1.0, select(both_infinite, 1.0, like(a, 0)));
    return select(one_infinite, at_infinity, a);
  };
  const Scalar n = reduced(numerator);
  const Scalar d = select(both_zero, 1.0, reduced(denominator));
  const Scalar angle = arctangent_of_ratio(n, d);
  const Scalar left = sign_of(x) != x.code->bits(format.natural(), 0);
  const Scalar full = 2.0 * half_pi_high(format) - (angle - 2.0 * half_pi_low(format));
  const Scalar result = with_sign(select(left, full, angle), sign_of(y));
  return select(is_nan(x) | is_nan(y), not_a_number, result);
}

}  // namespace

std::vector<FunctionRow> inverse_trigonometric_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "asin", arcsine);
  add_float_rows(rows, "acos", arccosine);
  add_float_rows(rows, "atan", arctangent);
  add_float_rows(rows, "atan2", arctangent_of_two);
  return rows;
}

}  // namespace jaxc::compiler
