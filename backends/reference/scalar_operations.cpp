// Defines every scalar opcode in plain C++, type by type.
#include "backends/reference/scalar_operations.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "jaxc/error.h"

namespace jaxc::reference {

namespace {

using ir::Opcode;

template <typename T>
using Bits = std::conditional_t<
    sizeof(T) == 8, std::uint64_t,
    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;

template <typename T>
T get(Value value) {
  if constexpr (std::is_same_v<T, bool>)
    return value != 0;
  else
    return std::bit_cast<T>(static_cast<Bits<T>>(value));
}

template <typename T>
Value put(T value) {
  if constexpr (std::is_same_v<T, bool>)
    return value ? 1 : 0;
  else
    return std::bit_cast<Bits<T>>(value);
}

template <typename T>
constexpr bool is_float = std::is_floating_point_v<T>;
template <typename T>
constexpr bool is_bool = std::is_same_v<T, bool>;
template <typename T>
constexpr bool is_int = std::is_integral_v<T> && !is_bool<T>;
template <typename T>
constexpr int width = 8 * static_cast<int>(sizeof(T));

// Integers compute in 64 bits and wrap on truncation.
template <typename T>
T wrap(std::uint64_t value) {
  return static_cast<T>(static_cast<Bits<T>>(value));
}
template <typename T>
std::uint64_t wide(T value) {
  return static_cast<std::uint64_t>(value);
}

template <typename T>
T divide(T a, T b) {
  if constexpr (is_float<T>) {
    return a / b;
  } else {
    if (b == 0) return wrap<T>(~std::uint64_t{0});
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return wrap<T>(-wide(a));
    return static_cast<T>(a / b);
  }
}

template <typename T>
T remainder_of(T a, T b) {
  if constexpr (is_float<T>) {
    return std::fmod(a, b);
  } else {
    if (b == 0) return a;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return 0;
    return static_cast<T>(a % b);
  }
}

template <typename T>
T multiply_high(T a, T b) {
  if constexpr (std::is_signed_v<T>)
    return static_cast<T>((static_cast<__int128>(a) * b) >> width<T>);
  else
    return static_cast<T>((static_cast<unsigned __int128>(a) * b) >> width<T>);
}

template <typename T>
T smaller(T a, T b) {
  if constexpr (is_float<T>) {
    if (std::isnan(a)) return a;
    if (std::isnan(b)) return b;
    if (a == b) return std::signbit(a) ? a : b;
  }
  return a < b ? a : b;
}

template <typename T>
T larger(T a, T b) {
  if constexpr (is_float<T>) {
    if (std::isnan(a)) return a;
    if (std::isnan(b)) return b;
    if (a == b) return std::signbit(a) ? b : a;
  }
  return a < b ? b : a;
}

// b as unsigned: a count of bits.
template <typename T>
std::uint64_t count_of(T b) {
  return static_cast<Bits<T>>(b);
}

template <typename To, typename From>
To convert_to(From value) {
  if constexpr (is_bool<To>) {
    return value != From{0};
  } else if constexpr (is_float<From> && is_int<To>) {
    if (std::isnan(value)) return 0;
    // 2^k for the first value out of range; exact in every float type.
    const From limit = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    if (value >= limit) return std::numeric_limits<To>::max();
    if (std::is_signed_v<To> ? value <= -limit : value <= From{-1}) return std::numeric_limits<To>::min();
    return static_cast<To>(value);
  } else if constexpr (is_int<From> && is_int<To>) {
    return wrap<To>(wide(value));
  } else {
    return static_cast<To>(value);
  }
}

template <typename T>
Operation arithmetic(Opcode opcode) {
  if constexpr (!is_bool<T>) {
    switch (opcode) {
      case Opcode::neg:
        return [](Value a, Value, Value) -> Value {
          if constexpr (is_float<T>) return put(-get<T>(a));
          return put(wrap<T>(-a));
        };
      case Opcode::abs:
        return [](Value a, Value, Value) -> Value {
          if constexpr (is_float<T>) return put(std::fabs(get<T>(a)));
          return get<T>(a) < 0 ? put(wrap<T>(-a)) : a;
        };
      case Opcode::add:
        return [](Value a, Value b, Value) -> Value {
          if constexpr (is_float<T>) return put(get<T>(a) + get<T>(b));
          return put(wrap<T>(a + b));
        };
      case Opcode::sub:
        return [](Value a, Value b, Value) -> Value {
          if constexpr (is_float<T>) return put(get<T>(a) - get<T>(b));
          return put(wrap<T>(a - b));
        };
      case Opcode::mul:
        return [](Value a, Value b, Value) -> Value {
          if constexpr (is_float<T>) return put(get<T>(a) * get<T>(b));
          return put(wrap<T>(a * b));
        };
      case Opcode::div:
        return [](Value a, Value b, Value) { return put(divide(get<T>(a), get<T>(b))); };
      case Opcode::rem:
        return [](Value a, Value b, Value) { return put(remainder_of(get<T>(a), get<T>(b))); };
      default:
        break;
    }
  } else if (opcode == Opcode::mul) {
    return [](Value a, Value b, Value) { return a & b; };
  }
  switch (opcode) {
    case Opcode::min:
      return [](Value a, Value b, Value) { return put(smaller(get<T>(a), get<T>(b))); };
    case Opcode::max:
      return [](Value a, Value b, Value) { return put(larger(get<T>(a), get<T>(b))); };
    case Opcode::eq:
      return [](Value a, Value b, Value) { return put(get<T>(a) == get<T>(b)); };
    case Opcode::ne:
      return [](Value a, Value b, Value) { return put(get<T>(a) != get<T>(b)); };
    case Opcode::lt:
      return [](Value a, Value b, Value) { return put(get<T>(a) < get<T>(b)); };
    case Opcode::le:
      return [](Value a, Value b, Value) { return put(get<T>(a) <= get<T>(b)); };
    case Opcode::select:
      return [](Value a, Value b, Value c) { return a != 0 ? b : c; };
    default:
      return nullptr;
  }
}

template <typename T>
Operation floating(Opcode opcode) {
  switch (opcode) {
    case Opcode::floor:
      return [](Value a, Value, Value) { return put(std::floor(get<T>(a))); };
    case Opcode::ceil:
      return [](Value a, Value, Value) { return put(std::ceil(get<T>(a))); };
    case Opcode::trunc:
      return [](Value a, Value, Value) { return put(std::trunc(get<T>(a))); };
    case Opcode::round_even:
      return [](Value a, Value, Value) { return put(std::nearbyint(get<T>(a))); };
    case Opcode::sqrt:
      return [](Value a, Value, Value) { return put(std::sqrt(get<T>(a))); };
    case Opcode::is_nan:
      return [](Value a, Value, Value) { return put(get<T>(a) != get<T>(a)); };
    case Opcode::mul_add:
      return [](Value a, Value b, Value c) {
        const T product = get<T>(a) * get<T>(b);
        return put(static_cast<T>(product + get<T>(c)));
      };
    case Opcode::fma:
      return [](Value a, Value b, Value c) { return put(std::fma(get<T>(a), get<T>(b), get<T>(c))); };
    default:
      return nullptr;
  }
}

template <typename T>
Operation bitwise(Opcode opcode) {
  switch (opcode) {
    case Opcode::bit_not:
      return [](Value a, Value, Value) -> Value {
        if constexpr (is_bool<T>) return a ^ 1;
        return put(wrap<T>(~a));
      };
    case Opcode::bit_and:
      return [](Value a, Value b, Value) { return a & b; };
    case Opcode::bit_or:
      return [](Value a, Value b, Value) { return a | b; };
    case Opcode::bit_xor:
      return [](Value a, Value b, Value) { return a ^ b; };
    default:
      break;
  }
  if constexpr (is_int<T>) {
    switch (opcode) {
      case Opcode::population_count:
        return [](Value a, Value, Value) { return static_cast<Value>(std::popcount(a)); };
      case Opcode::count_leading_zeros:
        return [](Value a, Value, Value) { return static_cast<Value>(std::countl_zero(a) - (64 - width<T>)); };
      case Opcode::mul_high:
        return [](Value a, Value b, Value) { return put(multiply_high(get<T>(a), get<T>(b))); };
      case Opcode::shift_left:
        return [](Value a, Value b, Value) -> Value {
          return count_of(get<T>(b)) >= width<T> ? 0 : put(wrap<T>(a << count_of(get<T>(b))));
        };
      case Opcode::shift_right_logical:
        return [](Value a, Value b, Value) -> Value {
          return count_of(get<T>(b)) >= width<T> ? 0 : a >> count_of(get<T>(b));
        };
      case Opcode::shift_right_arithmetic:
        return [](Value a, Value b, Value) -> Value {
          using Signed = std::make_signed_t<T>;
          const std::uint64_t count = std::min<std::uint64_t>(count_of(get<T>(b)), width<T> - 1);
          return put(static_cast<Signed>(get<Signed>(a) >> count));
        };
      default:
        break;
    }
  }
  return nullptr;
}

/// Calls `use` with a null pointer of the dtype's C++ type.
template <typename Use>
Operation with_type(DType dtype, const Use& use) {
  switch (dtype) {
    case DType::boolean:
      return use(static_cast<bool*>(nullptr));
    case DType::i8:
      return use(static_cast<std::int8_t*>(nullptr));
    case DType::i16:
      return use(static_cast<std::int16_t*>(nullptr));
    case DType::i32:
      return use(static_cast<std::int32_t*>(nullptr));
    case DType::i64:
      return use(static_cast<std::int64_t*>(nullptr));
    case DType::u8:
      return use(static_cast<std::uint8_t*>(nullptr));
    case DType::u16:
      return use(static_cast<std::uint16_t*>(nullptr));
    case DType::u32:
      return use(static_cast<std::uint32_t*>(nullptr));
    case DType::u64:
      return use(static_cast<std::uint64_t*>(nullptr));
    case DType::f32:
      return use(static_cast<float*>(nullptr));
    case DType::f64:
      return use(static_cast<double*>(nullptr));
    default:
      return nullptr;
  }
}

Operation find(Opcode opcode, DType operand, DType result) {
  if (opcode == Opcode::bitcast) return [](Value a, Value, Value) { return a; };
  return with_type(operand, [&]<typename T>(T*) -> Operation {
    if (opcode == Opcode::convert)
      return with_type(result, []<typename To>(To*) -> Operation {
        return [](Value a, Value, Value) { return put(convert_to<To>(get<T>(a))); };
      });
    if (const Operation found = arithmetic<T>(opcode)) return found;
    if constexpr (is_float<T>) return floating<T>(opcode);
    if constexpr (!is_float<T>) return bitwise<T>(opcode);
    return nullptr;
  });
}

}  // namespace

Operation operation(ir::Opcode opcode, DType operand, DType result) {
  const Operation found = find(opcode, operand, result);
  if (found == nullptr) throw InternalError(fmt::format("reference: no {} on {}", ir::name(opcode), name(operand)));
  return found;
}

Value merge_identity(ir::Opcode merge, DType dtype) {
  const double infinity = std::numeric_limits<double>::infinity();
  switch (merge) {
    case Opcode::mul:
      return ir::constant_of(dtype, 1).bits;
    case Opcode::min:
      return dtype == DType::boolean || is_floating(dtype)
                 ? ir::constant_of(dtype, infinity).bits
                 : operation(Opcode::convert, DType::f64, dtype)(std::bit_cast<Value>(infinity), 0, 0);
    case Opcode::max:
      if (dtype == DType::boolean) return 0;
      return operation(Opcode::convert, DType::f64, dtype)(std::bit_cast<Value>(-infinity), 0, 0);
    case Opcode::bit_and:
      return ir::constant_of_integer(dtype, -1).bits;
    case Opcode::add:
    case Opcode::bit_or:
    case Opcode::bit_xor:
      return ir::constant_of(dtype, 0).bits;
    default:
      throw InternalError(fmt::format("reference: {} merges nothing", ir::name(merge)));
  }
}

}  // namespace jaxc::reference
