// Solves blocks of rows by substitution, many systems side by side in registers, and takes them out of the rows below.
#include "backends/llvm/runtime/dense/triangular.h"

#include <algorithm>

#include "backends/llvm/runtime/dense/product.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

template <typename T>
void substitute(const T* lower, std::int64_t rows, bool unit, T* systems) {
  constexpr std::int64_t width = side_by_side<T>;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = lower + i * triangle_rows;
    if constexpr (is_complex_number<T>) {
      for (std::int64_t k = 0; k < i; ++k)
        for (std::int64_t j = 0; j < width; ++j) systems[i * width + j] -= row[k] * systems[k * width + j];
    } else {
      using Vector = VectorOf<T>;
      constexpr int vectors = 8;
      auto* const sums = reinterpret_cast<Vector*>(systems + i * width);
      Vector sum[vectors];
      unrolled<vectors>([&](auto v) { sum[v] = sums[v]; });
      for (std::int64_t k = 0; k < i; ++k) {
        const auto* solved = reinterpret_cast<const Vector*>(systems + k * width);
        const Vector factor = row[k] - Vector{};
        unrolled<vectors>([&](auto v) { sum[v] = sum[v] - factor * solved[v]; });
      }
      unrolled<vectors>([&](auto v) { sums[v] = sum[v]; });
    }
    if (unit) continue;
    for (std::int64_t j = 0; j < width; ++j) systems[i * width + j] = systems[i * width + j] / row[i];
  }
}

template <typename T>
void solve_lower(const DenseTeam& team, const Matrix<const T>& lower, bool unit, bool conjugate, const Matrix<T>& right,
                 Arena arena) {
  T* triangle = arena.take<T>(triangle_rows * triangle_rows);
  for (std::int64_t k = 0; k < lower.rows; k += triangle_rows) {
    const std::int64_t rows = std::min(triangle_rows, lower.rows - k);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j <= i; ++j)
        triangle[i * triangle_rows + j] = conjugate ? conjugate_of(lower(k + i, k + j)) : lower(k + i, k + j);
    in_runs(team, right.columns, side_by_side<T>, [&](std::int64_t begin, std::int64_t count) {
      constexpr std::int64_t width = side_by_side<T>;
      alignas(64) T systems[triangle_rows * width];
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < count; ++j) systems[i * width + j] = right(k + i, begin + j);
        for (std::int64_t j = count; j < width; ++j) systems[i * width + j] = T{};
      }
      substitute(triangle, rows, unit, systems);
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < count; ++j) right(k + i, begin + j) = systems[i * width + j];
    });
    // B -= L X below, written as transposes, whose right factor may be conjugated.
    const std::int64_t rest = lower.rows - k - rows;
    multiply(team, constant(right.block(k, 0, rows, right.columns)).transposed(),
             lower.block(k + rows, k, rest, rows).transposed(),
             right.block(k + rows, 0, rest, right.columns).transposed(), Update::subtract, arena.memory(),
             arena.bytes(), conjugate);
  }
}

// X op(A) = B is op(A)' X' = B'; an upper triangle read backwards is a lower one.
template <typename T>
void triangular_solve(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  const auto* given = static_cast<const T*>(item.inputs[1]);
  auto* solved = static_cast<T*>(item.outputs[0]);
  if (given != solved) std::copy(given, given + request.result_rows * request.result_columns, solved);
  Matrix<const T> matrix = dense(static_cast<const T*>(item.inputs[0]), request.rows, request.rows);
  Matrix<T> right = dense(solved, request.result_rows, request.result_columns);
  bool lower = request.lower != 0;
  if ((request.transpose != 0) == (request.left != 0)) {
    matrix = matrix.transposed();
    lower = !lower;
  }
  if (request.left == 0) right = right.transposed();
  if (!lower) {
    matrix = reversed(matrix);
    right = rows_reversed(right);
  }
  solve_lower(team, matrix, request.unit != 0, request.conjugate != 0, right, Arena(item.memory, item.bytes));
}

template void substitute(const float*, std::int64_t, bool, float*);
template void substitute(const double*, std::int64_t, bool, double*);
template void substitute(const std::complex<float>*, std::int64_t, bool, std::complex<float>*);
template void substitute(const std::complex<double>*, std::int64_t, bool, std::complex<double>*);
template void solve_lower(const DenseTeam&, const Matrix<const float>&, bool, bool, const Matrix<float>&, Arena);
template void solve_lower(const DenseTeam&, const Matrix<const double>&, bool, bool, const Matrix<double>&, Arena);
template void solve_lower(const DenseTeam&, const Matrix<const std::complex<float>>&, bool, bool,
                          const Matrix<std::complex<float>>&, Arena);
template void solve_lower(const DenseTeam&, const Matrix<const std::complex<double>>&, bool, bool,
                          const Matrix<std::complex<double>>&, Arena);
template void triangular_solve<float>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void triangular_solve<double>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void triangular_solve<std::complex<float>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void triangular_solve<std::complex<double>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
