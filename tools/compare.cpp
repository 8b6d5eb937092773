// Compares arrays element by element under the tolerance of the conformance data.
#include "compare.h"

#include <fmt/format.h>

#include <cmath>

#include "format.h"
#include "numbers.h"

namespace jaxc::tools {

namespace {

// Differences of as many tolerances may be rounding's, and not a wrong result.
constexpr double near_enough = 1000;

bool same_special(double got, double want) {
  return (std::isnan(got) && std::isnan(want)) || got == want;
}

// The part of one pair's difference above what is allowed to be equal; infinite where NaN or infinity disagree.
double error_of(std::complex<double> got, std::complex<double> want) {
  if (same_special(got.real(), want.real()) && same_special(got.imag(), want.imag())) return 0;
  const double error = std::abs(got - want);
  return std::isfinite(error) ? error : INFINITY;
}

}  // namespace

std::optional<std::string> disagreement(const Array& got, const Array& want, double tolerance) {
  if (got.type() != want.type())
    return fmt::format("type {}, expected {}", to_string(got.type()), to_string(want.type()));
  const DType dtype = want.type().dtype;
  const bool exact = is_integer(dtype) || dtype == DType::boolean || dtype == DType::key;
  const std::size_t count = element_count_of(want);
  double largest = 0;
  for (std::size_t k = 0; k < count && !exact; ++k) {
    const double size = std::abs(number_at(want, k));
    if (std::isfinite(size)) largest = std::max(largest, size);
  }
  double worst = 0;
  std::optional<std::size_t> where;
  for (std::size_t k = 0; k < count; ++k) {
    double ratio = 0;
    if (exact) {
      ratio = integer_at(got, k) == integer_at(want, k) ? 0 : INFINITY;
    } else {
      const std::complex<double> expected = number_at(want, k);
      const double error = error_of(number_at(got, k), expected);
      const double size = std::isfinite(std::abs(expected)) ? std::abs(expected) : 0;
      const double allowed = tolerance * (size + largest);
      if (error > allowed) ratio = allowed > 0 ? error / allowed : INFINITY;
    }
    if (ratio > worst) {
      worst = ratio;
      where = k;
    }
  }
  if (!where) return std::nullopt;
  // A tenth more, since the number is rounded.
  const std::string remedy =
      worst <= near_enough ? fmt::format("; --rtol {:.1e} accepts it", 1.1 * tolerance * worst) : "";
  return fmt::format("at {} got {}, expected {} ({} times the tolerance {:g}{})",
                     position_text(want.type().shape, *where), element_text(got, *where), element_text(want, *where),
                     std::isfinite(worst) ? fmt::format("{:.3g}", worst) : "any number of", tolerance, remedy);
}

}  // namespace jaxc::tools
