// What runs how in a CPU's plan: a schedule for every nest, loops in lanes or unrolled, routines in libraries.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "compiler/plan/cpu.h"
#include "compiler/plan/independent_axes.h"
#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// A loop in lanes: elements that do not interact lie side by side in vectors.
struct LaneLoop {
  ir::NodeId node = 0;
  IndependentAxes axes;
  int width = 1;
  std::int64_t operations = 0;      ///< of one vector of lanes in all steps
  std::vector<ir::ArrayId> arrays;  ///< that it alone knows
};

/// What schedules ask of storage and threads, beside what the plan says of nests, loops and routines.
struct CpuSchedule {
  std::vector<bool> indexed;               ///< by ArrayId: some access has an index known only at run time
  std::vector<LaneLoop> lanes;             ///< loops in lanes, from 1; number 0 stands for all code outside them
  std::vector<std::uint32_t> lanes_of;     ///< by ArrayId: the loop in lanes that alone knows the array, or 0
  std::set<ir::NodeId> independent_steps;  ///< outermost loops whose steps hand nothing on

  /// The dimension of an array that is each lane axis of the loop in lanes that assigns it, or -1.
  std::vector<int> lane_dimensions(ir::ArrayId array) const;
};

/// Fills plan.nests, plan.loops (without carries) and plan.routines.
CpuSchedule schedule_cpu(const ir::Program& program, const CpuPlanOptions& options, ir::Plan& plan);

}  // namespace jaxc::compiler
