// Which nests and loops of a CPU's plan threads share out, and in which parts.
#pragma once

#include <optional>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// How a nest is split; nothing where one thread is as good. Threads are awake for the nests of a loop's steps, which
/// may therefore be smaller. Depends on shapes and schedules alone.
std::optional<ir::NestPlan::Split> split_nest(const ir::Nest& nest, const ir::NestPlan& plan, bool in_step);

/// Positions of the outermost lane axis (vectors of lanes, when it is the only one) that one part of a loop in lanes
/// takes: `count` in all, each `operations` long; 0 where one thread is as good.
std::int64_t lane_run(std::int64_t count, std::int64_t operations);

}  // namespace jaxc::compiler
