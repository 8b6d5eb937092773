// Runs random programs on the backends and compares them with the naive evaluator.
//
//   random_programs --count 2000 --seed 1 --backend reference,cpu --save build/failures
//
// With --write FOLDER the programs are written instead, and with --read FOLDER the results that tests/random/in_jax.py
// left beside them are compared with the evaluator:
//
//   random_programs --count 500 --write build/random
//   python tests/random/in_jax.py build/random
//   random_programs --count 500 --read build/random
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "ir/printer.h"
#include "makers.h"
#include "program.h"

namespace jaxc::random_programs {
namespace {

struct Options {
  std::uint64_t count = 2000;
  std::uint64_t seed = 1;
  std::vector<std::string> backends = {"reference", "cpu"};
  std::string folder;
  std::string write;
  std::string read;
  std::size_t equations = 60;
  bool list = false;
};

/// A message without its place and numbers, so that equal ones are counted together.
std::string kind_of(const std::string& message) {
  std::string text;
  for (char c : message.substr(0, message.find('\n')))
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) text += c;
  return text.substr(0, 110);
}

void print_counts(const std::map<ir::Primitive, std::size_t>& counts) {
  std::string absent;
  std::string made;
  for (std::size_t k = 0; k < ir::primitive_count; ++k) {
    const auto primitive = static_cast<ir::Primitive>(k);
    const auto found = counts.find(primitive);
    if (found == counts.end())
      absent += fmt::format(" {}", name(primitive));
    else
      made += fmt::format(" {}:{}", name(primitive), found->second);
  }
  fmt::print("made{}\nnever made:{}\n", made, absent);
}

int run(const Options& options) {
  if (!options.write.empty()) std::filesystem::create_directories(options.write);
  std::vector<Backend> backends;
  for (const std::string& backend : options.backends) backends.push_back(backend_from_name(backend));
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::size_t refused = 0;
  Comparison comparison;
  std::map<ir::Primitive, std::size_t> counts;
  std::map<std::string, std::size_t> refusals;
  for (std::uint64_t seed = options.seed; seed < options.seed + options.count; ++seed) {
    TestProgram program;
    try {
      program = generate(seed, options.equations);
    } catch (const std::exception& error) {
      ++failed;
      fmt::print("seed {} FAILED: the evaluator: {}\n", seed, error.what());
      continue;
    }
    for (const auto& [primitive, count] : program.counts) counts[primitive] += count;
    if (!options.write.empty()) {
      save(program, fmt::format("{}/seed{}", options.write, seed));
      continue;
    }
    const Outcome outcome = options.read.empty()
                                ? check_apart(program, backends)
                                : check_results(program, fmt::format("{}/seed{}.jax.safetensors", options.read, seed));
    comparison += outcome.comparison;
    if (outcome.kind == Outcome::Kind::passed) {
      ++passed;
    } else if (outcome.kind == Outcome::Kind::refused) {
      ++refused;
      if (++refusals[kind_of(outcome.message)] == 1) fmt::print("seed {} refused: {}\n", seed, outcome.message);
    } else {
      ++failed;
      fmt::print("seed {} FAILED: {}\n", seed, outcome.message);
      if (!options.read.empty()) continue;
      const TestProgram small = minimise(program, backends);
      fmt::print("{}\n{}\n", check_apart(small, backends).message, ir::print(small.jaxpr));
      if (!options.folder.empty()) {
        std::filesystem::create_directories(options.folder);
        save(small, fmt::format("{}/seed{}", options.folder, seed));
      }
    }
    std::fflush(stdout);
  }
  if (options.list) print_counts(counts);
  for (const auto& [message, count] : refusals) fmt::print("{} refused: {}\n", count, message);
  fmt::print("{} elements compared, {} not, because rounding decides them\n", comparison.compared, comparison.unstable);
  fmt::print("{} passed, {} failed, {} refused\n", passed, failed, refused);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace jaxc::random_programs

int main(int count, char** arguments) {
  jaxc::random_programs::Options options;
  CLI::App app{"random_programs: compares backends with the naive evaluator on random programs"};
  app.add_option("--count", options.count, "how many programs");
  app.add_option("--seed", options.seed, "of the first program; the next has the next one");
  app.add_option("--backend", options.backends, "reference, cpu, gpu")->delimiter(',');
  app.add_option("--save", options.folder, "a folder for the failing programs, made small");
  app.add_option("--equations", options.equations, "the most equations of a program");
  app.add_option("--write", options.write, "a folder for all programs, which are not run");
  app.add_option("--read", options.read, "a folder of results to compare instead of running");
  app.add_flag("--list", options.list, "count the primitives that occur");
  CLI11_PARSE(app, count, arguments);
  try {
    return jaxc::random_programs::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "random_programs: {}\n", error.what());
    return 2;
  }
}
