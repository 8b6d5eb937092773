// Householder's reflections in LAPACK's packed form, for the routines that are built on them.
#pragma once

#include "compiler/lower/routines/items.h"

namespace jaxc::compiler::lowering {

struct Packed {
  Elements matrix;  ///< R on and above the diagonal, the reflections' vectors below it (their first element is 1)
  Elements scales;  ///< tau of each reflection I - tau v v^H
  Elements order;   ///< with pivoting: the column of the operand that each column is, i32
};

/// The first min(rows, columns) reflections that reduce `matrix` to R; R's diagonal is real. With `pivoting`,
/// the column of largest remaining norm comes next.
Packed factor_qr(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t columns, bool pivoting);

/// The first `columns` columns of the product of `count` reflections.
Elements reflection_product(const Items& items, const Packed& packed, std::int64_t rows, std::int64_t columns,
                            std::int64_t count);

}  // namespace jaxc::compiler::lowering
