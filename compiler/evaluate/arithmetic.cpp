// Evaluation of arithmetic, comparisons, bits and selection.
#include <bit>

#include "compiler/evaluate/elementwise.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/scalar_math.h"
#include "compiler/evaluate/small_float.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

namespace math = scalar_math;
using Results = std::vector<Array>;

// Arithmetic is done in the result's dtype, which out_dtype may make wider.
template <typename Function>
Results arithmetic(const Application& application, Function function) {
  return visit(application.types[0].dtype, [&]<typename T>(T) { return map_elements<T>(application, function); });
}

// Equality of numbers and keys.
template <typename Function>
Results compare(const Application& application, Function function) {
  return map_numbers(application, [&](auto x, decltype(x) y) -> bool { return function(x, y); });
}

template <typename Function>
Results compare_total_order(const Application& application, Function function) {
  return map_real(application, [&](auto x, decltype(x) y) -> bool {
    if constexpr (is_floating_value<decltype(x)>) {
      return function(math::total_order_key(x), math::total_order_key(y));
    } else {
      return function(x, y);
    }
  });
}

int operand_bits(const Application& application) {
  return value_bits(computing_dtype(application));
}

std::uint64_t low_bits(int count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

// Shift amounts are unsigned; one of the width or more moves every bit out.
Results shift(const Application& application, bool left, bool arithmetic) {
  const int bits = operand_bits(application);
  const std::uint64_t mask = low_bits(bits);
  return map_bits(application, [&](auto x, decltype(x) y) -> decltype(x) {
    const std::uint64_t amount = static_cast<std::uint64_t>(y) & mask;
    const bool out = amount >= static_cast<std::uint64_t>(bits);
    const std::uint64_t code = static_cast<std::uint64_t>(x) & mask;
    if (left) return static_cast<decltype(x)>(out ? 0 : code << amount);
    if (!arithmetic) return static_cast<decltype(x)>(out ? 0 : code >> amount);
    const bool negative = (code >> (bits - 1) & 1) != 0;
    const std::uint64_t extended = negative ? code | ~mask : code;
    const auto places = out ? 63 : static_cast<int>(amount);
    return static_cast<decltype(x)>(static_cast<std::int64_t>(extended) >> places);
  });
}

// The high half of the double-width product.
Results high_product(const Application& application) {
  const int bits = operand_bits(application);
  return map_bits(application, [&](auto x, decltype(x) y) -> decltype(x) {
    using T = decltype(x);
    using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return static_cast<T>((static_cast<Wide>(x) * static_cast<Wide>(y)) >> bits);
  });
}

// A boolean selects case 0 or 1; an integer outside the cases selects the nearest one.
Results select(const Application& application) {
  const Type& type = application.types[0];
  const auto which = load<std::int64_t>(application.operands[0], type.shape);
  const auto cases = static_cast<std::int64_t>(application.operands.size()) - 1;
  std::vector<std::vector<std::int64_t>> places;
  for (std::int64_t i = 0; i < cases; ++i) {
    places.push_back(broadcast_places(application.operands[1 + i].type().shape, type.shape));
  }
  Array result(type);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const std::int64_t chosen = std::clamp<std::int64_t>(which[i], 0, cases - 1);
    copy_element(result, static_cast<std::int64_t>(i), application.operands[1 + chosen], places[chosen][i]);
  }
  return {result};
}

Results sum(const Application& application) {
  if (computing_dtype(application) == DType::float0) return {Array(application.types[0])};
  return arithmetic(application, [](auto x, decltype(x) y) { return math::add(x, y); });
}

// NaN where the operand is NaN; otherwise the bounds win, the upper one last. XLA clamps complex numbers by their real
// parts alone.
template <typename T>
T clamped(T low, T x, T high) {
  if constexpr (is_complex_value<T>) {
    const T raised = x.real() <= low.real() ? low : x;
    return raised.real() <= high.real() ? raised : high;
  }
  return math::minimum(math::maximum(low, x), high);
}

// The neighbour of `from` towards `to` in a format of up to 16 bits, whose codes order magnitudes.
double small_next_after(DType dtype, double from, double to) {
  if (std::isnan(from) || std::isnan(to)) return std::numeric_limits<double>::quiet_NaN();
  if (from == to) return to;
  if (from == 0) return std::copysign(decode_small_float(dtype, 1), to);
  const bool outwards = (to > from) == (from > 0);
  const std::uint32_t code = encode_small_float(dtype, std::fabs(from));
  return std::copysign(decode_small_float(dtype, outwards ? code + 1 : code - 1), from);
}

double next_after(DType dtype, double from, double to) {
  if (dtype == DType::f32) return std::nextafter(static_cast<float>(from), static_cast<float>(to));
  if (dtype == DType::f64) return std::nextafter(from, to);
  return small_next_after(dtype, from, to);
}

}  // namespace

namespace evaluators {

Results neg(const Application& a) {
  return map_numbers(a, [](auto x) { return math::negate(x); });
}
Results sign(const Application& a) {
  return map_numbers(a, [](auto x) { return math::sign(x); });
}
Results abs(const Application& a) {
  if (is_complex(computing_dtype(a))) {
    return visit_inexact(computing_dtype(a), [&]<typename T>(T) -> Results {
      if constexpr (is_complex_value<T>) return map_elements<T>(a, [](T x) { return std::abs(x); });
      throw InternalError("abs: a complex dtype was expected");
    });
  }
  return map_real(a, [](auto x) -> decltype(x) {
    if constexpr (is_floating_value<decltype(x)>) return std::fabs(x);
    return x < decltype(x)(0) ? math::negate(x) : x;
  });
}
Results add(const Application& a) {
  return sum(a);
}
Results add_any(const Application& a) {
  return sum(a);
}
Results sub(const Application& a) {
  return arithmetic(a, [](auto x, decltype(x) y) { return math::subtract(x, y); });
}
Results mul(const Application& a) {
  return arithmetic(a, [](auto x, decltype(x) y) { return math::multiply(x, y); });
}
Results div(const Application& a) {
  return map_numbers(a, [](auto x, decltype(x) y) { return math::divide(x, y); });
}
Results rem(const Application& a) {
  return map_real(a, [](auto x, decltype(x) y) { return math::remainder(x, y); });
}
Results max(const Application& a) {
  return map_numbers(a, [](auto x, decltype(x) y) { return math::maximum(x, y); });
}
Results min(const Application& a) {
  return map_numbers(a, [](auto x, decltype(x) y) { return math::minimum(x, y); });
}
Results mulhi(const Application& a) {
  return high_product(a);
}
Results square(const Application& a) {
  return map_numbers(a, [](auto x) { return math::multiply(x, x); });
}
Results one_minus_square(const Application& a) {
  return map_numbers(a, [](auto x) {
    using T = decltype(x);
    return math::multiply(math::subtract(T(1), x), math::add(T(1), x));
  });
}
Results integer_pow(const Application& a) {
  const std::int64_t exponent = a.parameters().integer("y");
  return visit_wide(computing_dtype(a), [&]<typename T>(T) {
    return map_elements<T>(a, [&](T x) { return math::integer_power(x, exponent); });
  });
}
Results clamp(const Application& a) {
  return map_numbers(a, [](auto low, decltype(low) x, decltype(low) high) { return clamped(low, x, high); });
}
Results nextafter(const Application& a) {
  const DType dtype = computing_dtype(a);
  return map_elements<double>(a, [&](double from, double to) { return next_after(dtype, from, to); });
}

Results logical_not(const Application& a) {
  const bool boolean = computing_dtype(a) == DType::boolean;
  return map_bits(a, [&](auto x) -> decltype(x) { return boolean ? x == 0 : ~x; });
}
Results logical_and(const Application& a) {
  return map_bits(a, [](auto x, decltype(x) y) -> decltype(x) { return x & y; });
}
Results logical_or(const Application& a) {
  return map_bits(a, [](auto x, decltype(x) y) -> decltype(x) { return x | y; });
}
Results logical_xor(const Application& a) {
  return map_bits(a, [](auto x, decltype(x) y) -> decltype(x) { return x ^ y; });
}
Results population_count(const Application& a) {
  const std::uint64_t mask = low_bits(operand_bits(a));
  return map_bits(a, [&](auto x) -> decltype(x) { return std::popcount(static_cast<std::uint64_t>(x) & mask); });
}
Results clz(const Application& a) {
  const int bits = operand_bits(a);
  return map_bits(a, [&](auto x) -> decltype(x) {
    return std::countl_zero(static_cast<std::uint64_t>(x) & low_bits(bits)) - (64 - bits);
  });
}
Results shift_left(const Application& a) {
  return shift(a, true, false);
}
Results shift_right_arithmetic(const Application& a) {
  return shift(a, false, true);
}
Results shift_right_logical(const Application& a) {
  return shift(a, false, false);
}

Results eq(const Application& a) {
  return compare(a, [](auto x, decltype(x) y) { return x == y; });
}
Results ne(const Application& a) {
  return compare(a, [](auto x, decltype(x) y) { return x != y; });
}
Results lt(const Application& a) {
  return map_real(a, [](auto x, decltype(x) y) -> bool { return x < y; });
}
Results gt(const Application& a) {
  return map_real(a, [](auto x, decltype(x) y) -> bool { return x > y; });
}
Results le(const Application& a) {
  return map_real(a, [](auto x, decltype(x) y) -> bool { return x <= y; });
}
Results ge(const Application& a) {
  return map_real(a, [](auto x, decltype(x) y) -> bool { return x >= y; });
}
Results eq_to(const Application& a) {
  return compare_total_order(a, [](auto x, decltype(x) y) { return x == y; });
}
Results le_to(const Application& a) {
  return compare_total_order(a, [](auto x, decltype(x) y) { return x <= y; });
}
Results lt_to(const Application& a) {
  return compare_total_order(a, [](auto x, decltype(x) y) { return x < y; });
}

Results select_n(const Application& a) {
  return select(a);
}
Results copy(const Application& a) {
  return a.operands;
}
Results copy_p(const Application& a) {
  return a.operands;
}
Results stop_gradient(const Application& a) {
  return a.operands;
}
Results zeros_like(const Application& a) {
  return {Array(a.types[0])};
}

}  // namespace evaluators

}  // namespace jaxc::compiler
