// Panels: matrices worked on by blocks of rows, so that most of the work is products of rows in vectors.
#pragma once

#include "compiler/lower/routines/items.h"

namespace jaxc::compiler::lowering {

/// Rows in blocks of one size; positions past the matrix's own extent are padding.
struct Panels {
  std::int64_t count = 1;
  std::int64_t size = 1;
  std::int64_t extent() const { return count * size; }
};

/// Whether matrices are worked on by panels: on processors, from `least` rows on, above what straight-line code holds.
bool has_panels(const Lowering& lowering, std::int64_t extent, std::int64_t least = 12);

/// Panels of `smallest` to `largest` rows: as little padding as there can be, then as few panels.
Panels panels_of(std::int64_t extent, std::int64_t smallest, std::int64_t largest);
/// For work on whole rows: one panel for few rows, and above that, panels of some dozens of rows.
Panels row_panels_of(std::int64_t extent);

/// Row `row` of panel `panel`: panel * size + row.
Place row_of(const Panels& panels, const Scalar& panel, const Scalar& row);

/// The same, but the last of `extent` rows in padding.
Place row_within(const Panels& panels, const Scalar& panel, const Scalar& row, std::int64_t extent);
/// The same as a value.
Scalar row_number(const Panels& panels, const Scalar& panel, const Scalar& row);

/// The number of the first panel.
ArrayId first_panel(const Items& items);

/// Stacked panels of `columns` columns as one matrix.
Elements joined(const Items& items, const Panels& panels, const Elements& stacked, std::int64_t columns);

/// The number of the panel after `panel`, or, when `reverse`, of the one before it.
ArrayId next_panel(const Items& items, ArrayId panel, bool reverse = false);

/// `body(panel, carry)` for `first` and the panels after it, or, when `reverse`, for those before it.
Elements each_panel_from(const Items& items, const Panels& panels, ArrayId first, bool reverse, const Elements& initial,
                         const std::function<Elements(ArrayId panel, const Elements& carry)>& body);

}  // namespace jaxc::compiler::lowering
