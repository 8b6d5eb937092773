// Doubled carries: two buffers that trade places, where a carry cannot be updated in place.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "compiler/plan/coalesce.h"
#include "compiler/plan/liveness.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// By loop, the numbers of the carries whose argument and next may trade places after each step: the body assigns the
/// next value in a class of its own, of the same size as the argument's, and no other carry of the loop uses either
/// class. `eligible` says which arguments lie in memory that can trade. Both classes are then taken throughout the
/// loop, which `classes` is told.
std::map<ir::NodeId, std::set<std::size_t>> double_carries(const ir::Program& program, const Liveness& liveness,
                                                           const std::function<bool(ir::ArrayId)>& eligible,
                                                           StorageClasses& classes);

}  // namespace jaxc::compiler
