// Operations: LLVM instructions for one scalar operation, the same for scalars and for vectors of lanes.
#pragma once

#include "backends/llvm/code.h"

namespace jaxc::cpu {

/// The value of a unary, binary or ternary operation (not constant, axis, argument, read or control flow). All
/// operands are scalars or all are vectors of one width; `operand` is the dtype of the first.
llvm::Value* emit_operation(Code& code, const ir::ScalarOp& op, DType operand, llvm::ArrayRef<llvm::Value*> arguments);

/// left `merge` right, for the merge of a reduction.
llvm::Value* emit_merge(Code& code, ir::Opcode merge, DType dtype, llvm::Value* left, llvm::Value* right);

}  // namespace jaxc::cpu
