// Measures the elementary functions of the library against libm in a wider type, over samples of all exponents.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "scalar_interpreter.h"

namespace jaxc::test {
namespace {

using Wide = long double;

struct Row {
  const char* name;
  Wide (*reference)(Wide);
  double single_bound;  ///< in ULP, for f32
  double double_bound;  ///< for f64
};

const Row rows[] = {
    {"exp", std::exp, 1.1, 1.1},
    {"exp2", std::exp2, 1.2, 1.2},
    {"expm1", std::expm1, 1.6, 2.0},
    {"log", std::log, 0.9, 0.9},
    {"log2", std::log2, 1.8, 1.3},
    {"log1p", std::log1p, 1.5, 1.5},
    {"tanh", std::tanh, 1.5, 1.5},
    {"logistic", [](Wide x) { return 1 / (1 + std::exp(-x)); }, 1.6, 1.6},
    {"sin", std::sin, 1.9, 1.7},
    {"cos", std::cos, 2.0, 1.7},
    {"tan", std::tan, 1.5, 1.6},
    {"asin", std::asin, 1.7, 1.9},
    {"acos", std::acos, 1.3, 1.3},
    {"atan", std::atan, 1.6, 2.0},
    {"sinh", std::sinh, 1.7, 1.8},
    {"cosh", std::cosh, 1.6, 1.6},
    {"asinh", std::asinh, 1.5, 1.5},
    {"acosh", std::acosh, 1.5, 1.7},
    {"atanh", std::atanh, 1.5, 1.5},
    {"cbrt", std::cbrt, 1.2, 1.2},
    {"rsqrt", [](Wide x) { return 1 / std::sqrt(x); }, 1.6, 1.6},
    {"erf", std::erf, 1.3, 1.3},
    {"erfc", std::erfc, 1.5, 1.6},
};

struct PairRow {
  const char* name;
  Wide (*reference)(Wide, Wide);
  double single_bound;
  double double_bound;
};

const PairRow pair_rows[] = {
    {"pow", std::pow, 1.4, 1.4},
    {"atan2", std::atan2, 1.7, 1.9},
};

/// The error in units of the last place that a result near `want` has; infinite for a wrong NaN, infinity or zero's
/// sign.
template <typename T>
double error_in_ulp(T got, Wide want) {
  using Limits = std::numeric_limits<T>;
  const double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : wrong;
  if (std::isinf(want)) return static_cast<Wide>(got) == want ? 0 : wrong;
  if (want == 0) return got == 0 && std::signbit(got) == std::signbit(want) ? 0 : wrong;
  // The first power of two beyond the type stands for infinity and for all numbers above.
  const Wide beyond = std::ldexp(Wide{1}, Limits::max_exponent);
  want = std::clamp(want, -beyond, beyond);
  const Wide value = std::isinf(got) ? std::copysign(beyond, got) : Wide{got};
  int exponent = 0;
  std::frexp(want, &exponent);
  exponent = std::clamp(exponent, Limits::min_exponent, Limits::max_exponent);
  return static_cast<double>(std::fabs(std::ldexp(value - want, Limits::digits - exponent)));
}

/// Numbers of every exponent and sign, the special ones first.
template <typename T>
std::vector<T> samples(std::size_t count_wanted) {
  using Limits = std::numeric_limits<T>;
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  std::vector<T> values;
  for (T magnitude : {T{0}, Limits::denorm_min(), Limits::min(), Limits::min() / 2, T{0.5}, T{1}, 1 + Limits::epsilon(),
                      1 - Limits::epsilon() / 2, T{2}, T(3.14159265358979323846), T(1e22), T{709.5}, T{88.5},
                      Limits::max(), Limits::infinity()})
    values.insert(values.end(), {magnitude, -magnitude});
  values.push_back(Limits::quiet_NaN());
  // Beside the multiples of pi / 2, where sines and tangents cancel most.
  for (int count = 1; count < 4096 && values.size() < count_wanted; ++count)
    values.push_back(static_cast<T>(count * 1.570796326794896619231321691639751442L));
  for (int count = 1; count < 4096 && values.size() < count_wanted; ++count)
    values.push_back(static_cast<T>((count * 163 + 1) * 1.570796326794896619231321691639751442L));
  std::mt19937_64 random(1);
  while (values.size() < count_wanted) {
    values.push_back(std::bit_cast<T>(static_cast<Bits>(random())));
    const auto fraction = static_cast<T>(static_cast<double>(static_cast<std::int64_t>(random())) * 0x1p-63);
    values.push_back(std::ldexp(fraction, static_cast<int>(random() % 14) - 4));
  }
  values.resize(count_wanted);
  return values;
}

constexpr std::size_t lanes = 512;

template <typename T>
constexpr DType dtype_of = sizeof(T) == 4 ? DType::f32 : DType::f64;

template <typename T>
Lanes lanes_of(const std::vector<T>& values, std::size_t first) {
  Lanes result(dtype_of<T>, lanes);
  std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(first), lanes, result.as<T>().begin());
  return result;
}

template <typename T>
std::string function_name(const char* stem) {
  return fmt::format("{}_{}", stem, name(dtype_of<T>));
}

template <typename T>
void measure(const Row& row, double bound) {
  const std::vector<T> values = samples<T>(128 * lanes);
  for (bool fused : {false, true}) {
    const ScalarInterpreter interpreter(function_name<T>(row.name), fused);
    double worst = 0;
    T worst_at = 0;
    for (std::size_t first = 0; first < values.size(); first += lanes) {
      const Lanes x = lanes_of(values, first);
      const Lanes y = interpreter.run({&x}, lanes);
      for (std::size_t k = 0; k < lanes; ++k) {
        const double error = error_in_ulp<T>(y.as<T>()[k], row.reference(x.as<T>()[k]));
        if (error > worst) worst_at = x.as<T>()[k];
        worst = std::max(worst, error);
      }
    }
    EXPECT_LE(worst, bound) << function_name<T>(row.name) << " at " << worst_at << ", mul_add fused: " << fused;
  }
}

template <typename T>
void measure(const PairRow& row, double bound) {
  const std::vector<T> special = samples<T>(lanes / 16);
  std::vector<T> left = samples<T>(128 * lanes);
  std::vector<T> right = left;
  std::mt19937_64 random(2);
  std::shuffle(right.begin(), right.end(), random);
  for (std::size_t k = 0; k < special.size() * special.size(); ++k) {
    left[k] = special[k / special.size()];
    right[k] = special[k % special.size()];
  }
  // Moderate powers, and negative bases with integer exponents.
  for (std::size_t k = left.size() / 2; k < left.size(); ++k) {
    const auto fraction = static_cast<T>(static_cast<double>(static_cast<std::int64_t>(random())) * 0x1p-63);
    left[k] = k % 3 == 0 ? T(-1) * static_cast<T>(random() % 100) : 1 + std::ldexp(fraction, -static_cast<int>(k % 20));
    right[k] = k % 3 == 0 ? static_cast<T>(random() % 21) - 10 : std::ldexp(fraction, static_cast<int>(random() % 24));
  }
  for (bool fused : {false, true}) {
    const ScalarInterpreter interpreter(function_name<T>(row.name), fused);
    for (std::size_t first = 0; first < left.size(); first += lanes) {
      const Lanes x = lanes_of(left, first);
      const Lanes y = lanes_of(right, first);
      const Lanes z = interpreter.run({&x, &y}, lanes);
      for (std::size_t k = 0; k < lanes; ++k) {
        const T a = x.as<T>()[k];
        const T b = y.as<T>()[k];
        ASSERT_LE(error_in_ulp<T>(z.as<T>()[k], row.reference(a, b)), bound)
            << function_name<T>(row.name) << " at " << a << ", " << b << ": " << z.as<T>()[k];
      }
    }
  }
}

class Elementary : public testing::TestWithParam<Row> {};

TEST_P(Elementary, IsWithinItsBoundInSinglePrecision) {
  measure<float>(GetParam(), GetParam().single_bound);
}

TEST_P(Elementary, IsWithinItsBoundInDoublePrecision) {
  measure<double>(GetParam(), GetParam().double_bound);
}

INSTANTIATE_TEST_SUITE_P(Scalar, Elementary, testing::ValuesIn(rows),
                         [](const auto& row) { return std::string(row.param.name); });

class ElementaryPair : public testing::TestWithParam<PairRow> {};

TEST_P(ElementaryPair, IsWithinItsBoundInSinglePrecision) {
  measure<float>(GetParam(), GetParam().single_bound);
}

TEST_P(ElementaryPair, IsWithinItsBoundInDoublePrecision) {
  measure<double>(GetParam(), GetParam().double_bound);
}

INSTANTIATE_TEST_SUITE_P(Scalar, ElementaryPair, testing::ValuesIn(pair_rows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace jaxc::test
