// Products of matrices that are packed for the caches (Goto and van de Geijn 2008).
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"
#include "backends/llvm/runtime/dense/operand.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

enum class Update : std::uint8_t { assign, add, subtract };

/// result = left right, or result +- left right; with `conjugate`, the right factor's conjugate. `memory` (64-byte
/// aligned) holds product_bytes, or as many more as there are: then fewer passes are made over the result.
template <typename T>
void multiply(const DenseTeam& team, const Matrix<const T>& left, const Matrix<const T>& right, const Matrix<T>& result,
              Update update, void* memory, std::int64_t bytes, bool conjugate = false);

/// The same of real numbers, whose rows and columns may run over several axes; `negate` changes the product's sign.
template <typename R>
void multiply_real(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right,
                   const Operand<R>& result, bool add, bool negate, void* memory, std::int64_t bytes);

/// What a program asks for.
void product(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
             const DenseTeam& team);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
