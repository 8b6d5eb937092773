// jaxc check: programs against the outputs recorded beside them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "compare.h"
#include "jaxc/jaxc.h"
#include "options.h"
#include "progress.h"

namespace jaxc::tools {

namespace {

struct CheckOptions {
  std::vector<std::string> paths;
  double tolerance = 0;  ///< 0: each file's own
  bool list = false;
  BackendOptions backend;
};

constexpr double default_tolerance = 1e-5;

// Every .jaxpr file among the paths, folders searched, that has its data beside it; sorted.
std::vector<std::string> programs(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  const auto add = [&](const fs::path& path) {
    if (path.extension() == ".jaxpr" && fs::exists(data_path_beside(path.string()))) found.push_back(path.string());
  };
  for (const std::string& path : paths) {
    if (fs::is_directory(path)) {
      for (const auto& entry : fs::recursive_directory_iterator(path)) add(entry.path());
    } else if (fs::exists(path)) {
      if (!fs::exists(data_path_beside(path)))
        throw Error(fmt::format("{}: there is no {} beside it to check against", path, data_path_beside(path)));
      add(path);
    } else {
      throw Error(fmt::format("{}: no such file or folder", path));
    }
  }
  if (found.empty()) throw Error(fmt::format("{}: there is no .jaxpr with a .safetensors beside it", paths.front()));
  std::sort(found.begin(), found.end());
  return found;
}

// What is wrong with a tolerance given to the command; "" when nothing is.
std::string positive_problem(const std::string& text) {
  const char* end = text.data() + text.size();
  double value = 0;
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || rest != end || std::isnan(value)) return fmt::format("must be a number, got {}", text);
  return value > 0 ? "" : fmt::format("must be above 0, got {}", text);
}

// The tolerance that a data file names.
double tolerance_of(const std::string& text) {
  const char* end = text.data() + text.size();
  double value = 0;
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || rest != end || !(value >= 0) || !std::isfinite(value))
    throw Error(fmt::format("rtol: a finite number from 0 on in the data's metadata, got {}", text));
  return value;
}

// Nothing when the program's results agree with the recorded ones; else what went wrong.
std::optional<std::string> failure(const std::string& path, const CheckOptions& options) {
  try {
    const Safetensors data = Safetensors::load(data_path_beside(path));
    const Program program = Program::load(path).with_data(data);
    std::vector<Array> inputs;
    for (std::size_t k = 0; k < program.inputs().size(); ++k) {
      const std::string name = fmt::format("in{}", k);
      if (!data.arrays.contains(name)) return fmt::format("input {} is missing from the data", name);
      inputs.push_back(data.array(name, program.inputs()[k]));
    }
    double tolerance = options.tolerance;
    if (tolerance == 0) {
      const auto recorded = data.metadata.find("rtol");
      tolerance = recorded == data.metadata.end() ? default_tolerance : tolerance_of(recorded->second);
    }
    const std::vector<Array> outputs = compile(program, options.backend.compile_options()).run(inputs);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const std::string name = fmt::format("out{}", k);
      if (!data.arrays.contains(name)) return fmt::format("output {} is missing from the data", name);
      if (const auto problem = disagreement(outputs[k], data.array(name, outputs[k].type()), tolerance))
        return fmt::format("out{} {}", k, *problem);
    }
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  }
}

void check(const CheckOptions& options, int& exit_code) {
  Progress progress;
  std::size_t passed = 0;
  std::size_t failed = 0;
  const std::vector<std::string> found = programs(options.paths);
  for (const std::string& path : found) {
    progress.show(fmt::format("{}/{} {}", passed + failed + 1, found.size(), path));
    const auto problem = failure(path, options);
    progress.clear();
    if (problem) {
      ++failed;
      std::string line = *problem;
      std::replace(line.begin(), line.end(), '\n', ' ');
      // Errors in the program's text begin with its path.
      fmt::print("FAILED {}\n", line.starts_with(path + ":") ? line : path + ": " + line);
    } else {
      ++passed;
      if (options.list) fmt::print("passed {}\n", path);
    }
    std::fflush(stdout);
  }
  fmt::print("{} passed, {} failed\n", passed, failed);
  if (failed > 0) exit_code = 1;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand(
      "check", "Run every X.jaxpr that has an X.safetensors beside it and compare with the outputs recorded there");
  command->add_option("paths", options->paths, "files and folders")->required();
  command
      ->add_option("--rtol", options->tolerance,
                   "|got - want| <= rtol * (|want| + max |want|); by default each "
                   "file's own")
      ->check(CLI::Validator(positive_problem, "above 0"));
  command->add_flag("--list", options->list, "also name the programs that pass");
  options->backend.add_to(*command);
  command->callback([options, &exit_code] { check(*options, exit_code); });
}

}  // namespace jaxc::tools
