// Parts: where a long program is cut into functions, so that the time to compile it grows with its length.
#pragma once

#include <cstddef>
#include <vector>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::cpu {

/// The ends of consecutive runs of the program's outermost nodes. Runs hold about `weight` nodes, inner ones included,
/// and no private array (stack, registers) is used in two of them.
std::vector<std::size_t> parts(const ir::Program& program, const ir::Plan& plan, std::size_t weight);

}  // namespace jaxc::cpu
