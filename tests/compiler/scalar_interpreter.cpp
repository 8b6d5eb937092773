// Evaluates regions operation by operation, each over all lanes.
#include "scalar_interpreter.h"

#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "compiler/scalar/library.h"

#pragma clang fp contract(off)

namespace jaxc::test {

using ir::Opcode;

namespace {

template <typename T>
using Unsigned =
    std::conditional_t<sizeof(T) == 1, std::uint8_t,
                       std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                          std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

template <typename Function>
void with_type(DType dtype, Function function) {
  switch (dtype) {
    case DType::boolean:
    case DType::u8:
      return function(std::uint8_t{});
    case DType::i8:
      return function(std::int8_t{});
    case DType::i16:
      return function(std::int16_t{});
    case DType::u16:
      return function(std::uint16_t{});
    case DType::i32:
      return function(std::int32_t{});
    case DType::u32:
      return function(std::uint32_t{});
    case DType::i64:
      return function(std::int64_t{});
    case DType::u64:
      return function(std::uint64_t{});
    case DType::f32:
      return function(float{});
    case DType::f64:
      return function(double{});
    default:
      throw std::logic_error("no such type in scalar code");
  }
}

template <typename T, typename Function>
void map(Lanes& out, const std::vector<const Lanes*>& a, Function function) {
  auto to = out.as<T>();
  const std::size_t count = to.size();
  const T* x = reinterpret_cast<const T*>(a[0]->bytes.data());
  const T* y = a.size() > 1 ? reinterpret_cast<const T*>(a[1]->bytes.data()) : x;
  const T* z = a.size() > 2 ? reinterpret_cast<const T*>(a[2]->bytes.data()) : x;
  for (std::size_t k = 0; k < count; ++k) to[k] = function(x[k], y[k], z[k]);
}

template <typename T, typename Function>
void compare(Lanes& out, const std::vector<const Lanes*>& a, Function function) {
  auto to = out.as<std::uint8_t>();
  const T* x = reinterpret_cast<const T*>(a[0]->bytes.data());
  const T* y = reinterpret_cast<const T*>(a.back()->bytes.data());
  for (std::size_t k = 0; k < to.size(); ++k) to[k] = function(x[k], y[k]) ? 1 : 0;
}

template <typename T, typename To>
To converted(T value) {
  if constexpr (std::is_floating_point_v<T> && std::is_integral_v<To>) {
    if (std::isnan(value)) return 0;
    if (value >= std::ldexp(T{1}, std::numeric_limits<To>::digits)) return std::numeric_limits<To>::max();
    if (value <= static_cast<T>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

void convert(Lanes& out, const Lanes& from) {
  with_type(from.dtype, [&](auto source) {
    using T = decltype(source);
    auto x = from.as<T>();
    if (out.dtype == DType::boolean) return compare<T>(out, {&from}, [](T a, T) { return a != 0; });
    with_type(out.dtype, [&](auto target) {
      using To = decltype(target);
      auto to = out.as<To>();
      for (std::size_t k = 0; k < to.size(); ++k) to[k] = converted<T, To>(x[k]);
    });
  });
}

template <typename T>
void run_float(Opcode opcode, Lanes& out, const std::vector<const Lanes*>& a, bool fused) {
  switch (opcode) {
    case Opcode::neg:
      return map<T>(out, a, [](T x, T, T) { return -x; });
    case Opcode::abs:
      return map<T>(out, a, [](T x, T, T) { return std::fabs(x); });
    case Opcode::floor:
      return map<T>(out, a, [](T x, T, T) { return std::floor(x); });
    case Opcode::ceil:
      return map<T>(out, a, [](T x, T, T) { return std::ceil(x); });
    case Opcode::trunc:
      return map<T>(out, a, [](T x, T, T) { return std::trunc(x); });
    case Opcode::round_even:
      return map<T>(out, a, [](T x, T, T) { return std::rint(x); });
    case Opcode::sqrt:
      return map<T>(out, a, [](T x, T, T) { return std::sqrt(x); });
    case Opcode::add:
      return map<T>(out, a, [](T x, T y, T) { return x + y; });
    case Opcode::sub:
      return map<T>(out, a, [](T x, T y, T) { return x - y; });
    case Opcode::mul:
      return map<T>(out, a, [](T x, T y, T) { return x * y; });
    case Opcode::div:
      return map<T>(out, a, [](T x, T y, T) { return x / y; });
    case Opcode::rem:
      return map<T>(out, a, [](T x, T y, T) { return std::fmod(x, y); });
    case Opcode::min:
      return map<T>(out, a, [](T x, T y, T) {
        return std::isnan(x) ? x : std::isnan(y) ? y : x < y || (x == y && std::signbit(x)) ? x : y;
      });
    case Opcode::max:
      return map<T>(out, a, [](T x, T y, T) {
        return std::isnan(x) ? x : std::isnan(y) ? y : x > y || (x == y && !std::signbit(x)) ? x : y;
      });
    case Opcode::mul_add:
      if (!fused) return map<T>(out, a, [](T x, T y, T z) { return x * y + z; });
      [[fallthrough]];
    case Opcode::fma:
      return map<T>(out, a, [](T x, T y, T z) { return std::fma(x, y, z); });
    default:
      throw std::logic_error("no such operation on floats: " + std::string(ir::name(opcode)));
  }
}

template <typename T>
void run_integer(Opcode opcode, Lanes& out, const std::vector<const Lanes*>& a) {
  using U = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  using Bits = Unsigned<T>;
  constexpr unsigned width = 8 * sizeof(T);
  switch (opcode) {
    case Opcode::neg:
      return map<T>(out, a, [](T x, T, T) { return static_cast<T>(U{0} - static_cast<U>(x)); });
    case Opcode::abs:
      return map<T>(out, a, [](T x, T, T) { return x < 0 ? static_cast<T>(U{0} - static_cast<U>(x)) : x; });
    case Opcode::bit_not:
      if (out.dtype == DType::boolean) return map<T>(out, a, [](T x, T, T) { return static_cast<T>(x == 0); });
      return map<T>(out, a, [](T x, T, T) { return static_cast<T>(~x); });
    case Opcode::population_count:
      return map<T>(out, a, [](T x, T, T) { return static_cast<T>(std::popcount(static_cast<Bits>(x))); });
    case Opcode::count_leading_zeros:
      return map<T>(out, a, [](T x, T, T) { return static_cast<T>(std::countl_zero(static_cast<Bits>(x))); });
    case Opcode::add:
      return map<T>(out, a, [](T x, T y, T) { return static_cast<T>(static_cast<U>(x) + static_cast<U>(y)); });
    case Opcode::sub:
      return map<T>(out, a, [](T x, T y, T) { return static_cast<T>(static_cast<U>(x) - static_cast<U>(y)); });
    case Opcode::mul:
      return map<T>(out, a, [](T x, T y, T) { return static_cast<T>(static_cast<U>(x) * static_cast<U>(y)); });
    case Opcode::mul_high:
      return map<T>(out, a, [](T x, T y, T) {
        using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
        return static_cast<T>((static_cast<Wide>(x) * static_cast<Wide>(y)) >> width);
      });
    case Opcode::div:
      return map<T>(out, a, [](T x, T y, T) {
        if (y == 0) return static_cast<T>(-1);
        if (std::is_signed_v<T> && y == static_cast<T>(-1)) return static_cast<T>(U{0} - static_cast<U>(x));
        return static_cast<T>(x / y);
      });
    case Opcode::rem:
      return map<T>(out, a, [](T x, T y, T) {
        if (y == 0) return x;
        if (std::is_signed_v<T> && y == static_cast<T>(-1)) return T{0};
        return static_cast<T>(x % y);
      });
    case Opcode::min:
      return map<T>(out, a, [](T x, T y, T) { return y < x ? y : x; });
    case Opcode::max:
      return map<T>(out, a, [](T x, T y, T) { return x < y ? y : x; });
    case Opcode::bit_and:
      return map<T>(out, a, [](T x, T y, T) { return static_cast<T>(x & y); });
    case Opcode::bit_or:
      return map<T>(out, a, [](T x, T y, T) { return static_cast<T>(x | y); });
    case Opcode::bit_xor:
      return map<T>(out, a, [](T x, T y, T) { return static_cast<T>(x ^ y); });
    case Opcode::shift_left:
      return map<T>(out, a, [](T x, T y, T) {
        return static_cast<Bits>(y) >= width ? T{0} : static_cast<T>(static_cast<U>(x) << static_cast<U>(y));
      });
    case Opcode::shift_right_logical:
      return map<T>(out, a, [](T x, T y, T) {
        return static_cast<Bits>(y) >= width ? T{0} : static_cast<T>(static_cast<Bits>(x) >> static_cast<U>(y));
      });
    case Opcode::shift_right_arithmetic:
      return map<T>(out, a, [](T x, T y, T) {
        const auto signed_value = static_cast<std::make_signed_t<T>>(x);
        return static_cast<T>(signed_value >> (static_cast<Bits>(y) >= width ? width - 1 : static_cast<unsigned>(y)));
      });
    default:
      throw std::logic_error("no such operation on integers: " + std::string(ir::name(opcode)));
  }
}

void run_comparison(Opcode opcode, Lanes& out, const std::vector<const Lanes*>& a) {
  with_type(a[0]->dtype, [&](auto sample) {
    using T = decltype(sample);
    switch (opcode) {
      case Opcode::eq:
        return compare<T>(out, a, [](T x, T y) { return x == y; });
      case Opcode::ne:
        return compare<T>(out, a, [](T x, T y) { return x != y; });
      case Opcode::lt:
        return compare<T>(out, a, [](T x, T y) { return x < y; });
      case Opcode::le:
        return compare<T>(out, a, [](T x, T y) { return x <= y; });
      default:
        return compare<T>(out, a, [](T x, T) { return x != x; });
    }
  });
}

void run_select(Lanes& out, const std::vector<const Lanes*>& a) {
  const auto test = a[0]->as<std::uint8_t>();
  with_type(out.dtype, [&](auto sample) {
    using T = decltype(sample);
    auto to = out.as<T>();
    const auto x = a[1]->as<T>();
    const auto y = a[2]->as<T>();
    for (std::size_t k = 0; k < to.size(); ++k) to[k] = test[k] != 0 ? x[k] : y[k];
  });
}

}  // namespace

ScalarInterpreter::ScalarInterpreter(std::string_view function, bool fused) : fused_(fused) {
  function_ = compiler::add_function(program_, function);
}

Lanes ScalarInterpreter::run(const std::vector<const Lanes*>& arguments, std::size_t count) const {
  return std::move(run_region(program_.functions[function_].region, arguments, count)[0]);
}

std::vector<Lanes> ScalarInterpreter::run_region(const ir::Region& region, const std::vector<const Lanes*>& arguments,
                                                 std::size_t count) const {
  std::vector<std::vector<Lanes>> values(region.ops.size());
  for (std::size_t id = 0; id < region.ops.size(); ++id) {
    const ir::ScalarOp& op = region.ops[id];
    std::vector<const Lanes*> a;
    if (op.opcode != Opcode::element)
      for (ir::OpId argument : op.arguments) a.push_back(&values[argument][0]);
    switch (op.opcode) {
      case Opcode::branch: {
        const std::vector<const Lanes*> passed(a.begin() + 1, a.end());
        const auto test = a[0]->as<std::uint8_t>();
        std::size_t taken = 0;
        for (std::uint8_t bit : test) taken += bit;
        if (taken == count) {
          values[id] = run_region(op.regions[0], passed, count);
        } else if (taken == 0) {
          values[id] = run_region(op.regions[1], passed, count);
        } else {
          const auto first = run_region(op.regions[0], passed, count);
          const auto second = run_region(op.regions[1], passed, count);
          for (std::size_t k = 0; k < first.size(); ++k) {
            values[id].emplace_back(first[k].dtype, count);
            run_select(values[id].back(), {a[0], &first[k], &second[k]});
          }
        }
        continue;
      }
      case Opcode::repeat: {
        std::vector<Lanes> state;
        for (const Lanes* value : a) state.push_back(*value);
        Lanes active(DType::boolean, count);
        for (auto& bit : active.as<std::uint8_t>()) bit = 1;
        for (std::uint64_t step = 0; step < op.immediate; ++step) {
          std::vector<const Lanes*> passed;
          for (const Lanes& value : state) passed.push_back(&value);
          const auto test = run_region(op.regions[0], passed, count);
          run_integer<std::uint8_t>(Opcode::bit_and, active, {&active, &test[0]});
          bool any = false;
          for (std::uint8_t bit : active.as<std::uint8_t>()) any = any || bit != 0;
          if (!any) break;
          const auto next = run_region(op.regions[1], passed, count);
          for (std::size_t k = 0; k < state.size(); ++k) run_select(state[k], {&active, &next[k], &state[k]});
        }
        values[id] = std::move(state);
        continue;
      }
      case Opcode::element:
        values[id].push_back(values[op.arguments[0]].at(op.immediate));
        continue;
      case Opcode::call:
        values[id] = run_region(program_.functions.at(op.immediate).region, a, count);
        continue;
      case Opcode::argument:
        values[id].push_back(*arguments.at(op.immediate));
        continue;
      default:
        break;
    }
    Lanes& out = values[id].emplace_back(op.dtype, count);
    if (op.opcode == Opcode::constant) {
      const std::size_t width = element_bytes(op.dtype);
      for (std::size_t k = 0; k < count; ++k) std::memcpy(out.bytes.data() + k * width, &op.immediate, width);
    } else if (op.opcode == Opcode::bitcast) {
      std::memcpy(out.bytes.data(), a[0]->bytes.data(), out.bytes.size());
    } else if (op.opcode == Opcode::convert) {
      convert(out, *a[0]);
    } else if (op.opcode == Opcode::select) {
      run_select(out, a);
    } else if (ir::is_comparison(op.opcode)) {
      run_comparison(op.opcode, out, a);
    } else {
      with_type(op.dtype, [&](auto sample) {
        using T = decltype(sample);
        if constexpr (std::is_floating_point_v<T>) {
          run_float<T>(op.opcode, out, a, fused_);
        } else {
          run_integer<T>(op.opcode, out, a);
        }
      });
    }
  }
  std::vector<Lanes> results;
  for (ir::OpId result : region.results) results.push_back(values[result][0]);
  return results;
}

}  // namespace jaxc::test
