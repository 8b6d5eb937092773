// Folds by a jaxpr over scalars, for reduce and reduce_window.
#pragma once

#include "compiler/lower/lowering.h"

namespace jaxc::compiler::lowering {

/// The values that `body` gives over `reduced`, folded by `jaxpr` (accumulators, then values) in row-major
/// order, with `initial` (scalars) joined to the fold; one array of `shape` per accumulator. A complex
/// value is given as its two parts. After the values, `body` gives whether they take part.
std::vector<ir::ArrayId> general_fold(Lowering& lowering, const ir::Jaxpr& jaxpr, const Shape& shape,
                                      const Shape& reduced, std::span<const ir::Atom> initial,
                                      const Lowering::FoldedMany& body);

}  // namespace jaxc::compiler::lowering
