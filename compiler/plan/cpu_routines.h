// Which routines of a CPU's plan do not run their expansion: large ones, outside loops.
#pragma once

#include <optional>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// The plan of a routine that a library runs faster than generated code, its workspace not yet placed; nothing for
/// other routines.
std::optional<ir::RoutinePlan> library_routine(const ir::Program& program, const ir::Routine& routine);

/// The plan of prefixes that tiles and vectors compute; nothing for other routines. With `threads`, many lines or many
/// tiles are shared. Tiles depend on shapes alone.
std::optional<ir::RoutinePlan> prefix_routine(const ir::Program& program, const ir::Routine& routine, bool threads);

}  // namespace jaxc::compiler
