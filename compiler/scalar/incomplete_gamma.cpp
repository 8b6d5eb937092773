// igamma, igammac, their derivatives by the first argument, and regularized_incomplete_beta.
#include "compiler/scalar/exponential.h"
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"
#include "compiler/scalar/gamma.h"
#include "compiler/scalar/logarithm.h"

namespace jaxc::compiler {

namespace {

using Values = ScalarCode::Values;

constexpr std::uint64_t most_terms = 2000;

double precision(const Format& format) {
  return format.pick(0x1p-24, 0x1p-53);
}

/// x^a exp(-x) / gamma(a + 1), which both expansions have as a factor. For large a by Stirling's series, as
/// exp(-a (u - log(1 + u))) / sqrt(2 pi a) with u = (x - a) / a, so that nothing large cancels.
Scalar gamma_factor(Scalar a, Scalar x) {
  const Format format(a);
  const Scalar small = a < 10.0;
  const Scalar direct = mul_add(a, natural_logarithm(x), -x) - log_gamma(a + 1.0);
  const Scalar inverse = 1.0 / a;
  const Scalar z = inverse * inverse;
  const Scalar series =
      polynomial_of(z, {0.08333333326535526, -0.0027776989133593524, 0.0007800582989866802},
                    {0.08333333333333333, -0.0027777777777740994, 0.0007936507898351442, -0.0005952366070514595,
                     0.0008414728634132688, -0.0018905408293233665, 0.005069268831451533});
  const Scalar u = (x - a) * inverse;
  const Scalar exponent = -mul_add(a, excess_over_logarithm(u), series * inverse);
  const Scalar stirling = exponential(exponent) / sqrt(2 * pi * a);
  return select(small, exponential(direct), stirling);
}

/// A value and its derivative by a.
struct Dual {
  Scalar value;
  Scalar derivative;
};

/// sum of x^n / ((a + 1) ... (a + n)); lanes where `active` is false stop at once.
Dual lower_series(Scalar a, Scalar x, Scalar active, bool derive) {
  const double tolerance = precision(Format(a));
  ScalarCode& code = *a.code;
  const Scalar zero = like(a, 0);
  const Scalar one = like(a, 1);
  Values initial = {a, select(active, one, zero), one};     // divisor, term, sum
  if (derive) initial.insert(initial.end(), {zero, zero});  // their derivatives
  const Values result = code.repeat(
      most_terms, initial,
      [&](const Values& s) {
        const Scalar going = s[1] > s[2] * tolerance;
        return derive ? going | (abs(s[3]) > abs(s[4]) * tolerance) : going;
      },
      [&](const Values& s) {
        const Scalar divisor = s[0] + 1.0;
        const Scalar ratio = x / divisor;
        const Scalar term = s[1] * ratio;
        Values next = {divisor, term, s[2] + term};
        if (derive) {
          const Scalar slope = (s[3] - s[1] / divisor) * ratio;
          next.insert(next.end(), {slope, s[4] + slope});
        }
        return next;
      });
  return {result[2], derive ? result[4] : zero};
}

/// The continued fraction 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / ...)) (DLMF 8.9.2) by its
/// numerators and denominators, scaled down when they grow.
Dual upper_fraction(Scalar a, Scalar x, Scalar active, bool derive) {
  const double tolerance = precision(Format(a));
  const double limit = Format(a).pick(0x1p40, 0x1p200);
  ScalarCode& code = *a.code;
  const Scalar zero = like(a, 0);
  const Scalar one = like(a, 1);
  const Scalar first = x + 1.0 - a;
  // step, p (before, now), q (before, now), value, change; then the derivatives of p, q and the value.
  Values initial = {zero, zero, one, one, first, one / first, select(active, one, zero)};
  if (derive) initial.insert(initial.end(), {zero, zero, zero, -one, one / (first * first), select(active, one, zero)});
  const Values result = code.repeat(
      most_terms, initial,
      [&](const Values& s) {
        const Scalar going = s[6] > abs(s[5]) * tolerance;
        return derive ? going | (s[12] > abs(s[11]) * tolerance) : going;
      },
      [&](const Values& s) {
        const Scalar n = s[0] + 1.0;
        const Scalar b = mul_add(n, 2.0, first);
        const Scalar c = n * (a - n);
        const Scalar p = mul_add(b, s[2], c * s[1]);
        const Scalar q = mul_add(b, s[4], c * s[3]);
        const Scalar value = p / q;
        const Scalar scale = select(abs(q) > limit, 1.0 / limit, one);
        Values next = {n, s[2] * scale, p * scale, s[4] * scale, q * scale, value, abs(value - s[5])};
        if (derive) {
          // b has derivative -1, c has n.
          const Scalar dp = mul_add(b, s[8], c * s[7]) + mul_add(n, s[1], -s[2]);
          const Scalar dq = mul_add(b, s[10], c * s[9]) + mul_add(n, s[3], -s[4]);
          const Scalar slope = (dp - value * dq) / q;
          next.insert(next.end(), {s[8] * scale, dp * scale, s[10] * scale, dq * scale, slope, abs(slope - s[11])});
        }
        return next;
      });
  return {result[5], derive ? result[11] : zero};
}

/// Where which expansion holds, with arguments that are safe everywhere.
struct Regions {
  Scalar valid;  ///< 0 < a, 0 < x, both finite
  Scalar by_series;
  Scalar a;
  Scalar x;
};

/// The series serves up to x = a, for derivatives up to one standard deviation above.
Regions regions(Scalar a, Scalar x, bool derive) {
  const Scalar valid = (a > 0.0) & (a < infinity) & (x > 0.0) & (x < infinity);
  const Scalar safe_a = select(valid, a, 1.0);
  const Scalar safe_x = select(valid, x, 1.0);
  const Scalar limit = derive ? safe_a + sqrt(safe_a) + 0.5 : safe_a;
  return {valid, (safe_x <= 1.0) | (safe_x <= limit), safe_a, safe_x};
}

/// The regularized function, lower or upper.
Scalar incomplete_gamma(Scalar a, Scalar x, bool upper) {
  const Regions r = regions(a, x, false);
  const Scalar factor = gamma_factor(r.a, r.x);
  const Scalar value = branch(
      r.by_series,
      [&] {
        const Scalar lower = factor * lower_series(r.a, r.x, r.by_series, false).value;
        return upper ? 1.0 - lower : lower;
      },
      [&] {
        const Scalar complement = r.a * factor * upper_fraction(r.a, r.x, !r.by_series, false).value;
        return upper ? complement : 1.0 - complement;
      });
  const double at_zero = upper ? 1 : 0;
  Scalar outside = like(a, not_a_number);
  outside = select(((x == 0.0) & (a > 0.0)) | ((a == infinity) & (x >= 0.0)), at_zero, outside);
  outside = select((x == infinity) & (a >= 0.0), 1 - at_zero, outside);
  outside = select((a == 0.0) & (x > 0.0), 1 - at_zero, outside);
  return select(r.valid, value, outside);
}

/// The derivative of P(a, x) by a, or, for samples, -dP/da / dP/dx.
Scalar gamma_derivative(Scalar a, Scalar x, bool of_sample) {
  const Regions r = regions(a, x, true);
  const Scalar logarithm = natural_logarithm(r.x);
  const Scalar factor = of_sample ? like(a, 1) : gamma_factor(r.a, r.x);
  // P = factor S(a), dlog(factor)/da = log x - digamma(a + 1); 1 - P = a factor F(a), for a factor digamma(a).
  // dP/dx = a factor / x.
  const Scalar value = branch(
      r.by_series,
      [&] {
        const Dual series = lower_series(r.a, r.x, r.by_series, true);
        const Scalar slope = mul_add(series.value, logarithm - digamma(r.a + 1.0), series.derivative);
        return of_sample ? -slope * r.x / r.a : slope * factor;
      },
      [&] {
        const Dual fraction = upper_fraction(r.a, r.x, !r.by_series, true);
        const Scalar slope = mul_add(fraction.value, logarithm - digamma(r.a), fraction.derivative);
        return of_sample ? slope * r.x : -slope * r.a * factor;
      });
  const Scalar at_zero = (x == 0.0) & (a > 0.0) & (a < infinity);
  return select(r.valid, value, select(at_zero, 0.0, like(a, not_a_number)));
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method as Thompson and
/// Barnett modify it.
Scalar beta_fraction(Scalar a, Scalar b, Scalar x, Scalar active) {
  const Format format(a);
  const double tolerance = precision(format);
  const double tiny = format.pick(0x1p-100, 0x1p-900);
  ScalarCode& code = *a.code;
  auto nonzero = [&](Scalar v) { return select(abs(v) < tiny, tiny, v); };
  const Scalar one = like(a, 1);
  const Scalar start = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
  const Values result = code.repeat(
      most_terms, {like(a, 0), one, start, start, select(active, one, like(a, 0))},
      [&](const Values& s) { return s[4] > tolerance; },
      [&](const Values& s) {
        const Scalar m = s[0] + 1.0;
        const Scalar twice = m + m;
        const Scalar even = m * (b - m) * x / ((a + (twice - 1.0)) * (a + twice));
        Scalar d = 1.0 / nonzero(mul_add(even, s[2], one));
        Scalar c = nonzero(1.0 + even / s[1]);
        const Scalar h = s[3] * (d * c);
        const Scalar odd = -(a + m) * (a + b + m) * x / ((a + twice) * (a + (twice + 1.0)));
        d = 1.0 / nonzero(mul_add(odd, d, one));
        c = nonzero(1.0 + odd / c);
        const Scalar change = d * c;
        return Values{m, c, d, h * change, abs(change - 1.0)};
      });
  return result[3];
}

// I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) times the fraction, or by I_x(a, b) = 1 - I_(1-x)(b, a) where that converges
// faster.
Scalar incomplete_beta(Scalar a, Scalar b, Scalar x) {
  const Scalar valid = (a > 0.0) & (a < infinity) & (b > 0.0) & (b < infinity) & (x > 0.0) & (x < 1.0);
  const Scalar safe_a = select(valid, a, 1.0);
  const Scalar safe_b = select(valid, b, 1.0);
  const Scalar safe_x = select(valid, x, 0.5);
  const Scalar exchanged = safe_x * (safe_a + safe_b + 2.0) > safe_a + 1.0;
  const Scalar p = select(exchanged, safe_b, safe_a);
  const Scalar q = select(exchanged, safe_a, safe_b);
  const Scalar rest = 1.0 - safe_x;
  const Scalar y = select(exchanged, rest, safe_x);
  const Scalar log_x = natural_logarithm(safe_x);
  const Scalar log_rest = logarithm_of_one_plus(-safe_x);
  const Scalar beta = log_gamma(safe_a) + log_gamma(safe_b) - log_gamma(safe_a + safe_b);
  const Scalar factor = exponential(mul_add(safe_a, log_x, mul_add(safe_b, log_rest, -beta))) / p;
  const Scalar part = factor * beta_fraction(p, q, y, valid);
  const Scalar value = select(exchanged, 1.0 - part, part);
  const Scalar inside = (x >= 0.0) & (x <= 1.0) & (a >= 0.0) & (b >= 0.0);
  // Mass at 0 for a = 0 or b infinite, at 1 for b = 0 or a infinite.
  const Scalar at_zero = (a == 0.0) | (b == infinity);
  const Scalar at_one = (b == 0.0) | (a == infinity);
  Scalar outside = select((x == 0.0) | (x == 1.0), x, select(at_zero, 1.0, select(at_one, 0.0, like(x, 1))));
  outside = select(inside & !(at_zero & at_one), outside, not_a_number);
  return select(valid, value, outside);
}

}  // namespace

std::vector<FunctionRow> incomplete_gamma_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "igamma", [](Scalar a, Scalar x) { return incomplete_gamma(a, x, false); });
  add_float_rows(rows, "igammac", [](Scalar a, Scalar x) { return incomplete_gamma(a, x, true); });
  add_float_rows(rows, "igamma_grad_a", [](Scalar a, Scalar x) { return gamma_derivative(a, x, false); });
  add_float_rows(rows, "random_gamma_grad", [](Scalar a, Scalar x) { return gamma_derivative(a, x, true); });
  add_float_rows(rows, "regularized_incomplete_beta", incomplete_beta);
  return rows;
}

}  // namespace jaxc::compiler
