// From a Program and its Plan to kernels, in the order in which they are dispatched.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/spirv/kernel_emitter.h"
#include "backends/spirv/spirv.h"

namespace jaxc::spirv {

/// One kernel and how it is dispatched.
struct KernelCode {
  std::string name;
  std::vector<std::uint32_t> words;
  std::uint32_t groups_x = 1;
  std::uint32_t groups_y = 1;
  std::uint32_t workgroup_size = 64;
  bool counts_completions = false;
  KernelState state;

  // Loops only: steps [0, steps) in dispatches of `chunk`; a conditional one until its word says no.
  bool conditional = false;
  std::int64_t steps = 0;
  std::int64_t chunk = 0;

  std::int64_t invocations() const { return std::int64_t{groups_x} * groups_y * workgroup_size; }
};

struct GpuCode {
  std::vector<KernelCode> kernels;
  /// State memory: the words of every kernel first (`word_bytes`), then carries.
  std::int64_t word_bytes = 0;
  std::int64_t state_bytes = 0;
};

/// Kernels for a verified Program and its Plan. Throws Error for what this device cannot run.
GpuCode generate(const ir::Program& program, const ir::Plan& plan, const DeviceDescription& device);

}  // namespace jaxc::spirv
