// Which nests and loops of a CPU's plan threads share out, and in which parts.
#pragma once

#include <optional>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// How a nest outside loops is split; nothing where one thread is as good. Depends on shapes and schedules alone.
std::optional<ir::NestPlan::Split> split_nest(const ir::Nest& nest, const ir::NestPlan& plan);

/// How the nests of a loop's step are split, one after the other. Threads are awake for them, so that products are
/// worth it from two microseconds on. What another core has written costs as much to read as most arithmetic, so that
/// other nests follow the last product's cut, or are split as outside loops.
class StepSplitter {
 public:
  std::optional<ir::NestPlan::Split> split(const ir::Nest& nest, const ir::NestPlan& plan);

 private:
  std::int64_t extent_ = 0;     ///< of the axis that the last product is cut along; 0: none
  std::int64_t positions_ = 0;  ///< of one part
};

/// Positions of the outermost lane axis (vectors of lanes, when it is the only one) that one part of a loop in lanes
/// takes: `count` in all, each `operations` long; 0 where one thread is as good.
std::int64_t lane_run(std::int64_t count, std::int64_t operations);

}  // namespace jaxc::compiler
