// log, log2, log1p, asinh, acosh, atanh: reduction by powers of two and minimax polynomials.
#include "compiler/scalar/logarithm.h"

#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

/// x = 2^exponent (1 + fraction), sqrt(1/2) <= 1 + fraction < sqrt(2).
struct Decomposition {
  Scalar exponent;  ///< a float
  Scalar fraction;  ///< exact
  Scalar scale;     ///< 2^-exponent
};

/// For a positive, normal, finite x. The exponent comes with `offset` subtracted.
Decomposition decompose(Scalar x, double offset = 0) {
  const Format format(x);
  ScalarCode& code = *x.code;
  const DType natural = format.natural();
  const std::uint64_t root = format.is_single ? 0x3f3504f3U : 0x3fe6a09e667f3bcdU;
  const std::uint64_t mantissa = (std::uint64_t{1} << format.mantissa_bits()) - 1;
  const Scalar bits = bits_of(x) + code.bits(natural, format.power_bits(0) - root);
  const Scalar one_plus = float_of((bits & code.bits(natural, mantissa)) + code.bits(natural, root));
  const double two_to_width = std::ldexp(1.0, format.mantissa_bits());
  const Scalar counted =
      (bits >> format.mantissa_bits()) | code.bits(natural, format.power_bits(format.mantissa_bits()));
  const std::uint64_t exponent_mask = format.is_single ? 0x7f800000U : 0x7ff0000000000000U;
  // Halved twice as large a power, which is still finite and not negative at either end.
  const Scalar twice = code.bits(natural, 2 * format.power_bits(0) + (std::uint64_t{1} << format.mantissa_bits())) -
                       (bits & code.bits(natural, exponent_mask));
  return {float_of(counted) - (two_to_width + format.bias() + offset), one_plus - 1.0, 0.5 * float_of(twice)};
}

/// f - f^2/2 + tail is log(1 + f).
Scalar tail_of_logarithm(Scalar f, Scalar half_square) {
  if (Format(f).is_single) {
    const Scalar p = polynomial(
        f, {0.3333331346511841, -0.25000035762786865, 0.20002056658267975, -0.16667784750461578, 0.1422031968832016,
            -0.12395212799310684, 0.1186893954873085, -0.11790693551301956, 0.06971090286970139});
    return f * f * f * p;
  }
  const Scalar s = f / (f + 2.0);
  const Scalar z = s * s;
  const Scalar r = polynomial(z, {0.6666666666666735, 0.39999999999409325, 0.2857142874364846, 0.22222198438916732,
                                  0.1818357151496716, 0.1531386150901196, 0.14797892967593834});
  return s * mul_add(z, r, half_square);
}

Scalar logarithm_of(Scalar exponent, Scalar f) {
  const Format format(f);
  const Scalar half_square = 0.5 * f * f;
  const Scalar tail =
      mul_add(exponent, format.pick(0x1.7f7d1cp-20, 0x1.a39ef35793c76p-33), tail_of_logarithm(f, half_square));
  return mul_add(exponent, format.pick(0x1.62e4p-1, 0x1.62e42feep-1), f - (half_square - tail));
}

/// `result`, which holds for positive finite x, with the values elsewhere.
Scalar with_limits(Scalar x, Scalar result) {
  const Scalar outside = select(x == 0.0, -infinity, like(x, not_a_number));
  return select(x > 0.0, select(x < infinity, result, x), outside);
}

struct Normalized {
  Scalar value;
  Scalar exponent;  ///< to be added to the value's
};

/// Scales subnormals up.
Normalized normalize(Scalar x) {
  const Format format(x);
  const Scalar small = x < format.smallest_normal();
  const double scale = std::ldexp(1.0, format.mantissa_bits());
  return {select(small, x * scale, x), select(small, -format.mantissa_bits(), like(x, 0))};
}

// log2(1 + f) = f / ln 2 + f^2 Q(f).
Scalar binary_logarithm(Scalar x) {
  const Format format(x);
  const Normalized normal = normalize(x);
  const Decomposition parts = decompose(normal.value);
  const Scalar f = parts.fraction;
  const double high = format.pick(0x1.715476p+0, 0x1.71547652b82fep+0);
  const double low = format.pick(0x1.4ae0cp-26, 0x1.777d0ffda0d24p-56);
  Scalar value;
  if (format.is_single) {
    const Scalar q = polynomial(
        f, {-0.7213473320007324, 0.4808982014656067, -0.360697865486145, 0.2885705232620239, -0.23959757387638092,
            0.20453976094722748, -0.19114066660404205, 0.1865108162164688, -0.11013523489236832});
    value = mul_add(f, high, mul_add(f, low, f * f * q));
  } else {
    const Scalar half_square = 0.5 * f * f;
    const Scalar first = f - half_square;
    const Scalar rest = (f - first) - half_square + tail_of_logarithm(f, half_square);
    value = mul_add(first, high, mul_add(rest, high, first * low));
  }
  return with_limits(x, (parts.exponent + normal.exponent) + value);
}

// log(1 + (a + a^2 / (1 + sqrt(a^2 + 1)))), the sums in two words; a + a^3 P(a^2) near zero.
Scalar inverse_hyperbolic_sine(Scalar x) {
  const Format format(x);
  const Scalar a = abs(x);
  const Scalar z = a * a;
  const Scalar p = polynomial_of(
      z, {-0.1666664332151413, 0.07498640567064285, -0.04438309744000435, 0.028162475675344467, -0.013226881623268127},
      {-0.1666666666666661, 0.07499999999984416, -0.04464285712783068, 0.03038194371635066, -0.022372138357120725,
       0.017352386937674796, -0.013960232084093653, 0.011512982915894107, -0.009534137089277687, 0.007465582889473116,
       -0.004747481905239353, 0.0017180599265234056});
  const Scalar near = mul_add(a * z, p, a);
  const Scalar huge = a > format.pick(0x1p+60, 0x1p+500);
  const Scalar bounded = select(huge, 1.0, a);
  const Scalar square = bounded * bounded;
  const DoubleWord argument = two_sum(bounded, square / (1.0 + sqrt(square + 1.0)));
  const DoubleWord sum = two_sum(argument.high, like(a, 1));
  const Scalar low = sum.low + argument.low;
  const Scalar far = natural_logarithm(select(huge, a, sum.high), select(huge, 0.0, low)) +
                     select(huge, 0x1.62e42fefa39efp-1, like(a, 0));
  const Scalar result = select(a < 0.5, near, select(a < infinity, far, a));
  return with_sign(result, sign_of(x));
}

// 2 asinh(sqrt((x - 1) / 2)) near one, log(x + sqrt(x^2 - 1)) elsewhere.
Scalar inverse_hyperbolic_cosine(Scalar x) {
  const Format format(x);
  const Scalar t = x - 1.0;
  const Scalar huge = x > format.pick(0x1p+60, 0x1p+500);
  const Scalar bounded = select(huge, 1.0, t);
  const Scalar root = sqrt(bounded * (bounded + 2.0));
  const DoubleWord sum = two_sum(select(huge, 1.0, x), root);
  const Scalar far = natural_logarithm(select(huge, x, sum.high), select(huge, 0.0, sum.low)) +
                     select(huge, 0x1.62e42fefa39efp-1, like(x, 0));
  const Scalar s = sqrt(0.5 * t);
  const Scalar z = 0.5 * t;
  const Scalar p = polynomial_of(
      z, {-0.1666664332151413, 0.07498640567064285, -0.04438309744000435, 0.028162475675344467, -0.013226881623268127},
      {-0.1666666666666661, 0.07499999999984416, -0.04464285712783068, 0.03038194371635066, -0.022372138357120725,
       0.017352386937674796, -0.013960232084093653, 0.011512982915894107, -0.009534137089277687, 0.007465582889473116,
       -0.004747481905239353, 0.0017180599265234056});
  const Scalar near = 2.0 * mul_add(s * z, p, s);
  const Scalar result = select(x < 1.5, near, select(x < infinity, far, x));
  return select(x < 1.0, not_a_number, result);
}

// x + x^3 P(x^2) near zero, log((1 + x) / (1 - x)) / 2 elsewhere.
Scalar inverse_hyperbolic_tangent(Scalar x) {
  const Scalar a = abs(x);
  const Scalar z = a * a;
  const Scalar p = polynomial_of(
      z,
      {0.33333301544189453, 0.2000245451927185, 0.14223749935626984, 0.11816693097352982, 0.05159307271242142,
       0.1763935685157776},
      {0.3333333333333399, 0.19999999999794496, 0.14285714308087652, 0.1111110988690019, 0.09090948509988732,
       0.07691494670398515, 0.06677942062381056, 0.057744348448529596, 0.059821064185682865, 0.014578268389646543,
       0.14489114470304176, -0.1528386124634224, 0.22473953614054312});
  const Scalar near = mul_add(a * z, p, a);
  const Scalar far = 0.5 * natural_logarithm((1.0 + a) / (1.0 - a), like(a, 0));
  const Scalar result = select(a < 0.5, near, select(a < 1.0, far, select(a == 1.0, infinity, like(a, not_a_number))));
  return with_sign(result, sign_of(x));
}

}  // namespace

Scalar natural_logarithm(Scalar x) {
  const Normalized normal = normalize(x);
  const Decomposition parts = decompose(normal.value);
  return with_limits(x, logarithm_of(parts.exponent + normal.exponent, parts.fraction));
}

Scalar natural_logarithm(Scalar high, Scalar low) {
  const Decomposition parts = decompose(high);
  return logarithm_of(parts.exponent, mul_add(low, parts.scale, parts.fraction));
}

// 1 + x is rounded; what is lost is added to the reduced fraction.
Scalar logarithm_of_one_plus(Scalar x) {
  const Scalar sum = 1.0 + x;
  const Scalar lost = select(x < 1.0, x - (sum - 1.0), 1.0 - (sum - x));
  const Scalar result = with_limits(sum, natural_logarithm(sum, lost));
  return select(x == 0.0, x, result);
}

Scalar excess_over_logarithm(Scalar u) {
  const Scalar near = select(abs(u) < 0.29, u, 0.0);
  const Scalar half_square = 0.5 * near * near;
  const Scalar small = half_square - tail_of_logarithm(near, half_square);
  return select(abs(u) < 0.29, small, u - logarithm_of_one_plus(u));
}

// With s = f / (2 + f): log(1 + f) = 2 s (1 + s^2 (1/3 + s^2 T(s^2))), the leading terms in double words.
DoubleWord logarithm_base_two(Scalar x, Scalar exponent) {
  const Decomposition parts = decompose(x);
  const Scalar f = parts.fraction;
  const Format format(x);
  const DoubleWord s = divide({f, like(f, 0)}, fast_two_sum(like(f, 2), f));
  const DoubleWord z = s * s;
  const Scalar t = polynomial_of(z.high, {0.40000152587890625, 0.2854708731174469, 0.23419760167598724},
                                 {0.4000000000000227, 0.28571428570091223, 0.22222222521480017, 0.18181784225505457,
                                  0.15386764084902552, 0.13256655468491324, 0.1319787860223546});
  const DoubleWord two_thirds = {like(f, format.pick(0x1.555556p-1, 0x1.5555555555555p-1)),
                                 like(f, format.pick(-0x1.555556p-26, 0x1.5555555555555p-55))};
  const DoubleWord inner = z * (two_thirds + DoubleWord{z.high * t, like(f, 0)});
  const DoubleWord natural = s * (DoubleWord{like(f, 2), like(f, 0)} + inner);
  const DoubleWord reciprocal = {like(f, format.pick(0x1.715476p+0, 0x1.71547652b82fep+0)),
                                 like(f, format.pick(0x1.4ae0cp-26, 0x1.777d0ffda0d24p-56))};
  return DoubleWord{parts.exponent + exponent, like(f, 0)} + natural * reciprocal;
}

std::vector<FunctionRow> logarithm_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "log", [](Scalar x) { return natural_logarithm(x); });
  add_float_rows(rows, "log2", binary_logarithm);
  add_float_rows(rows, "log1p", logarithm_of_one_plus);
  add_float_rows(rows, "asinh", inverse_hyperbolic_sine);
  add_float_rows(rows, "acosh", inverse_hyperbolic_cosine);
  add_float_rows(rows, "atanh", inverse_hyperbolic_tangent);
  return rows;
}

}  // namespace jaxc::compiler
