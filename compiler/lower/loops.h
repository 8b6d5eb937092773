// Passes over the Program's loops for processors: what their lanes and caches prefer.
#pragma once

#include "ir/program.h"

namespace jaxc::compiler {

/// Where some carries of a loop need no others, and the others' elements do not interact once these are known (the
/// covariances of filters with one model), the former get a loop of their own that stacks what the latter need.
ir::Program split_loops(const ir::Program& program);

/// Loops whose elements do not interact stack their results with the dimensions in the order in which a transposition
/// would put them, where that alone reads them: lanes then write rows of their own, and nothing is moved again.
ir::Program sink_transposes(const ir::Program& program);

/// In loops, small products of matrices that an addition alone reads, C + A B or C - A B, take its other operand as
/// their sums' first term, where that is there as early as the product's operands. The bound of the error is the same.
ir::Program accumulate(const ir::Program& program);

/// In a small loop whose steps are straight-line code, the nodes that the next step waits for longest come first, and
/// the others where they are needed: a processor looks ahead in the order of the code.
ir::Program order_steps(const ir::Program& program);

}  // namespace jaxc::compiler
