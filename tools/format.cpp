// Writes elements and summaries.
#include "format.h"

#include <fmt/format.h>

#include <cmath>

#include "numbers.h"

namespace jaxc::tools {

namespace {

constexpr std::size_t shown_elements = 6;

std::string real_text(double value) {
  return fmt::format("{:.6g}", value);
}

}  // namespace

std::string element_text(const Array& array, std::size_t index) {
  const DType dtype = array.type().dtype;
  if (dtype == DType::boolean) return integer_at(array, index) != 0 ? "true" : "false";
  if (dtype == DType::key) {
    const auto words = static_cast<std::uint64_t>(integer_at(array, index));
    return fmt::format("({} {})", static_cast<std::uint32_t>(words), words >> 32);
  }
  if (dtype == DType::u64) return fmt::format("{}", static_cast<std::uint64_t>(integer_at(array, index)));
  if (is_integer(dtype)) return fmt::format("{}", integer_at(array, index));
  const std::complex<double> value = number_at(array, index);
  if (is_complex(dtype)) return fmt::format("({:.6g}{:+.6g}j)", value.real(), value.imag());
  return real_text(value.real());
}

std::string position_text(const Shape& shape, std::size_t index) {
  std::string text;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const auto extent = static_cast<std::size_t>(shape[axis]);
    text = fmt::format("{}{}", index % extent, text.empty() ? "" : "," + text);
    index /= extent;
  }
  return "[" + text + "]";
}

std::string summary(const Array& array) {
  const std::size_t count = element_count_of(array);
  const DType dtype = array.type().dtype;
  if (!is_numeric(dtype) && dtype != DType::boolean && dtype != DType::key)
    return fmt::format("{} bytes", array.bytes().size());
  std::string text;
  for (std::size_t k = 0; k < std::min(count, shown_elements); ++k)
    text += (k == 0 ? "" : " ") + element_text(array, k);
  if (count > shown_elements) text += " ...";
  if (count <= shown_elements || !(is_integer(dtype) || is_floating(dtype))) return text;
  double least = INFINITY;
  double greatest = -INFINITY;
  double sum = 0;
  std::size_t nans = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const double value = number_at(array, k).real();
    if (std::isnan(value)) {
      ++nans;
      continue;
    }
    least = std::fmin(least, value);
    greatest = std::fmax(greatest, value);
    sum += value;
  }
  text += fmt::format("   min {}  max {}  mean {}", real_text(least), real_text(greatest),
                      real_text(sum / static_cast<double>(count - nans)));
  if (nans > 0) text += fmt::format("  NaN {}", nans);
  return text;
}

}  // namespace jaxc::tools
