// The rule by which results agree with JAX's.
#include "agreement.h"

#include <cmath>
#include <complex>

#include "compiler/evaluate/values.h"

namespace jaxc::testing {

namespace {

using Complex = std::complex<double>;

bool same(double x, double y) {
  return x == y || (std::isnan(x) && std::isnan(y));
}

}  // namespace

std::string disagreement(const Array& got, const Array& want, double rtol) {
  if (got.type() != want.type()) {
    return fmt::format("type {} instead of {}", to_string(got.type()), to_string(want.type()));
  }
  if (!is_floating(want.type().dtype) && !is_complex(want.type().dtype)) {
    const auto left = compiler::load<std::int64_t>(got);
    const auto right = compiler::load<std::int64_t>(want);
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i] != right[i]) return fmt::format("element {}: {} instead of {}", i, left[i], right[i]);
    }
    return "";
  }
  const auto left = compiler::load<Complex>(got);
  const auto right = compiler::load<Complex>(want);
  double scale = 0;
  for (const Complex& value : right) {
    if (std::isfinite(std::abs(value))) scale = std::max(scale, std::abs(value));
  }
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (same(left[i].real(), right[i].real()) && same(left[i].imag(), right[i].imag())) continue;
    if (std::abs(left[i] - right[i]) <= rtol * (std::abs(right[i]) + scale)) continue;
    return fmt::format("element {}: {:.9g}{:+.9g}i instead of {:.9g}{:+.9g}i", i, left[i].real(), left[i].imag(),
                       right[i].real(), right[i].imag());
  }
  return "";
}

}  // namespace jaxc::testing
