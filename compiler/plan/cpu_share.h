// Which nests, lanes and steps of a placed plan threads share out.
#pragma once

#include "compiler/plan/cpu.h"
#include "compiler/plan/cpu_schedule.h"
#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// Fills the splits of plan.nests and the threads of plan.loops, where that pays (see cpu_threads.h).
void share_out(const ir::Program& program, const CpuSchedule& schedule, const CpuPlanOptions& options, ir::Plan& plan);

}  // namespace jaxc::compiler
