// Evaluation of reductions and prefix folds.
#include <functional>
#include <numbers>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/scalar_math.h"
#include "compiler/evaluate/values.h"

namespace jaxc::compiler {

namespace {

namespace math = scalar_math;
using Results = std::vector<Array>;

// For each element of an array of shape `shape`, the place in the result that drops `axes`.
std::vector<std::int64_t> kept_places(const Shape& shape, const std::vector<std::int64_t>& axes, const Shape& result) {
  std::vector<bool> dropped(shape.size(), false);
  for (std::int64_t axis : axes) dropped[axis] = true;
  const Index result_strides = row_major_strides(result);
  Index strides(shape.size(), 0);
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!dropped[axis]) strides[axis] = result_strides[next++];
  }
  std::vector<std::int64_t> places;
  for_each_index(shape, [&](const Index& index) { places.push_back(place_of(index, strides)); });
  return places;
}

// Folds with `function` from `identity`.
template <typename T, typename Function>
Results fold(const Application& application, T identity, Function function) {
  const Array& operand = application.operands[0];
  const Type& type = application.types[0];
  const auto places = kept_places(operand.type().shape, application.parameters().integers("axes"), type.shape);
  const auto values = load<T>(operand);
  std::vector<T> results(static_cast<std::size_t>(element_count(type.shape)), identity);
  for (std::size_t i = 0; i < values.size(); ++i) results[places[i]] = function(results[places[i]], values[i]);
  return {store(type, results)};
}

Results extremum(const Application& application, bool largest) {
  const DType dtype = application.types[0].dtype;
  return visit(dtype, [&]<typename T>(T) {
    return fold<T>(application, extreme_value<T>(dtype, largest),
                   [&](T x, T y) { return largest ? math::maximum(x, y) : math::minimum(x, y); });
  });
}

// The first NaN, or else the first of the extreme elements.
Results extremum_index(const Application& application, bool largest) {
  const Array& operand = application.operands[0];
  const auto axis = static_cast<std::size_t>(application.parameters().integers("axes").at(0));
  const Lines lines = lines_along(operand.type().shape, axis);
  return visit_real(operand.type().dtype, [&]<typename T>(T) -> Results {
    const auto values = load<T>(operand);
    std::vector<std::int64_t> results;
    for (std::int64_t start : lines.starts) {
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < lines.extent; ++i) {
        const T candidate = values[start + i * lines.step];
        const T current = values[start + best * lines.step];
        if (math::is_nan(current)) break;
        if (math::is_nan(candidate) || (largest ? candidate > current : candidate < current)) best = i;
      }
      results.push_back(best);
    }
    return {store(application.types[0], results)};
  });
}

// The running fold along `axis`, from the last element when `reverse`; it starts from `first` of a line's first
// element.
template <typename T, typename Function, typename First = std::identity>
Results prefix_fold(const Application& application, Function function, First first = {}) {
  const Array& operand = application.operands[0];
  const Lines lines =
      lines_along(operand.type().shape, static_cast<std::size_t>(application.parameters().integer("axis")));
  const bool reverse = application.parameters().boolean_or("reverse", false);
  auto values = load<T>(operand);
  for (std::int64_t start : lines.starts) {
    if (lines.extent == 0) continue;
    T& begin = values[start + (reverse ? lines.extent - 1 : 0) * lines.step];
    begin = first(begin);
    for (std::int64_t i = 1; i < lines.extent; ++i) {
      const std::int64_t at = start + (reverse ? lines.extent - 1 - i : i) * lines.step;
      const std::int64_t before = at + (reverse ? lines.step : -lines.step);
      values[at] = function(values[before], values[at]);
    }
  }
  return {store(application.types[0], values)};
}

// log(exp x + exp y)
template <typename T>
T log_add_exp(T x, T y) {
  if (x == y) return x + std::log(T(2));
  if (std::isnan(x) || std::isnan(y)) return x + y;
  return std::max(x, y) + std::log1p(std::exp(-std::fabs(x - y)));
}

// The same with its angle in [-pi, pi), as JAX computes it.
template <typename Real>
std::complex<Real> log_add_exp(std::complex<Real> x, std::complex<Real> y) {
  using Complex = std::complex<Real>;
  const Complex greater = math::maximum(x, y);
  const Complex value = greater + std::log(Real(1) + std::exp(x + y - greater - greater));
  constexpr Real pi = std::numbers::pi_v<Real>;
  Real rest = std::fmod(value.imag() + pi, 2 * pi);
  if (rest < 0) rest += 2 * pi;
  return {value.real(), rest - pi};
}

// A jaxpr's fold: arrays, then initial scalars.
Results general_fold(const Application& application) {
  const std::size_t count = application.types.size();
  const Shape& shape = application.operands[0].type().shape;
  const auto axes = application.parameters().integers("dimensions");
  const auto places = kept_places(shape, axes, application.types[0].shape);
  const auto body = application.parameters().jaxpr("jaxpr");
  Results results;
  for (std::size_t i = 0; i < count; ++i) {
    const auto zeros = std::vector<std::int64_t>(element_count(application.types[i].shape), 0);
    results.push_back(copy_places(application.types[i], application.operands[count + i], zeros));
  }
  for (std::size_t place = 0; place < places.size(); ++place) {
    Results arguments;
    for (const Array& result : results) {
      arguments.push_back(copy_places({result.type().dtype, {}}, result, {places[place]}));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Array& operand = application.operands[i];
      arguments.push_back(copy_places({operand.type().dtype, {}}, operand, {static_cast<std::int64_t>(place)}));
    }
    const Results folded = application.call(*body, arguments);
    for (std::size_t i = 0; i < count; ++i) copy_element(results[i], places[place], folded[i], 0);
  }
  return results;
}

template <typename Function>
Results fold_bits(const Application& application, std::uint64_t identity, Function function) {
  return visit_bits(application.types[0].dtype,
                    [&]<typename T>(T) { return fold<T>(application, static_cast<T>(identity), function); });
}

}  // namespace

namespace evaluators {

Results reduce(const Application& a) {
  return general_fold(a);
}
Results reduce_sum(const Application& a) {
  return visit_wide(a.types[0].dtype,
                    [&]<typename T>(T) { return fold<T>(a, T(0), [](T x, T y) { return math::add(x, y); }); });
}
Results reduce_prod(const Application& a) {
  return visit_wide(a.types[0].dtype,
                    [&]<typename T>(T) { return fold<T>(a, T(1), [](T x, T y) { return math::multiply(x, y); }); });
}
Results reduce_max(const Application& a) {
  return extremum(a, true);
}
Results reduce_min(const Application& a) {
  return extremum(a, false);
}
Results reduce_or(const Application& a) {
  return fold_bits(a, 0, [](auto x, decltype(x) y) { return x | y; });
}
Results reduce_and(const Application& a) {
  return fold_bits(a, ~std::uint64_t{0}, [](auto x, decltype(x) y) { return x & y; });
}
Results reduce_xor(const Application& a) {
  return fold_bits(a, 0, [](auto x, decltype(x) y) { return x ^ y; });
}
Results argmax(const Application& a) {
  return extremum_index(a, true);
}
Results argmin(const Application& a) {
  return extremum_index(a, false);
}

Results cumsum(const Application& a) {
  return visit_wide(a.types[0].dtype,
                    [&]<typename T>(T) { return prefix_fold<T>(a, [](T x, T y) { return math::add(x, y); }); });
}
Results cumprod(const Application& a) {
  return visit_wide(a.types[0].dtype,
                    [&]<typename T>(T) { return prefix_fold<T>(a, [](T x, T y) { return math::multiply(x, y); }); });
}
Results cummax(const Application& a) {
  return visit(a.types[0].dtype,
               [&]<typename T>(T) { return prefix_fold<T>(a, [](T x, T y) { return math::maximum(x, y); }); });
}
Results cummin(const Application& a) {
  return visit(a.types[0].dtype,
               [&]<typename T>(T) { return prefix_fold<T>(a, [](T x, T y) { return math::minimum(x, y); }); });
}
Results cumlogsumexp(const Application& a) {
  return visit_inexact(a.types[0].dtype, [&]<typename T>(T) {
    // A complex line's first element, too, is given an angle in that range.
    const auto first = [](T x) {
      if constexpr (is_complex_value<T>)
        return log_add_exp(T(-std::numeric_limits<typename T::value_type>::infinity()), x);
      return x;
    };
    return prefix_fold<T>(a, [](T x, T y) { return log_add_exp(x, y); }, first);
  });
}

}  // namespace evaluators

}  // namespace jaxc::compiler
