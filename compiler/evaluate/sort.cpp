// Evaluation of sorts.
#include <numeric>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/scalar_math.h"
#include "compiler/evaluate/values.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;

// -1, 0 or 1 for x before, beside or after y: zeros are equal, NaNs are equal and last, and complex numbers go
// by real, then imaginary part.
template <typename T>
int order(T x, T y) {
  if constexpr (is_complex_value<T>) {
    const int by_real = order(x.real(), y.real());
    return by_real != 0 ? by_real : order(x.imag(), y.imag());
  } else {
    const bool x_nan = scalar_math::is_nan(x);
    const bool y_nan = scalar_math::is_nan(y);
    if (x_nan || y_nan) return static_cast<int>(x_nan) - static_cast<int>(y_nan);
    return static_cast<int>(x > y) - static_cast<int>(x < y);
  }
}

using Comparison = std::function<int(std::int64_t, std::int64_t)>;

// Compares elements of `array` by their places.
Comparison comparison_of(const Array& array) {
  return visit(array.type().dtype, [&]<typename T>(T) -> Comparison {
    return [values = load<T>(array)](std::int64_t x, std::int64_t y) { return order(values[x], values[y]); };
  });
}

Results sorted(const Application& application) {
  const Shape& shape = application.operands[0].type().shape;
  const Lines lines = lines_along(shape, static_cast<std::size_t>(application.parameters().integer("dimension")));
  std::vector<Comparison> keys;
  for (std::int64_t i = 0; i < application.parameters().integer_or("num_keys", 1); ++i) {
    keys.push_back(comparison_of(application.operands[i]));
  }
  std::vector<std::int64_t> sources(static_cast<std::size_t>(element_count(shape)));
  for (std::int64_t start : lines.starts) {
    std::vector<std::int64_t> line;
    for (std::int64_t i = 0; i < lines.extent; ++i) line.push_back(start + i * lines.step);
    std::sort(line.begin(), line.end(), [&](std::int64_t x, std::int64_t y) {
      for (const Comparison& key : keys) {
        const int result = key(x, y);
        if (result != 0) return result < 0;
      }
      return x < y;  // stable
    });
    for (std::int64_t i = 0; i < lines.extent; ++i) sources[start + i * lines.step] = line[i];
  }
  Results results;
  for (const Array& operand : application.operands) results.push_back(copy_places(operand.type(), operand, sources));
  return results;
}

// The greatest first, ties by position. Floating values are in total order, so that NaN is the greatest.
Results greatest(const Application& application) {
  const Array& operand = application.operands[0];
  const Shape& shape = operand.type().shape;
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto axis = static_cast<std::size_t>(application.parameters().integer_or("axis", rank - 1));
  const Lines lines = lines_along(shape, axis);
  const Lines to = lines_along(application.types[0].shape, axis);
  return visit_real(operand.type().dtype, [&]<typename T>(T) -> Results {
    const auto values = load<T>(operand);
    const auto before = [&](std::int64_t x, std::int64_t y) {
      if constexpr (is_floating_value<T>) {
        const auto first = scalar_math::total_order_key(values[x]);
        const auto second = scalar_math::total_order_key(values[y]);
        return first != second ? first > second : x < y;
      } else {
        return values[x] != values[y] ? values[x] > values[y] : x < y;
      }
    };
    const auto count = static_cast<std::size_t>(element_count(application.types[0].shape));
    std::vector<std::int64_t> places(count);
    std::vector<std::int64_t> positions(count);
    for (std::size_t i = 0; i < lines.starts.size(); ++i) {
      std::vector<std::int64_t> line;
      for (std::int64_t j = 0; j < lines.extent; ++j) line.push_back(lines.starts[i] + j * lines.step);
      std::sort(line.begin(), line.end(), before);
      for (std::int64_t j = 0; j < to.extent; ++j) {
        places[to.starts[i] + j * to.step] = line[j];
        positions[to.starts[i] + j * to.step] = (line[j] - lines.starts[i]) / lines.step;
      }
    }
    return {copy_places(application.types[0], operand, places), store(application.types[1], positions)};
  });
}

}  // namespace

namespace evaluators {

Results sort(const Application& a) {
  return sorted(a);
}
Results top_k(const Application& a) {
  return greatest(a);
}

}  // namespace evaluators

}  // namespace jaxc::compiler
