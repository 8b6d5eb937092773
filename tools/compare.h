// Agreement of results with expected values.
#pragma once

#include <optional>
#include <string>

#include "jaxc/array.h"

namespace jaxc::tools {

/// |got - want| <= tolerance * (|want| + max |want|), NaN equal to NaN; integers and booleans exact.
/// Nothing when they agree; else the largest disagreement and where it is.
std::optional<std::string> disagreement(const Array& got, const Array& want, double tolerance);

}  // namespace jaxc::tools
