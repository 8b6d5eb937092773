// Arguments to measure at: random numbers that depend on their number alone, and hard cases.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>
#include <vector>

namespace jaxc::ulp {

template <typename T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// A random word for each number (SplitMix64, Steele, Lea and Flood 2014).
inline std::uint64_t random_word(std::uint64_t number) {
  std::uint64_t z = (number + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// In [-1, 1).
inline double random_uniform(std::uint64_t number) {
  return std::ldexp(static_cast<double>(static_cast<std::int64_t>(random_word(number))), -63);
}

/// All bit patterns in turn with uniform numbers on scales from 1/16 to 1024, and floats beside the multiples of
/// pi / 2, where the reduction of angles cancels most.
template <typename T>
T random_argument(std::uint64_t number) {
  const std::uint64_t choice = number % 8;
  if (choice < 3) return std::bit_cast<T>(static_cast<Bits<T>>(random_word(number)));
  if (choice < 7) return static_cast<T>(std::ldexp(random_uniform(number), static_cast<int>(number / 8 % 15) - 4));
  const auto quarters = static_cast<long double>(random_word(number) >> (44 + number / 8 % 20));
  return static_cast<T>(quarters * std::numbers::pi_v<long double> / 2);
}

/// Values at which functions of two arguments have their edges.
template <typename T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values;
  for (T value : {T(0), Limits::denorm_min(), Limits::min(), T(0.5), T(1) - Limits::epsilon() / 2, T(1),
                  T(1) + Limits::epsilon(), T(1.5), T(2), T(3), T(1e10), Limits::max(), Limits::infinity()})
    values.insert(values.end(), {value, -value});
  values.push_back(Limits::quiet_NaN());
  return values;
}

/// All pairs of special values first, then random ones; among them bases near 1 with large exponents, and negative
/// bases with integer exponents.
template <typename T>
void pair(std::uint64_t number, T& first, T& second) {
  static const std::vector<T> special = special_values<T>();
  if (number < special.size() * special.size()) {
    first = special[number / special.size()];
    second = special[number % special.size()];
    return;
  }
  first = random_argument<T>(2 * number);
  second = random_argument<T>(2 * number + 1);
  if (number % 4 == 1) {
    first = static_cast<T>(1 + std::ldexp(random_uniform(3 * number), -static_cast<int>(number / 4 % 20)));
    second = static_cast<T>(std::ldexp(random_uniform(5 * number), static_cast<int>(number / 4 % 30)));
  } else if (number % 4 == 2) {
    first = static_cast<T>(-16 * std::fabs(random_uniform(3 * number)));
    second = std::round(static_cast<T>(100 * random_uniform(5 * number)));
  }
}

}  // namespace jaxc::ulp
