// Elements of any dtype as double-precision complex numbers or exact integers.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>

#include "jaxc/array.h"

namespace jaxc::tools {

/// Element number `index` as a complex double. Throws Error for dtypes without a number (keys, 8-bit floats).
std::complex<double> number_at(const Array& array, std::size_t index);
/// Element number `index` of an integer or boolean array, sign-extended to 64 bits.
std::int64_t integer_at(const Array& array, std::size_t index);
std::size_t element_count_of(const Array& array);

}  // namespace jaxc::tools
