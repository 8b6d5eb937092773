// Which routines of dense linear algebra in a CPU's plan a library runs: large ones, outside loops.
#pragma once

#include <optional>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// The plan of a routine that a library runs faster than generated code, its workspace not yet placed; nothing for
/// other routines.
std::optional<ir::RoutinePlan> library_matrix_routine(const ir::Program& program, const ir::Routine& routine);

}  // namespace jaxc::compiler
