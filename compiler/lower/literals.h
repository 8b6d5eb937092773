// Literals as constants in the form that a Program stores.
#pragma once

#include "ir/jaxpr.h"
#include "ir/scalar.h"

namespace jaxc::compiler {

/// The literal's value as an element of storage_dtype; `part` 1 is its imaginary part.
ir::ScalarConstant storage_constant(const ir::Literal& literal, int part);
/// The bits of the f16 or bf16 nearest to `value`, ties to even.
std::uint16_t half_bits(DType dtype, double value);

}  // namespace jaxc::compiler
