// Arrays as text for people.
#pragma once

#include <string>

#include "jaxc/array.h"

namespace jaxc::tools {

/// One line: the leading elements, and for numbers the least, greatest and mean, and how many are NaN.
std::string summary(const Array& array);
/// Element number `index` of a flat array: "1.5", "true", "(1+2j)".
std::string element_text(const Array& array, std::size_t index);
/// "[1,0,2]": the position of flat element `index`.
std::string position_text(const Shape& shape, std::size_t index);

}  // namespace jaxc::tools
