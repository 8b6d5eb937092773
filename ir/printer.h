// The printer: a Jaxpr in the grammar that JAX prints and parse() reads.
#pragma once

#include <string>

#include "ir/jaxpr.h"

namespace jaxc::ir {

/// The program's text. parse(print(x)) is structurally equal to x. Variables are named a, b, ... in the
/// order of their definition; results that nothing uses are "_". A sub-jaxpr that is used more
/// than once is printed once, as a leading `let`.
std::string print(const Jaxpr& jaxpr);

}  // namespace jaxc::ir
