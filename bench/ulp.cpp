// jaxc_ulp: measures the error of f32 functions as a backend runs them, over all arguments or a part of them.
//
//   jaxc_ulp [--backend cpu] [--stride N] [--threads N] [FUNCTION...]
//
// N-th bit patterns only with --stride; all functions by default.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "jaxc/jaxc.h"

namespace {

struct Row {
  const char* name;
  double (*reference)(double);
};

const Row rows[] = {
    {"exp", std::exp},
    {"exp2", std::exp2},
    {"expm1", std::expm1},
    {"log", std::log},
    {"log1p", std::log1p},
    {"tanh", std::tanh},
    {"sin", std::sin},
    {"cos", std::cos},
    {"tan", std::tan},
    {"asin", std::asin},
    {"acos", std::acos},
    {"atan", std::atan},
    {"sinh", std::sinh},
    {"cosh", std::cosh},
    {"asinh", std::asinh},
    {"acosh", std::acosh},
    {"atanh", std::atanh},
    {"cbrt", std::cbrt},
    {"erf", std::erf},
    {"erfc", std::erfc},
    {"lgamma", [](double x) { return std::lgamma(x); }},
    {"log2", std::log2},
    {"logistic", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
};

/// In units of the last place that a float near `want` has; infinite for a wrong NaN, infinity or sign of zero.
/// The first power of two beyond the type stands for infinity.
double error_in_ulp(float got, double want) {
  constexpr double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : wrong;
  if (want == 0) return got == 0 && std::signbit(got) == std::signbit(want) ? 0 : wrong;
  if (std::isinf(want)) return got == want ? 0 : wrong;
  const double bounded = std::fmin(std::fmax(want, -0x1p128), 0x1p128);
  const double value = std::isinf(got) ? std::copysign(0x1p128, got) : got;
  int exponent = 0;
  std::frexp(bounded, &exponent);
  exponent = std::min(std::max(exponent, -125), 128);
  return std::fabs(std::ldexp(value - bounded, 24 - exponent));
}

struct Worst {
  double error = 0;
  float argument = 0;
  float result = 0;
};

constexpr std::size_t block = 4096;
constexpr std::uint64_t patterns = std::uint64_t{1} << 32;

/// The worst of every stride-th pattern in [first, last).
Worst measure(const jaxc::Executable& executable, const Row& row, std::uint64_t first, std::uint64_t last,
              std::uint64_t stride) {
  std::vector<float> arguments(block);
  std::vector<float> results(block);
  Worst worst;
  for (std::uint64_t start = first; start < last; start += block * stride) {
    for (std::size_t k = 0; k < block; ++k)
      arguments[k] = std::bit_cast<float>(static_cast<std::uint32_t>(start + k * stride));
    executable.run_into(std::vector<const void*>{arguments.data()}, std::vector<void*>{results.data()});
    for (std::size_t k = 0; k < block; ++k) {
      const double error = error_in_ulp(results[k], row.reference(arguments[k]));
      if (error > worst.error) worst = {error, arguments[k], results[k]};
    }
  }
  return worst;
}

void report(const Row& row, jaxc::Backend backend, std::uint64_t stride, unsigned thread_count) {
  const jaxc::Program program = jaxc::Program::parse(
      fmt::format("{{ lambda ; a:f32[{}]. let b:f32[{}] = {} a in (b,) }}", block, block, row.name));
  const jaxc::Executable executable = jaxc::compile(program, {.backend = backend});
  std::vector<Worst> parts(thread_count);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t] {
      parts[t] = measure(executable, row, patterns / thread_count * t, patterns / thread_count * (t + 1), stride);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Worst worst;
  for (const Worst& part : parts)
    if (part.error > worst.error) worst = part;
  fmt::print("{:10} {:8.3f} ULP at {:.9g}: {:.9g}, {} arguments\n", row.name, worst.error, worst.argument, worst.result,
             patterns / stride);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** words) {
  std::uint64_t stride = 1;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::string backend = "cpu";
  std::vector<std::string> names;
  for (int k = 1; k < count; ++k) {
    const std::string word = words[k];
    if (word == "--stride" && k + 1 < count) {
      stride = std::max(1ULL, std::strtoull(words[++k], nullptr, 10));
    } else if (word == "--threads" && k + 1 < count) {
      threads = static_cast<unsigned>(std::max(1ULL, std::strtoull(words[++k], nullptr, 10)));
    } else if (word == "--backend" && k + 1 < count) {
      backend = words[++k];
    } else {
      names.push_back(word);
    }
  }
  try {
    for (const Row& row : rows)
      if (names.empty() || std::find(names.begin(), names.end(), row.name) != names.end())
        report(row, jaxc::backend_from_name(backend), stride, threads);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
  return 0;
}
