// split_reductions: folds of many elements to few results, in parts.
#pragma once

#include "ir/program.h"

namespace jaxc::compiler {

/// Outside loops, a reduction of very many elements to few results that may be regrouped becomes one of parts, each
/// with results of its own, and one of these results. Shapes alone say which parts, so that results do not depend on
/// who computes them: threads, for one.
ir::Program split_reductions(const ir::Program& program);

}  // namespace jaxc::compiler
