// Updates in place: when a nest may store a result over an array that it reads.
#pragma once

#include "ir/program.h"

namespace jaxc::ir {

/// Whether `nest` may store `output` over `array`, element by element, `array` being in the result's place: at every
/// point it reads `array` only at the element that the output's indices name, and a point that reads an element is the
/// only one that may store it. The latter holds where no point is held back by a guard that does not hold back its
/// reads too, since no two points store one element; or where no two points name one element. No other output has
/// `array` as its base, because bases are moved before any point runs.
///
/// The output's own base is left to the caller: where it exists, it must lie in the same place.
bool updates_in_place(const Program& program, const Nest& nest, const NestOutput& output, ArrayId array);

}  // namespace jaxc::ir
