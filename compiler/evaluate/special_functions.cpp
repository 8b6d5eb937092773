// Special functions in extended precision.
#include "compiler/evaluate/special_functions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace jaxc::compiler::special {

namespace {

using Real = long double;

constexpr Real pi = std::numbers::pi_v<Real>;
constexpr Real epsilon = std::numeric_limits<Real>::epsilon();
constexpr Real nan = std::numeric_limits<Real>::quiet_NaN();
constexpr Real infinity = std::numeric_limits<Real>::infinity();
constexpr Real tiny = std::numeric_limits<Real>::min();
constexpr int most_terms = 100000;

// B_2, B_4, ...: Bernoulli's numbers.
constexpr Real bernoulli[] = {1.0L / 6,       -1.0L / 30,       1.0L / 42,       -1.0L / 30,
                              5.0L / 66,      -691.0L / 2730,   7.0L / 6,        -3617.0L / 510,
                              43867.0L / 798, -174611.0L / 330, 854513.0L / 138, -236364091.0L / 2730};

// x^a e^-x / Gamma(a + 1)
Real gamma_weight(Real a, Real x) {
  return std::exp(a * std::log(x) - x - std::lgamma(a + 1));
}

// P(a, x) = weight * sum of x^n / ((a + 1) ... (a + n)); good for x below a + 1.
Real lower_series(Real a, Real x) {
  Real term = 1;
  Real sum = 1;
  for (int n = 1; n < most_terms && term > sum * epsilon; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return gamma_weight(a, x) * sum;
}

// Lentz's evaluation of b0 + a1 / (b1 + a2 / (b2 + ...)).
template <typename Numerator, typename Denominator>
Real continued_fraction(Real first, Numerator numerator, Denominator denominator) {
  Real value = first == 0 ? tiny : first;
  Real c = value;
  Real d = 0;
  for (int i = 1; i < most_terms; ++i) {
    d = denominator(i) + numerator(i) * d;
    c = denominator(i) + numerator(i) / c;
    if (d == 0) d = tiny;
    if (c == 0) c = tiny;
    d = 1 / d;
    value *= c * d;
    if (std::fabs(c * d - 1) <= epsilon) break;
  }
  return value;
}

// Q(a, x) for x above a + 1 (Abramowitz and Stegun 6.5.31).
Real upper_fraction(Real a, Real x) {
  const Real fraction =
      continued_fraction(x + 1 - a, [&](int i) { return -i * (i - a); }, [&](int i) { return x + 2 * i + 1 - a; });
  return std::exp(a * std::log(x) - x - std::lgamma(a)) / fraction;
}

}  // namespace

Real digamma(Real x) {
  if (std::isnan(x) || x == -infinity) return nan;
  if (x == infinity) return x;
  if (x <= 0) {
    if (x == std::floor(x)) return nan;
    return digamma(1 - x) - pi / std::tan(pi * x);
  }
  Real shift = 0;
  for (; x < 16; x += 1) shift -= 1 / x;
  Real result = std::log(x) - 1 / (2 * x);
  Real power = 1;
  for (int k = 0; k < 12; ++k) {
    power /= x * x;
    result -= bernoulli[k] / (2 * (k + 1)) * power;
  }
  return result + shift;
}

// Euler and Maclaurin's formula after the first terms.
Real zeta(Real s, Real q) {
  if (s == 1) return infinity;
  if (std::isnan(s) || std::isnan(q) || std::isinf(s) || std::isinf(q)) return nan;
  if (q <= 0) {
    // A pole, of one sign where the power is even.
    if (q == std::floor(q)) return std::fmod(s, 2) == 0 ? infinity : nan;
    if (s != std::floor(s)) return nan;
  }
  if (s < 1 || q < -most_terms) return nan;
  Real sum = 0;
  for (; q < 16; q += 1) sum += std::pow(q, -s);
  const Real power = std::pow(q, -s);
  sum += power * q / (s - 1) + power / 2;
  Real factor = s * power / q;
  Real factorial = 2;
  for (int k = 0; k < 12; ++k) {
    sum += bernoulli[k] / factorial * factor;
    const Real j = 2 * k + 1;
    factor *= (s + j) * (s + j + 1) / (q * q);
    factorial *= (j + 2) * (j + 3);
  }
  return sum;
}

Real polygamma(Real n, Real x) {
  if (n == 0) return digamma(x);
  if (n < 0 || n != std::floor(n)) return nan;
  const Real sign = std::fmod(n, 2) == 1 ? 1 : -1;
  return sign * std::exp(std::lgamma(n + 1)) * zeta(n + 1, x);
}

namespace {

bool outside_domain(Real a, Real x) {
  return !(a >= 0) || !(x >= 0) || (a == 0 && x == 0) || (a == infinity && x == infinity);
}

}  // namespace

Real incomplete_gamma(Real a, Real x) {
  if (outside_domain(a, x)) return nan;
  if (x == infinity || a == 0) return 1;
  if (x == 0 || a == infinity) return 0;
  return x > 1 && x > a ? 1 - upper_fraction(a, x) : lower_series(a, x);
}

Real incomplete_gamma_complement(Real a, Real x) {
  if (outside_domain(a, x)) return nan;
  if (x == infinity || a == 0) return 0;
  if (x == 0 || a == infinity) return 1;
  return x > 1 && x > a ? upper_fraction(a, x) : 1 - lower_series(a, x);
}

namespace {

// The derivative by a of the series sum of x^(a+n) e^-x / Gamma(a + n + 1), term by term. For x far above a the terms
// cancel.
Real lower_series_derivative(Real a, Real x) {
  const Real logarithm = std::log(x);
  Real weight = gamma_weight(a, x);
  Real psi = digamma(a + 1);
  Real sum = 0;
  for (int n = 1; n < most_terms; ++n) {
    sum += weight * (logarithm - psi);
    if (n > x && weight <= std::fabs(sum) * epsilon) break;
    weight *= x / (a + n);
    psi += 1 / (a + n);
  }
  return sum;
}

// The derivative of 1 - P(a, x) by a over the density x^(a-1) e^-x / Gamma(a): with t = x + s, the integral over s > 0
// of e^-s (1 + s/x)^(a-1) (log x + log(1 + s/x) - digamma(a)), whose terms are positive for x above a. By the
// trapezoidal rule in u, where s = exp(u - exp(-u)) (Takahasi and Mori 1974).
Real upper_derivative(Real a, Real x) {
  constexpr Real step = 1.0L / 32;
  const Real offset = std::log(x) - digamma(a);
  Real sum = 0;
  for (int k = -5 * 32; k < 40 * 32; ++k) {
    const Real u = k * step;
    const Real inverse = std::exp(-u);
    const Real s = std::exp(u - inverse);
    const Real logarithm = std::log1p(s / x);
    const Real term = std::exp((a - 1) * logarithm - s) * (offset + logarithm) * s * (1 + inverse);
    sum += term;
    if (u > 0 && term <= sum * epsilon) break;
  }
  return sum * step;
}

Real gamma_density(Real a, Real x) {
  return std::exp((a - 1) * std::log(x) - x - std::lgamma(a));
}

bool above(Real a, Real x) {
  return x > 1 && x > a;
}

}  // namespace

Real incomplete_gamma_derivative(Real a, Real x) {
  if (std::isnan(a) || std::isnan(x) || x < 0 || a <= 0) return nan;
  if (x == 0 || x == infinity) return 0;
  return above(a, x) ? -gamma_density(a, x) * upper_derivative(a, x) : lower_series_derivative(a, x);
}

Real gamma_sample_derivative(Real a, Real x) {
  if (!(a > 0) || !(x >= 0) || x == infinity) return nan;
  if (x == 0) return 0;
  return above(a, x) ? upper_derivative(a, x) : -lower_series_derivative(a, x) / gamma_density(a, x);
}

Real incomplete_beta(Real a, Real b, Real x) {
  if (!(a >= 0) || !(b >= 0) || !(x >= 0) || x > 1 || (a == 0 && b == 0)) return nan;
  if (x == 0 || x == 1) return x;
  if (a == 0 || b == 0) return a == 0 ? 1 : 0;  // all weight at one end
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const Real front =
      std::exp(a * std::log(x) + b * std::log1p(-x) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b)) / a;
  const auto numerator = [&](int i) -> Real {
    const Real m = (i - 1) / 2;  // NOLINT: whole pairs
    if (i == 1) return 1;
    if (i % 2 == 1) return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
  };
  return front * continued_fraction(0, numerator, [](int) -> Real { return 1; });
}

Real scaled_bessel_i(int order, Real x) {
  const Real magnitude = std::fabs(x);
  const Real sign = order == 1 && std::signbit(x) ? -1 : 1;
  if (std::isnan(x)) return x;
  if (magnitude < 30) {
    // The sum of (x/2)^(2k + order) / (k! (k + order)!).
    const Real square = magnitude * magnitude / 4;
    Real term = order == 0 ? 1 : magnitude / 2;
    Real sum = term;
    for (int k = 1; k < most_terms && term > sum * epsilon; ++k) {
      term *= square / (Real(k) * (k + order));
      sum += term;
    }
    return sign * std::exp(-magnitude) * sum;
  }
  // Hankel's expansion (Abramowitz and Stegun 9.7.1).
  Real term = 1;
  Real sum = 1;
  for (int k = 1; k < 60; ++k) {
    const Real odd = 2 * k - 1;
    const Real next = term * (odd * odd - 4 * order * order) / (8 * k * magnitude);
    if (std::fabs(next) >= std::fabs(term)) break;
    term = next;
    sum += term;
  }
  return sign * sum / std::sqrt(2 * pi * magnitude);
}

// Newton's iteration on erfc(y) = 1 - |x|, in its logarithm where the tail is thin.
Real inverse_error_function(Real x) {
  if (std::isnan(x) || std::fabs(x) > 1) return nan;
  if (std::fabs(x) == 1) return std::copysign(infinity, x);
  const Real magnitude = std::fabs(x);
  const Real tail = 1 - magnitude;
  // Winitzki's approximation as the start.
  const Real logarithm = std::log1p(-magnitude * magnitude);
  const Real half = 2 / (pi * 0.147L) + logarithm / 2;
  Real y = std::sqrt(std::max<Real>(std::sqrt(half * half - logarithm / 0.147L) - half, 0));
  for (int i = 0; i < 20; ++i) {
    const Real slope = 2 / std::sqrt(pi) * std::exp(-y * y);
    const Real error = magnitude < 0.5L ? std::erf(y) - magnitude : tail - std::erfc(y);
    const Real step = error / slope;
    const Real corrected = step / (1 + y * step);
    y -= corrected;
    if (std::fabs(corrected) <= y * epsilon) break;
  }
  return std::copysign(y, x);
}

}  // namespace jaxc::compiler::special
