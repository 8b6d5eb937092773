// Evaluation of special functions.
#include "compiler/evaluate/special_functions.h"

#include <cmath>

#include "compiler/evaluate/elementwise.h"

namespace jaxc::compiler::evaluators {

using Results = std::vector<Array>;
using Real = long double;

Results lgamma(const Application& a) {
  return map_floating(a, [](auto x) { return std::lgamma(x); });
}
Results erf(const Application& a) {
  return map_floating(a, [](auto x) { return std::erf(x); });
}
Results erfc(const Application& a) {
  return map_floating(a, [](auto x) { return std::erfc(x); });
}
Results erf_inv(const Application& a) {
  return map_elements<Real>(a, special::inverse_error_function);
}
Results digamma(const Application& a) {
  return map_elements<Real>(a, special::digamma);
}
Results polygamma(const Application& a) {
  return map_elements<Real>(a, special::polygamma);
}
Results zeta(const Application& a) {
  return map_elements<Real>(a, special::zeta);
}
Results igamma(const Application& a) {
  return map_elements<Real>(a, special::incomplete_gamma);
}
Results igammac(const Application& a) {
  return map_elements<Real>(a, special::incomplete_gamma_complement);
}
Results igamma_grad_a(const Application& a) {
  return map_elements<Real>(a, special::incomplete_gamma_derivative);
}
Results random_gamma_grad(const Application& a) {
  return map_elements<Real>(a, special::gamma_sample_derivative);
}
Results regularized_incomplete_beta(const Application& a) {
  return map_elements<Real>(a, special::incomplete_beta);
}
Results bessel_i0e(const Application& a) {
  return map_elements<Real>(a, [](Real x) { return special::scaled_bessel_i(0, x); });
}
Results bessel_i1e(const Application& a) {
  return map_elements<Real>(a, [](Real x) { return special::scaled_bessel_i(1, x); });
}

}  // namespace jaxc::compiler::evaluators
