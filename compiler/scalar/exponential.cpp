// exp, exp2, expm1, logistic, tanh, sinh, cosh: reduction by powers of two and minimax polynomials.
//
// Every polynomial of the library is a minimax fit (Remez exchange in 50 digits); f32 coefficients are rounded
// one after the other, the rest fitted anew.
#include "compiler/scalar/exponential.h"

#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

/// x = n ln 2 + r with |r| <= ln 2 / 2.
struct Reduction {
  Scalar n;     ///< a float
  Scalar r;     ///< the remainder
  Scalar bits;  ///< unsigned; its low bits hold n + offset
};

/// Rounds x / ln 2 with one addition, which leaves n + offset in the low bits of the sum.
Reduction reduce(Scalar x, int offset) {
  const Format format(x);
  const double rounding = format.rounding_offset() + offset;
  const Scalar shifted = mul_add(x, 1.4426950408889634, rounding);
  const Scalar n = shifted - rounding;
  Scalar r = mul_add(n, -format.pick(0x1.62e4p-1, 0x1.62e42feep-1), x);
  r = mul_add(n, -format.pick(0x1.7f7d1cp-20, 0x1.a39ef35793c76p-33), r);
  return {n, r, bits_of(shifted)};
}

/// exp(r) - 1 for |r| <= ln 2 / 2, to within a rounding error of exp(r).
Scalar exponential_of_remainder_minus_one(Scalar r) {
  const Scalar q = polynomial_of(
      r, {0.4999999403953552, 0.16666515171527863, 0.04166810214519501, 0.008369351737201214, 0.001383896335028112},
      {0.5000000000000011, 0.16666666666666297, 0.04166666666652399, 0.008333333333574356, 0.0013888888945651615,
       0.00019841269323067146, 2.480149071639308e-05, 2.7557759702602545e-06, 2.763117439439096e-07,
       2.494219444448898e-08});
  return mul_add(r * r, q, r);
}

/// exp(r) for |r| <= ln 2 / 2.
Scalar exponential_of_remainder(Scalar r) {
  return exponential_of_remainder_minus_one(r) + 1.0;
}

/// 2^n, n + bias standing in the low bits.
Scalar power_of_two(Scalar biased) {
  return float_of(biased << Format(float_of(biased)).mantissa_bits());
}

Scalar clamp(Scalar x, double low, double high) {
  return select(x < low, low, select(x > high, high, x));
}

/// exp(x) for x in [0, 40], or NaN.
Scalar exponential_of_moderate(Scalar x) {
  const Reduction reduced = reduce(x, Format(x).bias());
  return exponential_of_remainder(reduced.r) * power_of_two(reduced.bits);
}

Scalar exponential_of_one(Scalar x) {
  return exponential(x);
}

Scalar exponential_of_two(Scalar x) {
  return exponential_base_two(x, like(x, 0));
}

// exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1), halved before the last step so that 2^n is finite.
Scalar exponential_minus_one(Scalar x) {
  const Format format(x);
  const Scalar clamped = clamp(x, format.pick(-20, -40), format.pick(89, 710));
  const Reduction reduced = reduce(clamped, format.bias() - 1);
  const Scalar r = reduced.r;
  const Scalar q =
      polynomial_of(r,
                    {0.5, 0.1666666567325592, 0.04166646674275398, 0.008333642035722733, 0.0013935004826635122,
                     0.00019666977459564805},
                    {0.5000000000000001, 0.1666666666666667, 0.04166666666664728, 0.00833333333331424,
                     0.0013888888897525447, 0.00019841269921344062, 2.4801571787873812e-05, 2.7557198084627964e-06,
                     2.7569500495562945e-07, 2.5127683326226127e-08, 1.740650098229711e-09});
  const Scalar power = power_of_two(reduced.bits);
  const Scalar half = mul_add(power, mul_add(r * r, q, r), power - 0.5);
  return select(abs(x) < format.pick(0x1p-26, 0x1p-54), x, half + half);
}

// 1 / (1 + exp(-x)), or exp(x) / (1 + exp(x)) below zero, and then what the roundings of both sums lost.
Scalar logistic(Scalar x) {
  const Format format(x);
  const Reduction reduced = reduce(clamp(-abs(x), format.pick(-105, -746), 0), 2 * format.bias());
  const Scalar minus_one = exponential_of_remainder_minus_one(reduced.r);
  const Scalar sum = minus_one + 1.0;
  const Scalar power = scale(sum, reduced.bits);
  const Scalar below = x < 0.0;
  const Scalar divisor = 1.0 + power;
  const Scalar quotient = select(below, power, 1.0) / divisor;
  const Scalar lost = select(below, minus_one - (sum - 1.0), 0.0) - (power - (divisor - 1.0));
  return mul_add(quotient, lost, quotient);
}

// x + x^3 P(x^2) near zero, 1 - 2 / (exp(2 |x|) + 1) elsewhere.
Scalar hyperbolic_tangent(Scalar x) {
  const Scalar a = abs(x);
  const Scalar z = a * a;
  const Scalar p = polynomial_of(
      z, {-0.33333298563957214, 0.13331936299800873, -0.05378471687436104, 0.02079862728714943, -0.005897972267121077},
      {-0.33333333333333126, 0.13333333333299766, -0.05396825394932219, 0.0218694880027362, -0.008863226774701364,
       0.0035920373201102506, -0.0014552148795366978, 0.0005871862470796021, -0.00023039127885642223,
       7.930629850366443e-05, -1.717428967914685e-05});
  const Scalar near = mul_add(a * z, p, a);
  const Scalar doubled = select(a > 20.0, 40.0, a + a);
  const Scalar far = 1.0 - 2.0 / (exponential_of_moderate(doubled) + 1.0);
  return with_sign(select(a < 0.6, near, far), sign_of(x));
}

// x + x^3 P(x^2) below 1, (exp |x| - exp -|x|) / 2 above.
Scalar hyperbolic_sine(Scalar x) {
  const Scalar a = abs(x);
  const Scalar z = a * a;
  const Scalar p =
      polynomial_of(z, {0.1666666716337204, 0.00833331048488617, 0.00019842895562760532, 2.7822131869470468e-06},
                    {0.16666666666666669, 0.008333333333332912, 0.0001984126984159341, 2.755731910667048e-06,
                     2.5052131034684646e-08, 1.6056654286401753e-10, 7.776816282110524e-13});
  const Scalar near = mul_add(a * z, p, a);
  const Scalar half = exponential(a, -1);
  return with_sign(select(a < 1.0, near, half - 0.25 / half), sign_of(x));
}

Scalar hyperbolic_cosine(Scalar x) {
  const Scalar half = exponential(abs(x), -1);
  return half + 0.25 / half;
}

}  // namespace

Scalar exponential(Scalar x, int shift) {
  const Format format(x);
  const Scalar clamped = clamp(x, format.pick(-105, -746), format.pick(90, 711));
  const Reduction reduced = reduce(clamped, 2 * format.bias() + shift);
  return scale(exponential_of_remainder(reduced.r), reduced.bits);
}

UnscaledExponential unscaled_exponential(Scalar x, Scalar tail) {
  const Format format(x);
  const Scalar clamped = clamp(x, format.pick(-105, -746), format.pick(90, 711));
  const Reduction reduced = reduce(clamped, 2 * format.bias());
  const Scalar minus_one = exponential_of_remainder_minus_one(reduced.r + tail);
  return {fast_two_sum(like(x, 1), minus_one), reduced.bits};
}

// By two factors, so that the result may be subnormal: n + 2 bias stands in the low bits.
Scalar scale(Scalar value, Scalar bits) {
  const Scalar half = bits >> 1;
  return value * power_of_two(half) * power_of_two(bits - half);
}

Scalar exponential_base_two(Scalar x, Scalar tail) {
  const Format format(x);
  const double rounding = format.rounding_offset() + 2 * format.bias();
  const Scalar clamped = clamp(x, format.pick(-152, -1077), format.pick(130, 1026));
  const Scalar shifted = clamped + rounding;
  const Scalar r = (clamped - (shifted - rounding)) + tail;
  const Scalar q =
      polynomial_of(r,
                    {0.6931472420692444, 0.24022655189037323, 0.05550272762775421, 0.009617063216865063,
                     0.0013417752925306559, 0.00015825343143660575},
                    {0.6931471805599457, 0.240226506959101, 0.05550410866478939, 0.009618129107607112,
                     0.0013333558153346978, 0.00015403530439065638, 1.5252727685997987e-05, 1.3215445113103878e-06,
                     1.0180460877349562e-07, 7.071973596577058e-09, 4.113123520325047e-10});
  return scale(mul_add(r, q, 1.0), bits_of(shifted));
}

std::vector<FunctionRow> exponential_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "exp", exponential_of_one);
  add_float_rows(rows, "exp2", exponential_of_two);
  add_float_rows(rows, "expm1", exponential_minus_one);
  add_float_rows(rows, "logistic", logistic);
  add_float_rows(rows, "tanh", hyperbolic_tangent);
  add_float_rows(rows, "sinh", hyperbolic_sine);
  add_float_rows(rows, "cosh", hyperbolic_cosine);
  return rows;
}

}  // namespace jaxc::compiler
