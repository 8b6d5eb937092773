// batch_products: products over all steps of a scan at once, where a step's product needs no carry.
#pragma once

#include "ir/jaxpr.h"

namespace jaxc::compiler {

/// The same function, with two kinds of dot_general moved out of the bodies of scans, wherever they are nested:
/// - x_t . W of a stacked input with a constant becomes one product before the loop, whose result is a stacked
///   input: W is then read once for many steps;
/// - a carry that only gathers c + x_t . y_t becomes one product after the loop, of x and y stacked over the steps:
///   the large carry is then written once, not in every step.
/// Small matrices stay where they are, and so do products whose stacked operands would take much memory.
ir::Jaxpr batch_products(const ir::Jaxpr& jaxpr);

}  // namespace jaxc::compiler
