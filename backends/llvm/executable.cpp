// Links machine code and calls it.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "backends/llvm/jit.h"
#include "backends/llvm/llvm.h"
#include "backends/llvm/profile.h"
#include "backends/llvm/scratch.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

struct CpuExecutable::State {
  std::size_t input_count = 0;
  std::size_t output_count = 0;
  std::vector<Array> constants;
  std::vector<const void*> constant_pointers;
  LoadedObject object;
  EntryPoint entry = nullptr;
  ScratchPool scratch;
  ThreadPool threads;
  std::span<std::uint64_t> profile;  ///< see profile.h; empty when nothing is counted
  // All runs, on two clocks.
  std::atomic<std::uint64_t> profiled_cycles = 0;
  std::atomic<std::int64_t> profiled_nanoseconds = 0;

  State(CpuObject made, int thread_count)
      : input_count(made.input_count),
        output_count(made.output_count),
        constants(std::move(made.constants)),
        object(made.code),
        entry(object.entry()),
        scratch(static_cast<std::size_t>(made.scratch_bytes)),
        threads(thread_count) {
    for (const Array& constant : constants) constant_pointers.push_back(constant.bytes().data());
    if (made.profiled_nodes > 0)
      profile = {static_cast<std::uint64_t*>(object.find(profile_name)), 2 * std::size_t{made.profiled_nodes}};
  }
};

CpuExecutable::CpuExecutable(CpuObject object, int threads)
    : state_(std::make_unique<State>(std::move(object), threads)) {}
CpuExecutable::~CpuExecutable() = default;
CpuExecutable::CpuExecutable(CpuExecutable&&) noexcept = default;
CpuExecutable& CpuExecutable::operator=(CpuExecutable&&) noexcept = default;

void CpuExecutable::run(std::span<const void* const> inputs, std::span<void* const> outputs) const {
  State& state = *state_;
  if (inputs.size() != state.input_count || outputs.size() != state.output_count)
    throw Error(fmt::format("run: the program has {} inputs and {} outputs, got {} and {}", state.input_count,
                            state.output_count, inputs.size(), outputs.size()));
  const ScratchPool::Lease scratch(state.scratch);
  const Runtime runtime{.pool = &state.threads};
  if (state.profile.empty()) {
    state.entry(inputs.data(), outputs.data(), state.constant_pointers.data(), scratch.memory(), &runtime);
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t cycles = __builtin_readcyclecounter();
  state.entry(inputs.data(), outputs.data(), state.constant_pointers.data(), scratch.memory(), &runtime);
  state.profiled_cycles += __builtin_readcyclecounter() - cycles;
  state.profiled_nanoseconds += (std::chrono::steady_clock::now() - start).count();
}

std::vector<NodeTime> CpuExecutable::profile() const {
  const State& state = *state_;
  const double milliseconds_per_cycle = 1e-6 * static_cast<double>(state.profiled_nanoseconds) /
                                        std::max(static_cast<double>(state.profiled_cycles), 1.0);
  std::vector<NodeTime> times;
  for (std::size_t k = 0; k < state.profile.size(); k += 2)
    times.push_back({state.profile[k], static_cast<double>(state.profile[k + 1]) * milliseconds_per_cycle});
  return times;
}

}  // namespace jaxc::cpu
