// Streaming: results that are too large for the caches are stored past them.
#pragma once

#include "ir/plan.h"

namespace jaxc::compiler {

/// Marks the outputs' buffers that are larger than caches and that no outermost node both reads and writes: their lines
/// would be fetched from memory only to be overwritten and sent back.
void mark_streamed(const ir::Program& program, ir::Plan& plan);

}  // namespace jaxc::compiler
