// Evaluation of elementary functions, by the host's libm in a wider type.
#include <cmath>
#include <complex>
#include <numbers>

#include "compiler/evaluate/elementwise.h"
#include "compiler/evaluate/scalar_math.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;

template <typename T>
T exponential_minus_one(T x) {
  if constexpr (is_complex_value<T>) {
    using Real = typename T::value_type;
    // exp(a + bi) - 1 = expm1(a) cos b - 2 sin(b/2)^2 + i exp(a) sin b
    const Real half = std::sin(x.imag() / 2);
    const Real imaginary = x.imag() == 0 ? x.imag() : std::exp(x.real()) * std::sin(x.imag());
    return {std::expm1(x.real()) * std::cos(x.imag()) - 2 * half * half, imaginary};
  } else {
    return std::expm1(x);
  }
}

template <typename T>
T log_one_plus(T x) {
  if constexpr (is_complex_value<T>) {
    using Real = typename T::value_type;
    // log|1 + x| = log1p(a (2 + a) + b^2) / 2
    const Real a = x.real();
    const Real b = x.imag();
    if (std::abs(x) < Real(0.5)) return {std::log1p(a * (2 + a) + b * b) / 2, std::atan2(b, 1 + a)};
    return std::log(T(1 + a, b));
  } else {
    return std::log1p(x);
  }
}

template <typename T>
T power_of_two(T x) {
  if constexpr (is_complex_value<T>) {
    return std::exp2(x.real()) * std::exp(T(0, x.imag() * std::numbers::ln2_v<typename T::value_type>));
  } else {
    return std::exp2(x);
  }
}

template <typename T>
T binary_logarithm(T x) {
  if constexpr (is_complex_value<T>) {
    return std::log(x) / std::numbers::ln2_v<typename T::value_type>;
  } else {
    return std::log2(x);
  }
}

// Complex: -i log((x + i y) / sqrt(x^2 + y^2)).
template <typename T>
T arc_tangent(T y, T x) {
  if constexpr (is_complex_value<T>) {
    const T i(0, 1);
    return -i * std::log((x + i * y) / std::sqrt(x * x + y * y));
  } else {
    return std::atan2(y, x);
  }
}

template <typename T>
T power(T x, T y) {
  if constexpr (is_complex_value<T>) {
    if (y == T(0) || x == T(1)) return T(1);
    using Real = typename T::value_type;
    constexpr Real nan = std::numeric_limits<Real>::quiet_NaN();
    if (x == T(0)) return y.real() > 0 ? T(0) : T(nan, nan);
  }
  return std::pow(x, y);
}

template <typename T>
T logistic_function(T x) {
  if constexpr (is_complex_value<T>) {
    if (x.real() < 0) return std::exp(x) / (T(1) + std::exp(x));
  }
  return T(1) / (T(1) + std::exp(-x));
}

// On their branch cuts sqrt, asin, acos and acosh (asinh: its real part) take a zero of either sign for the positive
// one, as XLA does; rsqrt, log, atan and atanh obey the sign.
template <typename Function>
Results map_unsigned_cut(const Application& application, Function function) {
  return map_inexact(application, [&](auto x) {
    if constexpr (is_complex_value<decltype(x)>) {
      if (x.imag() == 0) x.imag(0);
    }
    return function(x);
  });
}

}  // namespace

namespace evaluators {

Results exp(const Application& a) {
  return map_inexact(a, [](auto x) { return std::exp(x); });
}
Results exp2(const Application& a) {
  return map_inexact(a, [](auto x) { return power_of_two(x); });
}
Results log(const Application& a) {
  return map_inexact(a, [](auto x) { return std::log(x); });
}
Results log2(const Application& a) {
  return map_inexact(a, [](auto x) { return binary_logarithm(x); });
}
Results expm1(const Application& a) {
  return map_inexact(a, [](auto x) { return exponential_minus_one(x); });
}
Results log1p(const Application& a) {
  return map_inexact(a, [](auto x) { return log_one_plus(x); });
}
Results tanh(const Application& a) {
  return map_inexact(a, [](auto x) { return std::tanh(x); });
}
Results logistic(const Application& a) {
  return map_inexact(a, [](auto x) { return logistic_function(x); });
}
Results sin(const Application& a) {
  return map_inexact(a, [](auto x) { return std::sin(x); });
}
Results cos(const Application& a) {
  return map_inexact(a, [](auto x) { return std::cos(x); });
}
Results tan(const Application& a) {
  return map_inexact(a, [](auto x) { return std::tan(x); });
}
Results asin(const Application& a) {
  return map_unsigned_cut(a, [](auto x) { return std::asin(x); });
}
Results acos(const Application& a) {
  return map_unsigned_cut(a, [](auto x) { return std::acos(x); });
}
Results atan(const Application& a) {
  return map_inexact(a, [](auto x) { return std::atan(x); });
}
Results atan2(const Application& a) {
  return map_inexact(a, [](auto y, decltype(y) x) { return arc_tangent(y, x); });
}
Results sinh(const Application& a) {
  return map_inexact(a, [](auto x) { return std::sinh(x); });
}
Results cosh(const Application& a) {
  return map_inexact(a, [](auto x) { return std::cosh(x); });
}
Results asinh(const Application& a) {
  return map_inexact(a, [](auto x) {
    if constexpr (is_complex_value<decltype(x)>) {
      if (x.real() == 0) x.real(0);
    }
    return std::asinh(x);
  });
}
Results acosh(const Application& a) {
  return map_unsigned_cut(a, [](auto x) { return std::acosh(x); });
}
Results atanh(const Application& a) {
  return map_inexact(a, [](auto x) { return std::atanh(x); });
}
Results sqrt(const Application& a) {
  return map_unsigned_cut(a, [](auto x) -> decltype(x) {
    if constexpr (is_complex_value<decltype(x)>) {
      return std::sqrt(x);
    } else {
      return std::sqrt(static_cast<double>(x));  // rounded once: operands are doubles
    }
  });
}
Results rsqrt(const Application& a) {
  return map_inexact(a, [](auto x) { return decltype(x)(1) / std::sqrt(x); });
}
Results cbrt(const Application& a) {
  return map_floating(a, [](auto x) { return std::cbrt(x); });
}
Results pow(const Application& application) {
  Application a = application;  // whose exponent, an integer, becomes a number of the base's type
  if (const Type& exponent = a.operands[1].type(); is_integer(exponent.dtype) && is_floating(a.types[0].dtype))
    a.operands[1] = store({a.types[0].dtype, exponent.shape}, load<double>(a.operands[1]));
  return map_inexact(a, [](auto x, decltype(x) y) { return power(x, y); });
}

}  // namespace evaluators

}  // namespace jaxc::compiler
