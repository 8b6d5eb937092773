// Evaluation of Fourier transforms, by their definition.
#include <complex>
#include <numbers>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/values.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;
using Complex = std::complex<long double>;

// X[k] = sum over j of x[j] exp(sign 2 pi i j k / n), along one axis; the inverse is divided by n.
void transform(std::vector<Complex>& values, const Shape& shape, std::size_t axis, bool inverse) {
  const Lines lines = lines_along(shape, axis);
  const std::int64_t n = lines.extent;
  std::vector<Complex> roots;
  for (std::int64_t j = 0; j < n; ++j) {
    const long double angle = 2 * std::numbers::pi_v<long double> * static_cast<long double>(j) / n;
    roots.push_back(std::polar(1.0L, inverse ? angle : -angle));
  }
  if (n % 2 == 0) roots[static_cast<std::size_t>(n / 2)] = -1;  // so that real signals keep their real numbers
  std::vector<Complex> line(static_cast<std::size_t>(n));
  for (std::int64_t start : lines.starts) {
    for (std::int64_t k = 0; k < n; ++k) {
      Complex sum = 0;
      for (std::int64_t j = 0; j < n; ++j) sum += values[start + j * lines.step] * roots[j * k % n];
      line[k] = inverse ? sum / static_cast<long double>(n) : sum;
    }
    for (std::int64_t k = 0; k < n; ++k) values[start + k * lines.step] = line[k];
  }
}

// Copies `values` of shape `from` into shape `to`, which differs along the last axis alone.
std::vector<Complex> with_last_extent(const std::vector<Complex>& values, std::int64_t from, std::int64_t to) {
  std::vector<Complex> results;
  const auto lines = static_cast<std::int64_t>(values.size()) / from;
  for (std::int64_t line = 0; line < lines; ++line) {
    for (std::int64_t i = 0; i < to; ++i) results.push_back(i < from ? values[line * from + i] : Complex(0));
  }
  return results;
}

// Completes half spectra of lines of n: X[n - k] = conj X[k]; X[0] and X[n / 2] count as real.
std::vector<Complex> completed(const std::vector<Complex>& values, std::int64_t half, std::int64_t n) {
  std::vector<Complex> results = with_last_extent(values, half, n);
  for (std::size_t start = 0; start < results.size(); start += static_cast<std::size_t>(n)) {
    results[start] = results[start].real();
    if (n % 2 == 0 && n > 0) results[start + n / 2] = results[start + n / 2].real();
    for (std::int64_t k = half; k < n; ++k) results[start + k] = std::conj(results[start + n - k]);
  }
  return results;
}

}  // namespace

Results evaluators::fft(const Application& a) {
  const Type& type = a.types[0];
  const ir::FourierKind kind = ir::fourier_kind(a.parameters());
  const std::size_t count = a.parameters().integers("fft_lengths").size();
  Shape shape = a.operands[0].type().shape;
  const std::size_t last = shape.size() - 1;
  const std::size_t first = shape.size() - count;
  auto values = load<Complex>(a.operands[0]);
  if (values.empty() || element_count(type.shape) == 0) return {Array(type)};
  const bool inverse = kind == ir::FourierKind::inverse || kind == ir::FourierKind::real_inverse;
  for (std::size_t axis = first; axis < last; ++axis) transform(values, shape, axis, inverse);
  if (kind == ir::FourierKind::real_inverse) {
    values = completed(values, shape[last], type.shape[last]);
    shape[last] = type.shape[last];
  }
  transform(values, shape, last, inverse);
  if (kind == ir::FourierKind::real_forward) values = with_last_extent(values, shape[last], type.shape[last]);
  if (is_complex(type.dtype)) return {store(type, values)};
  std::vector<long double> reals;
  for (const Complex& value : values) reals.push_back(value.real());
  return {store(type, reals)};
}

}  // namespace jaxc::compiler
