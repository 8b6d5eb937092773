// The loops that a C programmer writes for the workloads, with sizes known when compiled.
#pragma once

#include <span>
#include <string_view>

namespace jaxc::bench {

/// Arrays in the order of the workload's program.
using Inputs = const void* const*;
using Outputs = void* const*;
using PlainLoop = void (*)(Inputs inputs, Outputs outputs);

inline const float* in(Inputs inputs, int k) {
  return static_cast<const float*>(inputs[k]);
}
inline float* out(Outputs outputs, int k) {
  return static_cast<float*>(outputs[k]);
}

struct NamedLoop {
  std::string_view workload;
  PlainLoop loop;
};

/// The loop of that name; null when there is none.
inline PlainLoop find(std::span<const NamedLoop> loops, std::string_view name) {
  for (const NamedLoop& row : loops)
    if (row.workload == name) return row.loop;
  return nullptr;
}

/// The plain loop of a workload, in one file each; null when there is none.
PlainLoop find_filter(std::string_view name);
PlainLoop find_recurrence(std::string_view name);
PlainLoop find_network(std::string_view name);
PlainLoop find_gradient(std::string_view name);
PlainLoop find_array_loop(std::string_view name);

}  // namespace jaxc::bench
