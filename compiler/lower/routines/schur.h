// Schur's form of general matrices, for the routines that are built on it.
#pragma once

#include "compiler/lower/routines/items.h"

namespace jaxc::compiler::lowering {

/// matrix = vectors form vectors^H with unitary vectors. The form is upper triangular; of a real matrix it is
/// real, with a 2 x 2 block of equal diagonal elements for each pair of complex eigenvalues.
struct Schur {
  Elements form;
  Elements vectors;
};
/// NaN for an item that is not finite or does not converge.
Schur factor_schur(const Items& items, const Elements& matrix, std::int64_t n);

}  // namespace jaxc::compiler::lowering
