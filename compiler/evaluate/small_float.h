// Floating formats narrower than 32 bits, as codes of up to 16 bits.
#pragma once

#include <cstdint>

#include "jaxc/types.h"

namespace jaxc::compiler {

/// The value of a code of f16, bf16 or an f8 dtype.
double decode_small_float(DType dtype, std::uint32_t code);

/// The code nearest to `value`, ties to even. Overflow gives infinity, or NaN where the format has none.
std::uint32_t encode_small_float(DType dtype, double value);

}  // namespace jaxc::compiler
