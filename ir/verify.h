// The verifier: every rule that a Jaxpr obeys, checked.
#pragma once

#include "ir/jaxpr.h"
#include "ir/source.h"

namespace jaxc::ir {

/// Throws Error unless, in the program and in every jaxpr within it, each variable is assigned exactly
/// once and before its use, extents are valid, literals have values of their types, and each equation's
/// operands and parameters give its outputs' types. The message shows the equation and its place.
void verify(const Jaxpr& jaxpr);
/// The same for the jaxpr that a text holds: the message shows the equation's line in it, and a caret.
void verify(const Jaxpr& jaxpr, const Source& source);

}  // namespace jaxc::ir
