// postpone: work of a loop's steps that no later step needs runs after the loop, for all steps at once.
#pragma once

#include "ir/program.h"

namespace jaxc::compiler {

/// The same function, with two kinds of work moved out of the bodies of long outermost loops, where no carry needs it:
/// - factorizations and solves of small matrices, which are then a batch of matrices;
/// - few scalar functions (a logarithm) of few values, which then fill vectors.
/// The nodes that need their results go with them, and so do nodes that make their operands where that stacks no more.
/// The loop stacks what they read. Loops whose elements do not interact stay as they are. Where the stacked values, or
/// all that the moved nodes make beside the loop's results, would leave the caches, a loop named "blocks" runs a block
/// of steps and then the moved nodes for these; where no length of a block divides the steps, the loop stays.
ir::Program postpone(const ir::Program& program);

}  // namespace jaxc::compiler
