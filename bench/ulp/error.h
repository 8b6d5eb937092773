// The error of a float in units of the last place, against a result in a wider type.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace jaxc::ulp {

/// |got - want| in units of the last place that a T near `want`, or near `floor` where |want| is less, has.
/// Infinite for a wrong NaN, infinity or sign of zero. The first power of two beyond T stands for infinity, so
/// that a result that rounds up to it is in error by what rounding costs.
template <typename T, typename Wide>
double error_in_ulp(T got, Wide want, Wide floor) {
  using Limits = std::numeric_limits<T>;
  constexpr double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : wrong;
  if (want == 0 && floor == 0) return got == 0 && std::signbit(got) == std::signbit(want) ? 0 : wrong;
  if (std::isinf(want)) return Wide(got) == want ? 0 : wrong;
  const Wide beyond = std::ldexp(Wide(1), Limits::max_exponent);
  const Wide bounded = std::clamp(want, -beyond, beyond);
  const Wide value = std::isinf(got) ? std::copysign(beyond, Wide(got)) : Wide(got);
  int exponent = 0;
  std::frexp(std::max(std::fabs(bounded), floor), &exponent);
  exponent = std::clamp(exponent, Limits::min_exponent, Limits::max_exponent);
  return static_cast<double>(std::fabs(std::ldexp(value - bounded, Limits::digits - exponent)));
}

}  // namespace jaxc::ulp
