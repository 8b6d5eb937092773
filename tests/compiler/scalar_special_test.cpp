// Compares the special functions of the library with values computed by mpmath, and with JAX at the edges.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "scalar_interpreter.h"

namespace jaxc::test {
namespace {

struct Sample {
  std::vector<double> arguments;
  double want = 0;
};

std::map<std::string, std::vector<Sample>> read_samples() {
  std::ifstream file(JAXC_TEST_DATA "/scalar/special_functions.txt");
  std::map<std::string, std::vector<Sample>> samples;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string function;
    words >> function;
    Sample sample;
    for (std::string word; words >> word;) sample.arguments.push_back(std::strtod(word.c_str(), nullptr));
    sample.want = sample.arguments.back();
    sample.arguments.pop_back();
    samples[function].push_back(sample);
  }
  return samples;
}

template <typename T>
T apply(const ScalarInterpreter& interpreter, const std::vector<double>& arguments) {
  std::vector<Lanes> lanes;
  std::vector<const Lanes*> passed;
  for (double argument : arguments) {
    lanes.emplace_back(sizeof(T) == 4 ? DType::f32 : DType::f64, 1);
    lanes.back().as<T>()[0] = static_cast<T>(argument);
  }
  for (const Lanes& lane : lanes) passed.push_back(&lane);
  return interpreter.run(passed, 1).as<T>()[0];
}

/// What is allowed, in ULP of the greater of |value| and `floor`.
struct Bound {
  const char* name;
  double floor;
  double single_bound;
  double double_bound;
};

const Bound bounds[] = {
    {"lgamma", 0.25, 4, 4},
    {"digamma", 1, 6, 6},
    {"erf_inv", 0, 2, 3},
    {"igamma", 1, 4, 10},
    {"igammac", 1, 4, 10},
    {"igamma_grad_a", 1, 8, 8},
    {"random_gamma_grad", 1, 64, 64},
    {"regularized_incomplete_beta", 1, 20, 40},
    {"zeta", 0, 6, 6},
    {"polygamma", 0, 4, 4},
    {"bessel_i0e", 0, 2, 4},
    {"bessel_i1e", 0, 2, 4},
};

template <typename T>
void compare(const Bound& bound, double allowed) {
  using Limits = std::numeric_limits<T>;
  const auto samples = read_samples();
  const auto found = samples.find(bound.name);
  ASSERT_NE(found, samples.end());
  for (bool fused : {false, true}) {
    const ScalarInterpreter interpreter(std::string(bound.name) + (sizeof(T) == 4 ? "_f32" : "_f64"), fused);
    for (const Sample& sample : found->second) {
      int exponent = 0;
      std::frexp(std::max(std::fabs(sample.want), bound.floor), &exponent);
      const double unit = std::ldexp(1.0, std::max(exponent, Limits::min_exponent) - Limits::digits);
      const T got = apply<T>(interpreter, sample.arguments);
      EXPECT_LE(std::fabs(static_cast<double>(got) - sample.want), allowed * unit)
          << bound.name << " of " << testing::PrintToString(sample.arguments) << ": " << got << ", not " << sample.want;
    }
  }
}

class SpecialFunction : public testing::TestWithParam<Bound> {};

TEST_P(SpecialFunction, IsWithinItsBoundInSinglePrecision) {
  compare<float>(GetParam(), GetParam().single_bound);
}

TEST_P(SpecialFunction, IsWithinItsBoundInDoublePrecision) {
  compare<double>(GetParam(), GetParam().double_bound);
}

INSTANTIATE_TEST_SUITE_P(Scalar, SpecialFunction, testing::ValuesIn(bounds),
                         [](const auto& bound) { return std::string(bound.param.name); });

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Edge {
  const char* name;
  std::vector<double> arguments;
  double want;
};

// What JAX 0.10 gives.
const Edge edges[] = {
    {"digamma", {0}, nan},
    {"digamma", {-2}, nan},
    {"digamma", {infinite}, infinite},
    {"digamma", {-infinite}, nan},
    {"lgamma", {0}, infinite},
    {"lgamma", {-0.0}, infinite},
    {"lgamma", {1}, 0},
    {"lgamma", {2}, 0},
    {"lgamma", {-3}, infinite},
    {"lgamma", {infinite}, infinite},
    {"lgamma", {-infinite}, infinite},
    {"lgamma", {nan}, nan},
    {"erf_inv", {1}, infinite},
    {"erf_inv", {-1}, -infinite},
    {"erf_inv", {1.5}, nan},
    {"erf_inv", {-0.0}, -0.0},
    {"bessel_i0e", {0}, 1},
    {"bessel_i0e", {-infinite}, 0},
    {"bessel_i1e", {-0.0}, -0.0},
    {"bessel_i1e", {infinite}, 0},
    {"igamma", {0, 1}, 1},
    {"igamma", {1, 0}, 0},
    {"igamma", {1, infinite}, 1},
    {"igamma", {0, 0}, nan},
    {"igamma", {infinite, 1}, 0},
    {"igammac", {infinite, 1}, 1},
    {"igamma", {1, -1}, nan},
    {"igamma", {-1, 1}, nan},
    {"igamma", {infinite, infinite}, 1},
    {"igammac", {0, 1}, 0},
    {"igammac", {1, 0}, 1},
    {"igammac", {1, infinite}, 0},
    {"igammac", {nan, 1}, nan},
    {"igamma_grad_a", {1, 0}, 0},
    {"igamma_grad_a", {0, 1}, nan},
    {"random_gamma_grad", {2, 0}, 0},
    {"random_gamma_grad", {1, infinite}, nan},
    {"polygamma", {1.5, 1}, nan},
    {"polygamma", {-1, 1}, nan},
    {"polygamma", {1, 0}, infinite},
    {"polygamma", {1, -1}, infinite},
    {"zeta", {1, 1}, infinite},
    {"zeta", {0.5, 1}, nan},
    {"zeta", {2, -1}, infinite},
    {"zeta", {infinite, 1}, nan},
    {"zeta", {2, infinite}, nan},
    {"regularized_incomplete_beta", {0, 1, 0.5}, 1},
    {"regularized_incomplete_beta", {1, 0, 0.5}, 0},
    {"regularized_incomplete_beta", {1, 1, 1}, 1},
    {"regularized_incomplete_beta", {1, 1, 0}, 0},
    {"regularized_incomplete_beta", {1, 1, 2}, nan},
    {"regularized_incomplete_beta", {-1, 1, 0.5}, nan},
    {"regularized_incomplete_beta", {infinite, 1, 0.5}, 0},
};

template <typename T>
void expect_edges() {
  for (const Edge& edge : edges) {
    const ScalarInterpreter interpreter(std::string(edge.name) + (sizeof(T) == 4 ? "_f32" : "_f64"), true);
    const T got = apply<T>(interpreter, edge.arguments);
    const std::string what = edge.name + testing::PrintToString(edge.arguments);
    if (std::isnan(edge.want)) {
      EXPECT_TRUE(std::isnan(got)) << what << ": " << got;
    } else {
      EXPECT_EQ(static_cast<double>(got), edge.want) << what;
      EXPECT_EQ(std::signbit(got), std::signbit(edge.want)) << what;
    }
  }
}

TEST(SpecialFunctions, AgreeWithJaxAtTheEdges) {
  expect_edges<float>();
  expect_edges<double>();
}

}  // namespace
}  // namespace jaxc::test
