// jaxc_bench: jaxc as a peer of the benchmarks, through its public API.
#include <chrono>

#include "bench/peer.h"

namespace {

// What the first compilation of a process pays once is not the program's.
void warm_up() {
  (void)jaxc::compile(jaxc::Program::parse("{ lambda ; a:f32[8]. let b:f32[8] = sub a 1.0:f32[] in (b,) }"));
}

jaxc::bench::Prepared prepare(const jaxc::bench::Workload& workload) {
  const jaxc::Program program = jaxc::Program::load(workload.program_path).with_data(workload.data);
  warm_up();
  const auto start = std::chrono::steady_clock::now();
  const jaxc::Executable executable = jaxc::compile(program);
  const std::chrono::duration<double> compile_time = std::chrono::steady_clock::now() - start;
  const auto call = [executable, inputs = workload.inputs](std::span<void* const> outputs) {
    executable.run_into(inputs, outputs);
  };
  return {call, compile_time.count()};
}

}  // namespace

int main(int argument_count, char** arguments) {
  return jaxc::bench::serve(argument_count, arguments, prepare);
}
