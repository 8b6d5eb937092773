// Scalar operations: each opcode on each type as a plain function over 64-bit values.
#pragma once

#include <cstdint>

#include "ir/scalar.h"

namespace jaxc::reference {

/// A scalar of any type in its low bits; the high bits are zero.
using Value = std::uint64_t;

/// An operation of up to three operands; the unused ones are ignored.
using Operation = Value (*)(Value, Value, Value);

/// The function that computes an opcode of one, two or three operands, whose first operand (select: the
/// second) has type `operand`. Throws InternalError where the opcode has no meaning on the type.
Operation operation(ir::Opcode opcode, DType operand, DType result);

/// The value that `merge` leaves other values of the type unchanged with.
Value merge_identity(ir::Opcode merge, DType dtype);

}  // namespace jaxc::reference
