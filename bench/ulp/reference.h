// Special functions in a wider type than the one that is measured, where the C library has none.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>

namespace jaxc::ulp {

/// The inverse error function: Halley's iteration on erf, or on erfc where that is smaller.
template <typename Wide>
Wide inverse_error_function(Wide x) {
  const Wide a = std::fabs(x);
  if (!(a <= 1)) return std::numeric_limits<Wide>::quiet_NaN();
  if (a == 1) return std::copysign(std::numeric_limits<Wide>::infinity(), x);
  if (a == 0) return x;
  // Winitzki's approximation is good to two digits; each step triples them.
  const Wide logarithm = std::log1p(-a * a);
  const Wide middle = 2 / (std::numbers::pi_v<Wide> * Wide(0.147)) + logarithm / 2;
  Wide y = std::sqrt(std::sqrt(middle * middle - logarithm / Wide(0.147)) - middle);
  if (a < Wide(1e-4)) y = a * std::sqrt(std::numbers::pi_v<Wide>) / 2;
  for (int step = 0; step < 4; ++step) {
    const Wide difference = a < Wide(0.5) ? std::erf(y) - a : (1 - a) - std::erfc(y);
    const Wide newton = difference / (2 * std::numbers::inv_sqrtpi_v<Wide> * std::exp(-y * y));
    y -= newton / (1 + y * newton);
  }
  return std::copysign(y, x);
}

/// The derivative of log gamma for x > 0: recurrence up to 20, then Bernoulli's series (DLMF 5.11.2).
template <typename Wide>
Wide positive_digamma(Wide x) {
  if (x == std::numeric_limits<Wide>::infinity()) return x;
  Wide sum = 0;
  for (; x < 20; x += 1) sum -= 1 / x;
  const Wide inverse = 1 / (x * x);
  constexpr Wide bernoulli[] = {Wide(1) / 12,  Wide(-1) / 120,     Wide(1) / 252, Wide(-1) / 240,
                                Wide(1) / 132, Wide(-691) / 32760, Wide(1) / 12,  Wide(-3617) / 8160};
  Wide series = 0;
  for (int k = 7; k >= 0; --k) series = (series + bernoulli[k]) * inverse;
  return sum + (std::log(x) - 1 / (2 * x) - series);
}

/// Elsewhere by reflection; NaN at the poles, the integers below zero.
template <typename Wide>
Wide digamma(Wide x) {
  if (x > 0 || std::isnan(x)) return positive_digamma(x);
  if (x == std::floor(x)) return std::numeric_limits<Wide>::quiet_NaN();
  const Wide fraction = x - std::round(x);
  return positive_digamma(1 - x) - std::numbers::pi_v<Wide> / std::tan(std::numbers::pi_v<Wide> * fraction);
}

/// exp(-|x|) I_order(x): the power series (DLMF 10.25.2), all of one sign, or Hankel's expansion (DLMF 10.40.1).
template <typename Wide>
Wide scaled_bessel_i(int order, Wide x) {
  const Wide a = std::fabs(x);
  if (std::isnan(a)) return a;
  Wide result = 0;
  if (a < 40) {
    const Wide quarter = a * a / 4;
    Wide term = order == 0 ? Wide(1) : a / 2;
    for (int k = 1; term > result * std::numeric_limits<Wide>::epsilon() / 8; ++k) {
      result += term;
      term *= quarter / (Wide(k) * Wide(k + order));
    }
    result *= std::exp(-a);
  } else {
    Wide term = 1;
    for (int k = 1; std::fabs(term) > std::numeric_limits<Wide>::epsilon() / 8; ++k) {
      result += term;
      const Wide odd = 2 * k - 1;
      term *= (odd * odd - 4 * order * order) / (8 * a * k);
    }
    result /= std::sqrt(2 * std::numbers::pi_v<Wide> * a);
  }
  return order == 1 ? std::copysign(result, x) : result;
}

}  // namespace jaxc::ulp
