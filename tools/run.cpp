// jaxc run: one program on one set of inputs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "format.h"
#include "jaxc/jaxc.h"
#include "options.h"
#include "progress.h"
#include "trace.h"

namespace jaxc::tools {

namespace {

struct RunOptions {
  std::string program;
  std::string data;
  std::string out;
  std::string cache = default_cache_folder();
  bool no_cache = false;
  int repeat = 0;
  std::string profile;
  BackendOptions backend;
};

std::vector<Array> named_inputs(const Safetensors& data, const std::string& path, const std::vector<Type>& types) {
  std::vector<Array> inputs;
  for (std::size_t k = 0; k < types.size(); ++k) {
    const std::string name = fmt::format("in{}", k);
    if (!data.arrays.contains(name))
      throw Error(
          fmt::format("{}: input {} is missing; the program's inputs are in0 to in{}", path, name, types.size() - 1));
    inputs.push_back(data.array(name, types[k]));
  }
  return inputs;
}

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// The median time of `repeat` calls into the same output memory.
double median_milliseconds(const Executable& executable, const std::vector<Array>& inputs, int repeat,
                           Progress& progress) {
  std::vector<const void*> sources;
  for (const Array& input : inputs) sources.push_back(input.bytes().data());
  std::vector<Array> results;
  std::vector<void*> targets;
  for (const Type& type : executable.outputs()) results.emplace_back(type);
  for (Array& result : results) targets.push_back(result.mutable_bytes().data());
  std::vector<double> times;
  double elapsed = 0;
  for (int k = 0; k < repeat; ++k) {
    const auto start = std::chrono::steady_clock::now();
    executable.run_into(sources, targets);
    times.push_back(milliseconds_since(start));
    elapsed += times.back();
    // Seldom, so that it does not disturb what is timed.
    if (elapsed >= 200) {
      progress.show(fmt::format("run {} of {}", k + 1, repeat));
      elapsed = 0;
    }
  }
  std::nth_element(times.begin(), times.begin() + repeat / 2, times.end());
  return times[static_cast<std::size_t>(repeat / 2)];
}

void run(const RunOptions& options) {
  if (!options.out.empty()) require_writable("--out", options.out);
  if (!options.profile.empty()) require_writable("--profile", options.profile);
  const auto begin = std::chrono::steady_clock::now();
  Program program = Program::load(options.program);
  std::vector<Array> inputs;
  std::string data_path = options.data.empty() ? data_path_beside(options.program) : options.data;
  if (!options.data.empty() || std::filesystem::exists(data_path)) {
    const Safetensors data = Safetensors::load(data_path);
    program = program.with_data(data);
    inputs = named_inputs(data, data_path, program.inputs());
  } else if (!program.inputs().empty()) {
    throw Error(
        fmt::format("{}: the program takes inputs, {} in number, and there is no {}; give --data FILE.safetensors",
                    options.program, program.inputs().size(), data_path));
  }
  CompileOptions compile_options = options.backend.compile_options();
  if (!options.no_cache) compile_options.cache_folder = options.cache;
  compile_options.profile = !options.profile.empty();
  const double load_milliseconds = milliseconds_since(begin);
  const auto start = std::chrono::steady_clock::now();
  Progress progress;
  progress.show("compiling");
  const Executable executable = compile(program, compile_options);
  const double compile_milliseconds = milliseconds_since(start);
  const double run_begin = milliseconds_since(begin);
  progress.show("running");
  const std::vector<Array> outputs = executable.run(inputs);
  progress.clear();
  Safetensors results;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const std::string output = fmt::format("out{}", k);
    fmt::print("{:<6} {:<16} {}\n", output, to_string(outputs[k].type()), summary(outputs[k]));
    results.arrays.emplace(output, outputs[k]);
  }
  if (!options.out.empty()) results.save(options.out);
  if (options.repeat > 0) {
    const bool cached = !executable.compile_times().empty() && executable.compile_times().front().pass == "read cache";
    fmt::print("compile {:.3f} ms{}\n", compile_milliseconds, cached ? " (kept by an earlier run)" : "");
    const double median = median_milliseconds(executable, inputs, options.repeat, progress);
    progress.clear();
    fmt::print("run     {:.6f} ms (median of {})\n", median, options.repeat);
  }
  if (!options.profile.empty()) {
    Trace trace;
    trace.add("load", 0, load_milliseconds);
    trace.add("compile", load_milliseconds, compile_milliseconds);
    trace.add_passes(executable, load_milliseconds);
    trace.add("run", run_begin, milliseconds_since(begin) - run_begin, fmt::format("{} calls", 1 + options.repeat));
    trace.add_steps(executable, run_begin);
    trace.save(options.profile);
  }
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run a program and show its results");
  command->add_option("program", options->program, "a .jaxpr file")->required();
  command->add_option("--data", options->data,
                      "inputs in0, in1, ... and constants const0, ...; by default the "
                      ".safetensors file beside the program");
  command->add_option("--out", options->out, "write the results out0, out1, ... to this .safetensors file");
  command->add_option("--repeat", options->repeat, "time this many further runs")->check(at_least(1));
  command->add_option(
      "--profile", options->profile,
      "write the times of passes, loops and routines to this file, for Chrome's trace viewer or Perfetto");
  command->add_option("--cache", options->cache, "folder that keeps machine code for later runs")
      ->capture_default_str();
  command->add_flag("--no-cache", options->no_cache, "compile anew and keep nothing");
  options->backend.add_to(*command);
  command->callback([options] { run(*options); });
}

}  // namespace jaxc::tools
