// pow, cbrt and rsqrt.
#include "compiler/scalar/exponential.h"
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"
#include "compiler/scalar/logarithm.h"

namespace jaxc::compiler {

namespace {

/// |x|^y by 2^(y log2 |x|), the logarithm in a double word, for |x| neither zero nor infinite.
Scalar power_of_magnitude(Scalar magnitude, Scalar y) {
  const Format format(y);
  const Scalar small = magnitude < format.smallest_normal();
  const Scalar normal = select(small, magnitude * std::ldexp(1.0, format.mantissa_bits()), magnitude);
  const DoubleWord logarithm = logarithm_base_two(normal, select(small, -format.mantissa_bits(), like(magnitude, 0)));
  // |log2 x| is at least 2^-24 (2^-53): beyond this bound the result is 0, 1 or infinite.
  const double bound = format.pick(0x1p40, 0x1p70);
  const Scalar bounded = select(y > bound, bound, select(y < -bound, -bound, y));
  const DoubleWord product = logarithm * bounded;
  return exponential_base_two(product.high, select(abs(product.high) < 2000.0, product.low, 0.0));
}

// C's pow: pow(x, 0) = pow(1, y) = 1 even for NaN; a negative x wants an integer y.
Scalar power(Scalar x, Scalar y) {
  const Scalar magnitude = abs(x);
  Scalar result = power_of_magnitude(magnitude, y);
  const Scalar negative = y < 0.0;
  result = select(magnitude == 0.0, select(negative, infinity, like(x, 0)), result);
  result = select(magnitude == infinity, select(negative, 0.0, like(x, infinity)), result);
  const Scalar half = 0.5 * y;
  const Scalar integer = trunc(y) == y;
  const Scalar odd = integer & (trunc(half) != half);
  const Scalar sign = sign_of(x);
  result = with_sign(result, select(odd, sign, sign ^ sign));
  const Scalar undefined = ((x < 0.0) & (x > -infinity) & !integer) | is_nan(x) | is_nan(y);
  return select((y == 0.0) | (x == 1.0), 1.0, select(undefined, not_a_number, result));
}

// x = 2^(3 q + k) m with 1 <= m < 2: a cubic guess for m^(1/3), refined by Halley's step (f64) and Newton's.
Scalar cube_root(Scalar x) {
  const Format format(x);
  ScalarCode& code = *x.code;
  const Scalar a = abs(x);
  const Scalar small = a < format.smallest_normal();
  const int shift = format.is_single ? 24 : 54;
  const Scalar bits = bits_of(select(small, a * std::ldexp(1.0, shift), a));
  const std::uint64_t mantissa_mask = (std::uint64_t{1} << format.mantissa_bits()) - 1;
  const Scalar m =
      float_of((bits & code.bits(bits.dtype, mantissa_mask)) | code.bits(bits.dtype, format.power_bits(0)));
  const double two_to_width = std::ldexp(1.0, format.mantissa_bits());
  const Scalar counted =
      float_of((bits >> format.mantissa_bits()) | code.bits(bits.dtype, format.power_bits(format.mantissa_bits())));
  // The exponent plus 3 times the bias, so that the quotient stands biased in the low bits.
  const Scalar exponent = counted - (two_to_width + format.bias());
  const double rounding = format.rounding_offset() + format.bias();
  const Scalar shifted = mul_add(exponent, 1.0 / 3.0, rounding);
  const Scalar rest = mul_add(shifted - rounding, -3.0, exponent);
  const Scalar scaled = m * select(rest == 0.0, 1.0, select(rest > 0.0, 2.0, like(x, 0.5)));
  Scalar root = polynomial(m, {0.5528233051300049, 0.5871146321296692, -0.16296997666358948, 0.023105047643184662});
  root = root * select(rest == 0.0, 1.0, select(rest > 0.0, 1.2599210498948732, like(x, 0.7937005259840998)));
  if (!format.is_single) {
    const Scalar cube = root * root * root;
    root = mul_add(root, (scaled - cube) / mul_add(cube, 2.0, scaled), root);
  }
  const Scalar square = root * root;
  root = root + mul_add(-square, root, scaled) / (3.0 * square);
  const Scalar result = root * float_of(bits_of(shifted) << format.mantissa_bits()) *
                        select(small, std::ldexp(1.0, -shift / 3), like(x, 1));
  return with_sign(select((a > 0.0) & (a < infinity), result, a), sign_of(x));
}

Scalar reciprocal_square_root(Scalar x) {
  return 1.0 / sqrt(x);
}

}  // namespace

std::vector<FunctionRow> power_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "pow", power);
  add_float_rows(rows, "cbrt", cube_root);
  add_float_rows(rows, "rsqrt", reciprocal_square_root);
  return rows;
}

}  // namespace jaxc::compiler
