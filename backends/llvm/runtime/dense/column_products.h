// Products of matrices whose columns follow each other, as the BLAS asks for them.
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"
#include "backends/llvm/runtime/lapack/blas.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

/// A matrix whose columns are `stride` apart.
template <typename T>
Matrix<T> view(const BlasMatrix<T>& matrix) {
  return {matrix.data, matrix.rows, matrix.columns, 1, matrix.stride};
}
/// One whose columns follow each other.
template <typename T>
Matrix<T> columns_of(T* data, std::int64_t rows, std::int64_t count) {
  return {data, rows, count, 1, rows};
}

/// Calls body(element, row, column) for every element, columns one after the other.
template <typename T, typename Body>
void for_elements(const Matrix<T>& matrix, const Body& body) {
  for (std::int64_t j = 0; j < matrix.columns; ++j)
    for (std::int64_t i = 0; i < matrix.rows; ++i) body(matrix(i, j), i, j);
}

/// What a result holds before sums are added to it: it may be anything where nothing of it is kept.
template <typename T, typename R>
void keep_part(const Matrix<T>& matrix, const R& keep) {
  if (keep == R{1}) return;
  for_elements(matrix, [&](T& value, auto, auto) { value = keep == R{} ? T{} : keep * value; });
}

/// result = factor op(left) op(right) + keep result, in memory from `memory` on.
template <typename T>
void multiply_columns(const DenseTeam& team, BlasForm left_form, const BlasMatrix<const T>& left, BlasForm right_form,
                      const BlasMatrix<const T>& right, T factor, T keep, const BlasMatrix<T>& result, Arena memory);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
