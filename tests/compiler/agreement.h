// The rule by which results agree with JAX's: |got - want| <= rtol (|want| + max |want|).
#pragma once

#include <string>

#include "jaxc/array.h"

namespace jaxc::testing {

/// Empty when `got` agrees with `want`; otherwise the first difference. NaN equals NaN; integers and
/// booleans are exact.
std::string disagreement(const Array& got, const Array& want, double rtol);

}  // namespace jaxc::testing
