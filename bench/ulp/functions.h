// The functions that are measured, each with a reference in a wider type and the arguments it is measured on.
#pragma once

#include <string>
#include <vector>

#include "reference.h"

namespace jaxc::ulp {

/// A function of one argument. `label` says which part of a function a row is about.
template <typename Wide>
struct Unary {
  std::string label;
  std::string primitive;
  Wide (*reference)(Wide);
  bool (*within)(Wide) = [](Wide) { return true; };
  Wide floor = 0;  ///< errors are in ULP of at least this
};

template <typename Wide>
struct Binary {
  std::string primitive;
  Wide (*reference)(Wide, Wide);
};

template <typename Wide>
std::vector<Unary<Wide>> unary_functions() {
  const auto positive = [](Wide x) { return x > 0; };
  const auto negative = [](Wide x) { return x > -30 && x < 0; };
  const auto open_interval = [](Wide x) { return std::fabs(x) < 1; };
  return {
      {"exp", "exp", [](Wide x) { return std::exp(x); }},
      {"exp2", "exp2", [](Wide x) { return std::exp2(x); }},
      {"expm1", "expm1", [](Wide x) { return std::expm1(x); }},
      {"log", "log", [](Wide x) { return std::log(x); }},
      {"log2", "log2", [](Wide x) { return std::log2(x); }},
      {"log1p", "log1p", [](Wide x) { return std::log1p(x); }},
      {"tanh", "tanh", [](Wide x) { return std::tanh(x); }},
      {"logistic", "logistic", [](Wide x) { return 1 / (1 + std::exp(-x)); }},
      {"sin", "sin", [](Wide x) { return std::sin(x); }},
      {"cos", "cos", [](Wide x) { return std::cos(x); }},
      {"tan", "tan", [](Wide x) { return std::tan(x); }},
      {"asin", "asin", [](Wide x) { return std::asin(x); }},
      {"acos", "acos", [](Wide x) { return std::acos(x); }},
      {"atan", "atan", [](Wide x) { return std::atan(x); }},
      {"sinh", "sinh", [](Wide x) { return std::sinh(x); }},
      {"cosh", "cosh", [](Wide x) { return std::cosh(x); }},
      {"asinh", "asinh", [](Wide x) { return std::asinh(x); }},
      {"acosh", "acosh", [](Wide x) { return std::acosh(x); }},
      {"atanh", "atanh", [](Wide x) { return std::atanh(x); }},
      {"cbrt", "cbrt", [](Wide x) { return std::cbrt(x); }},
      {"sqrt", "sqrt", [](Wide x) { return std::sqrt(x); }},
      {"rsqrt", "rsqrt", [](Wide x) { return 1 / std::sqrt(x); }},
      {"erf", "erf", [](Wide x) { return std::erf(x); }},
      {"erfc", "erfc", [](Wide x) { return std::erfc(x); }},
      {"erf_inv, |x| < 1", "erf_inv", inverse_error_function<Wide>, open_interval},
      {"lgamma, x > 0", "lgamma", [](Wide x) { return std::lgamma(x); }, positive},
      {"lgamma, -30 < x < 0, floor 1", "lgamma", [](Wide x) { return std::lgamma(x); }, negative, 1},
      {"digamma, x > 0", "digamma", digamma<Wide>, positive},
      {"digamma, -30 < x < 0, floor 1", "digamma", digamma<Wide>, negative, 1},
      {"bessel_i0e", "bessel_i0e", [](Wide x) { return scaled_bessel_i(0, x); }},
      {"bessel_i1e", "bessel_i1e", [](Wide x) { return scaled_bessel_i(1, x); }},
  };
}

template <typename Wide>
std::vector<Binary<Wide>> binary_functions() {
  return {
      {"pow", [](Wide x, Wide y) { return std::pow(x, y); }},
      {"atan2", [](Wide y, Wide x) { return std::atan2(y, x); }},
  };
}

}  // namespace jaxc::ulp
