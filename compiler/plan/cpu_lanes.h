// Which loops of a CPU's plan run in vector lanes: independent elements side by side, all steps inside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/independent_axes.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// What lanes may cost.
struct CpuLaneLimits {
  std::int64_t vector_bits = 512;
  std::int64_t private_bytes = 2048;  ///< of all arrays of a step, for one lane
};

/// The independent axes of a loop, the one that fills the lanes last, and how many lanes.
struct CpuLanes {
  IndependentAxes axes;
  int width = 1;
  std::int64_t operations = 0;  ///< of one vector of lanes in all steps
};

/// Lanes, or why there are none: where running the steps of all elements together is as good, because a step does
/// little with what it moves, or holds too much.
struct CpuLaneChoice {
  std::optional<CpuLanes> lanes;
  std::string refusal;
};
CpuLaneChoice choose_cpu_lanes(const ir::Program& program, const ir::Node& loop, const CpuLaneLimits& limits);

/// Arrays that a loop, or a node inside it, takes as they are, rather than by the indices of a nest: into carries, as
/// slices, by reshapes, as a branch's results and as what a nest's output is based on.
std::vector<ir::ArrayId> moved_whole(const ir::Node& loop);

}  // namespace jaxc::compiler
