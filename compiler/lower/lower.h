// lower: Jaxpr to Program.
#pragma once

#include <span>

#include "compiler/lower/lowering.h"
#include "ir/jaxpr.h"
#include "ir/program.h"
#include "jaxc/array.h"

namespace jaxc::compiler {

/// The Program that computes `jaxpr` with these values of its constants. Every value is an array of its own
/// and every equation a node or more: `fuse` makes it small. Throws Error, naming the equation, for a
/// primitive, dtype or parameter that has no lowering.
ir::Program lower(const ir::Jaxpr& jaxpr, std::span<const Array> constants, const LowerOptions& options = {});

}  // namespace jaxc::compiler
