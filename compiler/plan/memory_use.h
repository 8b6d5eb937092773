// Memory use: what a Plan sets aside for one call, beside the least that its arrays need.
#pragma once

#include <cstdint>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// Bytes of memory that is not the caller's: inputs, outputs and constants are left out.
struct MemoryUse {
  std::int64_t planned = 0;  ///< the scratch arena and private memory
  /// The largest live set: the sum over buffers of the largest array that holds a needed value, at the worst moment.
  std::int64_t live = 0;
};

MemoryUse memory_use(const ir::Program& program, const ir::Plan& plan);

}  // namespace jaxc::compiler
