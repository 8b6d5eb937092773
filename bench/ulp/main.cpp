// jaxc_ulp: measures the errors of f32 and f64 functions as a backend runs them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "functions.h"
#include "measure.h"
#include "points.h"

namespace jaxc::ulp {

namespace {

struct Options {
  Backend backend = Backend::cpu;
  std::uint64_t stride = 1;
  std::uint64_t samples = 10'000'000;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::string> primitives;

  bool wants(const std::string& primitive) const {
    return primitives.empty() || std::find(primitives.begin(), primitives.end(), primitive) != primitives.end();
  }
};

template <typename T>
void print_row(std::string_view label, std::string_view dtype, const Worst<T>& worst) {
  std::string arguments;
  for (T argument : worst.arguments) arguments += fmt::format("{}{:.17g}", arguments.empty() ? "" : ", ", argument);
  fmt::print("{:30} {} {:10.3f} ULP at ({}) = {:.17g}, {} points\n", label, dtype, worst.error, arguments, worst.result,
             worst.count);
  std::fflush(stdout);
}

/// f32: every stride-th of all 2^32 arguments. f64: samples.
template <typename T, typename Wide>
void measure_unary(std::string_view dtype, const Options& options) {
  const std::uint64_t total = sizeof(T) == 4 ? (std::uint64_t{1} << 32) / options.stride : options.samples;
  for (const Unary<Wide>& function : unary_functions<Wide>()) {
    if (!options.wants(function.primitive)) continue;
    const auto point = [&](std::uint64_t number, std::vector<T>& arguments) {
      arguments[0] =
          sizeof(T) == 4 ? std::bit_cast<T>(static_cast<Bits<T>>(number * options.stride)) : random_argument<T>(number);
      return function.within(Wide(arguments[0]));
    };
    const auto reference = [&](const std::vector<T>& arguments) { return function.reference(Wide(arguments[0])); };
    const Executable executable = compile_primitive(function.primitive, dtype, 1, options.backend);
    print_row(function.label, dtype,
              measure<T, Wide>(executable, 1, total, options.threads, function.floor, point, reference));
  }
}

template <typename T, typename Wide>
void measure_binary(std::string_view dtype, const Options& options) {
  for (const Binary<Wide>& function : binary_functions<Wide>()) {
    if (!options.wants(function.primitive)) continue;
    const auto point = [](std::uint64_t number, std::vector<T>& arguments) {
      pair(number, arguments[0], arguments[1]);
      return true;
    };
    const auto reference = [&](const std::vector<T>& arguments) {
      return function.reference(Wide(arguments[0]), Wide(arguments[1]));
    };
    const Executable executable = compile_primitive(function.primitive, dtype, 2, options.backend);
    print_row(function.primitive, dtype,
              measure<T, Wide>(executable, 2, options.samples, options.threads, Wide(0), point, reference));
  }
}

int run(int count, char** words) {
  CLI::App app("measures the errors of f32 and f64 functions in units of the last place");
  Options options;
  std::string backend = "cpu";
  app.add_option("FUNCTION", options.primitives, "primitives to measure (default: all)");
  app.add_option("--backend", backend, "cpu, gpu, reference or eval")->capture_default_str();
  app.add_option("--stride", options.stride, "of f32 functions of one argument, every N-th bit pattern")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 31));
  app.add_option("--samples", options.samples, "arguments of f64 functions, pairs of functions of two")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "")->capture_default_str()->check(CLI::Range(1U, 1024U));
  CLI11_PARSE(app, count, words);
  try {
    options.backend = backend_from_name(backend);
    measure_unary<float, double>("f32", options);
    measure_binary<float, double>("f32", options);
    measure_unary<double, long double>("f64", options);
    measure_binary<double, long double>("f64", options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace

}  // namespace jaxc::ulp

int main(int count, char** words) {
  return jaxc::ulp::run(count, words);
}
