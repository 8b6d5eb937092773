// flatten: elementwise nests are arranged for vectors: over whole lines, with all their stores in one pass.
#pragma once

#include "ir/program.h"

namespace jaxc::compiler {

/// The same function, with two changes to nests over large arrays, outside of loops whose elements do not interact:
/// - elementwise work on rows that do not fill a vector (the coordinates of points) runs over one line, of which the
///   arrays are reshapes;
/// - a copy of an elementwise nest's result (a loop's carry that is stacked too) is stored by that nest.
ir::Program flatten(const ir::Program& program);

}  // namespace jaxc::compiler
