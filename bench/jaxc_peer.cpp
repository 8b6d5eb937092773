// jaxc_bench: jaxc as a peer of the benchmarks, through its public API.
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "bench/peer.h"
#include "jaxc/jaxc.h"

namespace {

// What the first compilation of a process pays once is not the program's.
void warm_up() {
  (void)jaxc::compile(jaxc::Program::parse("{ lambda ; a:f32[8]. let b:f32[8] = sub a 1.0:f32[] in (b,) }"));
}

double seconds_to_compile(const jaxc::Program& program, const jaxc::CompileOptions& options = {}) {
  const auto start = std::chrono::steady_clock::now();
  (void)jaxc::compile(program, options);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The time to a program whose machine code another compilation has kept.
double seconds_from_cache(const jaxc::Program& program) {
  const auto folder = std::filesystem::temp_directory_path() / ("jaxc_bench_" + std::to_string(getpid()));
  const jaxc::CompileOptions options = {.cache_folder = folder.string()};
  (void)seconds_to_compile(program, options);
  const double seconds = seconds_to_compile(program, options);
  std::filesystem::remove_all(folder);
  return seconds;
}

jaxc::bench::Prepared prepare(const jaxc::bench::Workload& workload) {
  const jaxc::Program program = jaxc::Program::load(workload.program_path).with_data(workload.data);
  if (program.inputs().size() != workload.inputs.size() || program.outputs() != workload.output_types)
    throw jaxc::Error(workload.program_path +
                      ": the program must have the recorded inputs and results; export it again");
  warm_up();
  const double compile_seconds = seconds_to_compile(program);
  const double cached_seconds = seconds_from_cache(program);
  const jaxc::Executable executable = jaxc::compile(program);
  const auto call = [executable, inputs = workload.inputs](std::span<void* const> outputs) {
    executable.run_into(inputs, outputs);
  };
  return {call, compile_seconds, cached_seconds};
}

}  // namespace

int main(int argument_count, char** arguments) {
  return jaxc::bench::serve(argument_count, arguments, prepare);
}
