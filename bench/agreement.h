// Whether a peer's results agree with JAX's.
#pragma once

#include "jaxc/array.h"

namespace jaxc::bench {

/// The share of elements that differ: by more than a thousandth of their own and of the median size for floats, at all
/// for integers. Throws Error for other types.
double share_differing(const Array& got, const Array& wanted);

}  // namespace jaxc::bench
