// jaxc dump: the forms that a program goes through.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "commands.h"
#include "jaxc/jaxc.h"
#include "options.h"

namespace jaxc::tools {

namespace {

struct DumpOptions {
  std::string program;
  std::string data;
  std::string stage = "program";
  bool explain = false;
  bool times = false;
  bool passes = false;
  BackendOptions backend;
};

std::vector<Stage> stages(const std::string& stage, Backend backend) {
  if (stage != "all") return {stage_from_name(stage)};
  std::vector<Stage> all = {Stage::jaxpr, Stage::simplified, Stage::program, Stage::plan};
  if (backend == Backend::cpu) all.insert(all.end(), {Stage::llvm, Stage::assembly});
  if (backend == Backend::gpu) all.push_back(Stage::spirv);
  return all;
}

void explain(const Executable& executable) {
  const MemoryReport memory = executable.memory();
  fmt::print("memory: {} bytes planned, at most {} live at one time\n", memory.planned, memory.live);
  if (std::ranges::none_of(executable.loops(), &LoopReport::is_loop)) fmt::print("no loops\n");
  for (const LoopReport& loop : executable.loops())
    fmt::print("{:{}}{} (line {}): {}: {}\n", "", 2 * loop.depth, loop.primitive, loop.line, loop.path, loop.reason);
}

void dump(const DumpOptions& options) {
  Program program = Program::load(options.program);
  if (!options.data.empty()) program = program.with_data(Safetensors::load(options.data));
  CompileOptions compile_options = options.backend.compile_options();
  compile_options.make_code = options.times;
  if (options.passes)
    compile_options.observe_passes = [](std::string_view pass, std::string_view holds, const std::string& form) {
      fmt::print("==== {}: {} ====\n{}\n", pass, holds, form);
    };
  const Executable executable = compile(program, compile_options);
  if (options.passes) {
    // Shown while compiling.
  } else if (options.explain) {
    explain(executable);
  } else {
    const std::vector<Stage> chosen = stages(options.stage, compile_options.backend);
    for (Stage stage : chosen) {
      if (chosen.size() > 1) fmt::print("==== {} ====\n", name(stage));
      fmt::print("{}\n", executable.dump(stage));
    }
  }
  if (options.times)
    for (const PassTime& time : executable.compile_times())
      fmt::print("{:<24} {:9.3f} ms\n", time.pass, time.milliseconds);
}

}  // namespace

void add_dump(CLI::App& app) {
  auto options = std::make_shared<DumpOptions>();
  CLI::App* command = app.add_subcommand("dump", "Show a program in one of the compiler's forms");
  command->add_option("program", options->program, "a .jaxpr file")->required();
  command->add_option("--data", options->data,
                      "values of the program's constants; by default the .safetensors file "
                      "beside it");
  command->add_option("--stage", options->stage, "which form")
      ->check(CLI::IsMember({"jaxpr", "simplified", "program", "plan", "llvm", "asm", "spirv", "all"}))
      ->capture_default_str();
  command->add_flag("--explain", options->explain,
                    "show each loop's path, large product's and routine's, and the reason instead");
  command->add_flag("--passes", options->passes, "show the form after every pass of the compiler instead");
  command->add_flag("--times", options->times, "also show the time that each pass took");
  options->backend.add_to(*command);
  command->callback([options] { dump(*options); });
}

}  // namespace jaxc::tools
