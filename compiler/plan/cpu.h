// The CPU's planner: storage for every array and a schedule for every nest and loop.
#pragma once

#include <cstdint>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

struct CpuPlanOptions {
  std::int64_t vector_bits = 512;          ///< the widest vector that the CPU runs at full speed
  std::int64_t private_bytes = 2048;       ///< largest array kept on the stack or in registers inside loops
  std::int64_t step_bytes = 16384;         ///< the same in a loop whose steps threads may share
  std::int64_t stack_bytes = 1 << 17;      ///< all such arrays together
  std::int64_t unrolled_operations = 300;  ///< vector operations of straight-line code that one nest may take
  std::int64_t loop_operations = 4096;     ///< the same for all nests of one loop's body
  bool libraries = true;                   ///< large routines outside loops run in a library, or in tiles
  bool threads = true;                     ///< large independent work, also in steps, is cut into parts for threads
};

/// A verified Plan for the LLVM backend and for the reference interpreter.
ir::Plan plan_cpu(const ir::Program& program, const CpuPlanOptions& options = {});

}  // namespace jaxc::compiler
