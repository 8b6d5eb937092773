// Cholesky by blocks of columns, right-looking: a triangle is factored, the rows below are solved for, and what lies
// right of them is updated by a product.
#include <algorithm>
#include <cmath>

#include "backends/llvm/runtime/dense/factors.h"
#include "backends/llvm/runtime/dense/product.h"
#include "backends/llvm/runtime/dense/triangular.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// Columns that a product updates together: more of them update more of the upper triangle, which nobody needs.
constexpr std::int64_t updated_columns = 256;

// Factors the lower triangle of `count` rows in place; false where a pivot is not positive.
template <typename T>
bool factor_triangle(T* triangle, std::int64_t count) {
  T column[triangle_rows];
  for (std::int64_t k = 0; k < count; ++k) {
    const RealOf<T> pivot = real_of(triangle[k * triangle_rows + k]);
    if (!(pivot > 0)) return false;
    const RealOf<T> root = std::sqrt(pivot);
    triangle[k * triangle_rows + k] = root;
    for (std::int64_t i = k + 1; i < count; ++i) {
      T& element = triangle[i * triangle_rows + k];
      element = element / root;
      column[i] = conjugate_of(element);
    }
    for (std::int64_t i = k + 1; i < count; ++i) {
      const T factor = triangle[i * triangle_rows + k];
      for (std::int64_t j = k + 1; j <= i; ++j) triangle[i * triangle_rows + j] -= factor * column[j];
    }
  }
  return true;
}

// X of X L^H = A, in place: L conj(X)' = conj(A)'.
template <typename T>
void solve_rows(const DenseTeam& team, const T* triangle, const Matrix<T>& below) {
  in_runs(team, below.rows, side_by_side<T>, [&](std::int64_t begin, std::int64_t count) {
    constexpr std::int64_t width = side_by_side<T>;
    alignas(64) T systems[triangle_rows * width];
    for (std::int64_t k = 0; k < below.columns; ++k) {
      for (std::int64_t i = 0; i < count; ++i) systems[k * width + i] = conjugate_of(below(begin + i, k));
      for (std::int64_t i = count; i < width; ++i) systems[k * width + i] = T{};
    }
    substitute(triangle, below.columns, false, systems);
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t k = 0; k < below.columns; ++k) below(begin + i, k) = conjugate_of(systems[k * width + i]);
  });
}

template <typename T>
bool factor(const DenseTeam& team, const Matrix<T>& matrix, Arena arena) {
  const std::int64_t n = matrix.rows;
  T* triangle = arena.take<T>(triangle_rows * triangle_rows);
  for (std::int64_t k = 0; k < n; k += triangle_rows) {
    const std::int64_t count = std::min(triangle_rows, n - k);
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t j = 0; j <= i; ++j) triangle[i * triangle_rows + j] = matrix(k + i, k + j);
    if (!factor_triangle(triangle, count)) return false;
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t j = 0; j <= i; ++j) matrix(k + i, k + j) = triangle[i * triangle_rows + j];
    const std::int64_t next = k + count;
    solve_rows(team, triangle, matrix.block(next, k, n - next, count));
    for (std::int64_t column = next; column < n; column += updated_columns) {
      const std::int64_t columns = std::min(updated_columns, n - column);
      multiply(team, constant(matrix.block(column, k, n - column, count)),
               constant(matrix.block(column, k, columns, count)).transposed(),
               matrix.block(column, column, n - column, columns), Update::subtract, arena.memory(), arena.bytes(),
               true);
    }
  }
  return true;
}

}  // namespace

template <typename T>
void cholesky(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  const std::int64_t n = request.rows;
  const auto* given = static_cast<const T*>(item.inputs[0]);
  auto* factored = static_cast<T*>(item.outputs[0]);
  if (given != factored) std::copy(given, given + n * n, factored);
  if (!factor(team, dense(factored, n, n), Arena(item.memory, item.bytes))) {
    std::fill(factored, factored + n * n, not_a_number<T>());
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) std::fill(factored + i * n + i + 1, factored + (i + 1) * n, T{});
}

template void cholesky<float>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void cholesky<double>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void cholesky<std::complex<float>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void cholesky<std::complex<double>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
