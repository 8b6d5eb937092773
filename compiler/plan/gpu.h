// The GPU's planner: storage for every array, and who runs the points of every nest and the steps of every loop.
#pragma once

#include <cstdint>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

struct GpuPlanOptions {
  std::int64_t workgroup_size = 256;        ///< invocations that one loop's workgroup has at most; a power of two
  std::int64_t shared_bytes = 32768;        ///< memory of a workgroup
  std::int64_t registers_work = 4096;       ///< scalar operations a step that one invocation does alone
  std::int64_t private_bytes = 2048;        ///< arrays of a loop that one invocation keeps for itself
  std::int64_t unrolled_operations = 2048;  ///< straight-line scalar operations of one loop's body
};

/// A verified Plan for the SPIR-V backend. Each top-level nest is a dispatch over the grid; each top-level loop or
/// branch is one too, by a single invocation (registers) where its body is small, else by a workgroup.
ir::Plan plan_gpu(const ir::Program& program, const GpuPlanOptions& options = {});

}  // namespace jaxc::compiler
