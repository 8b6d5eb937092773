// The loops that a C programmer writes for the workloads, with sizes known when compiled.
#pragma once

#include <cstddef>
#include <span>

namespace jaxc::bench {

/// Inputs and outputs in the order of the workload's program.
using PlainLoop = void (*)(std::span<const float* const> inputs, std::span<float* const> outputs, std::size_t steps);

/// The loop of workload "kalman" or "dlm_backward" for this size; null when there is none.
PlainLoop plain_kalman(int size);
PlainLoop plain_dlm_backward(int size);

}  // namespace jaxc::bench
