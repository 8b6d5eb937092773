// Folds of vectors: all lanes of one vector, or of several vectors at once.
#pragma once

#include <vector>

#include "backends/llvm/code.h"

namespace jaxc::cpu {

/// All lanes of `value` merged, in a tree.
llvm::Value* fold_lanes(Code& code, ir::Opcode merge, DType dtype, llvm::Value* value);

/// A vector whose lane t is the fold of all lanes of vector t (the last ones repeat). The vectors have one width, at
/// least their number. Pairs are interleaved and merged, which costs about as much for all as folding two of them.
llvm::Value* fold_vectors(Code& code, ir::Opcode merge, DType dtype, std::vector<llvm::Value*> vectors);

}  // namespace jaxc::cpu
