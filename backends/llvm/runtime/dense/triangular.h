// Triangular systems of equations.
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

/// Rows of a triangle that are substituted one by one; what follows them is multiplied.
inline constexpr std::int64_t triangle_rows = 64;
/// Systems that are solved side by side.
template <typename T>
inline constexpr std::int64_t side_by_side = std::int64_t{8} * vector_bytes / static_cast<std::int64_t>(sizeof(T));

/// Overwrites the `rows` rows of side_by_side numbers at `systems` by the solutions of L X = B. L's rows follow each
/// other, triangle_rows apart; with `unit`, its diagonal is ones.
template <typename T>
void substitute(const T* lower, std::int64_t rows, bool unit, T* systems);

/// Overwrites B by the solution of L X = B, or of conj(L) X = B.
template <typename T>
void solve_lower(const DenseTeam& team, const Matrix<const T>& lower, bool unit, bool conjugate, const Matrix<T>& right,
                 Arena arena);

template <typename T>
void triangular_solve(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
