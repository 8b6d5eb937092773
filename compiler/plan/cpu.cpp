// The CPU's planner, stage by stage: schedules, storage, threads, then what the finished plan shows.
#include "compiler/plan/cpu.h"

#include "compiler/plan/cpu_schedule.h"
#include "compiler/plan/cpu_share.h"
#include "compiler/plan/cpu_storage.h"
#include "compiler/plan/refusals.h"
#include "compiler/plan/streaming.h"

namespace jaxc::compiler {

ir::Plan plan_cpu(const ir::Program& program, const CpuPlanOptions& options) {
  ir::Plan plan;
  plan.target = ir::Target::cpu;
  plan.vector_bits = options.vector_bits;
  const CpuSchedule schedule = schedule_cpu(program, options, plan);
  place_cpu(program, schedule, options, plan);
  if (options.threads) share_out(program, schedule, options, plan);
  mark_streamed(program, plan);
  if (options.libraries) mark_refusals(program, plan);
  ir::verify(program, plan);
  return plan;
}

}  // namespace jaxc::compiler
