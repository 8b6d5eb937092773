// A hash of what an equation computes: its primitive, parameters and operands.
#pragma once

#include <cstddef>

#include "ir/jaxpr.h"

namespace jaxc::compiler {

/// Equations with equal primitives, parameters and operands have equal hashes. Jaxprs among the parameters count by
/// their size alone.
std::size_t hash_of(const ir::Equation& equation);

}  // namespace jaxc::compiler
