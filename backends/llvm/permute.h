// permute: elements of two vectors in any order, cheap to compile in large numbers.
#pragma once

#include "backends/llvm/code.h"

namespace jaxc::cpu {

/// The elements of `left` and `right`, one after the other, that `order` names: a shuffle. Transpositions need many,
/// and instruction selection spends most of its time on what shuffles of shuffles might become; where the processor
/// has an instruction for any order, the order is hidden from it in memory.
llvm::Value* permute(Code& code, llvm::Value* left, llvm::Value* right, llvm::ArrayRef<int> order);

}  // namespace jaxc::cpu
