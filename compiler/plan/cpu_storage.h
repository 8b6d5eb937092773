// Where the arrays of a CPU's plan live: small ones of loops in private memory, carries in place, libraries' workspace
// past all others.
#pragma once

#include "compiler/plan/cpu.h"
#include "compiler/plan/cpu_schedule.h"
#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// Fills plan.cuts, plan.buffers, plan.placements, plan.scratch_bytes and the carries of plan.loops; drops a library's
/// product whose operands have no dense place.
void place_cpu(const ir::Program& program, const CpuSchedule& schedule, const CpuPlanOptions& options, ir::Plan& plan);

}  // namespace jaxc::compiler
