// Why no library runs what is large: products and routines that a CPU's plan leaves to generated code.
#pragma once

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// Fills `plan.refusals` for a plan that libraries may take part in.
void mark_refusals(const ir::Program& program, ir::Plan& plan);

}  // namespace jaxc::compiler
