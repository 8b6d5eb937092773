// Checks conversions of f16 and bf16 against exact arithmetic: all values outward, roundings inward.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "scalar_interpreter.h"

namespace jaxc::test {
namespace {

struct Storage {
  const char* name;
  int mantissa_bits;
  int bias;
};

constexpr Storage half = {"f16", 10, 15};
constexpr Storage brain = {"bf16", 7, 127};

/// The number that a stored pattern stands for.
double decode(Storage storage, std::uint16_t bits) {
  const int exponent = (bits & 0x7fff) >> storage.mantissa_bits;
  const int mantissa = bits & ((1 << storage.mantissa_bits) - 1);
  const int largest = (1 << (15 - storage.mantissa_bits)) - 1;
  double value = 0;
  if (exponent == largest) {
    value = mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else {
    const int significand = exponent == 0 ? mantissa : mantissa | (1 << storage.mantissa_bits);
    value = std::ldexp(significand, std::max(exponent, 1) - storage.bias - storage.mantissa_bits);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

/// The pattern nearest to a number, ties to the even one: patterns of one sign are ordered as their numbers.
std::uint16_t encode(Storage storage, double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const auto infinite = static_cast<std::uint16_t>(((1 << (15 - storage.mantissa_bits)) - 1) << storage.mantissa_bits);
  if (std::isnan(value)) return sign | infinite | static_cast<std::uint16_t>(1 << (storage.mantissa_bits - 1));
  const double magnitude = std::fabs(value);
  std::uint16_t low = 0;
  std::uint16_t high = infinite;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (decode(storage, middle) <= magnitude ? low : high) = middle;
  }
  if (magnitude == std::numeric_limits<double>::infinity()) return sign | infinite;
  // Infinity stands for the next number after the largest one.
  const double above = high == infinite ? 2 * decode(storage, low) - decode(storage, low - 1) : decode(storage, high);
  const double to_low = magnitude - decode(storage, low);
  const double to_high = above - magnitude;
  const bool up = to_high < to_low || (to_high == to_low && low % 2 == 1);
  return sign | (up ? high : low);
}

template <typename T>
constexpr DType dtype_of = sizeof(T) == 4 ? DType::f32 : DType::f64;

template <typename T>
void expect_outward(Storage storage) {
  const ScalarInterpreter interpreter(fmt::format("{}_from_{}", name(dtype_of<T>), storage.name), true);
  Lanes stored(DType::u16, 65536);
  for (std::size_t k = 0; k < 65536; ++k) stored.as<std::uint16_t>()[k] = static_cast<std::uint16_t>(k);
  const Lanes got = interpreter.run({&stored}, 65536);
  for (std::size_t k = 0; k < 65536; ++k) {
    const auto want = static_cast<T>(decode(storage, static_cast<std::uint16_t>(k)));
    const T value = got.as<T>()[k];
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(value)) << k;
    } else {
      ASSERT_EQ(value, want) << k;
      ASSERT_EQ(std::signbit(value), std::signbit(want)) << k;
    }
  }
}

template <typename T>
void expect_inward(Storage storage) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const ScalarInterpreter interpreter(fmt::format("{}_from_{}", storage.name, name(dtype_of<T>)), true);
  std::vector<T> values = {std::numeric_limits<T>::max(), std::numeric_limits<T>::denorm_min(),
                           std::numeric_limits<T>::infinity()};
  // Numbers, the middles between neighbours, and numbers beside these.
  for (std::uint32_t k = 0; k < 0x7c00; k += 7) {
    const auto middle = static_cast<T>(
        (decode(storage, static_cast<std::uint16_t>(k)) + decode(storage, static_cast<std::uint16_t>(k + 1))) / 2);
    if (!std::isfinite(middle)) continue;
    values.insert(values.end(), {middle, std::nextafter(middle, T{0}), std::nextafter(middle, T{1e30F})});
  }
  std::mt19937_64 random(3);
  for (int k = 0; k < 20000; ++k) values.push_back(std::bit_cast<T>(static_cast<Bits>(random())));
  for (std::size_t k = 0, count = values.size(); k < count; ++k) values.push_back(-values[k]);
  Lanes wide(dtype_of<T>, values.size());
  std::copy(values.begin(), values.end(), wide.as<T>().begin());
  const Lanes got = interpreter.run({&wide}, values.size());
  for (std::size_t k = 0; k < values.size(); ++k)
    ASSERT_EQ(got.as<std::uint16_t>()[k], encode(storage, values[k])) << values[k];
}

TEST(ScalarConversions, GiveTheNumbersThatPatternsStandFor) {
  expect_outward<float>(half);
  expect_outward<double>(half);
  expect_outward<float>(brain);
  expect_outward<double>(brain);
}

TEST(ScalarConversions, RoundOnceToNearestEven) {
  expect_inward<float>(half);
  expect_inward<double>(half);
  expect_inward<float>(brain);
  expect_inward<double>(brain);
}

}  // namespace
}  // namespace jaxc::test
