// LU with partial pivoting by panels of columns: a panel lies by itself while it is factored, a few columns at a time.
#include <algorithm>

#include "backends/llvm/runtime/dense/factors.h"
#include "backends/llvm/runtime/dense/product.h"
#include "backends/llvm/runtime/dense/triangular.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

constexpr std::int64_t panel_columns = triangle_rows;
// Columns of a panel after which the others of the panel are updated.
constexpr std::int64_t strip_columns = 8;

// LAPACK's size of a pivot: |re| + |im|.
template <typename T>
RealOf<T> rough_size(const T& value) {
  if constexpr (is_complex_number<T>)
    return std::abs(value.real()) + std::abs(value.imag());
  else
    return std::abs(value);
}

// A panel whose rows follow each other, panel_columns apart.
template <typename T>
class Panel {
 public:
  Panel(T* data, std::int64_t rows, std::int64_t columns) : data_(data), rows_(rows), columns_(columns) {}

  /// Factors the panel; pivots are rows of the panel.
  void factor(std::int64_t* pivots) {
    const std::int64_t count = std::min(rows_, columns_);
    for (std::int64_t strip = 0; strip < count; strip += strip_columns) {
      const std::int64_t end = std::min(strip + strip_columns, count);
      for (std::int64_t k = strip; k < end; ++k) {
        pivots[k] = pivot_row(k);
        if (pivots[k] != k) std::swap_ranges(row(k), row(k) + columns_, row(pivots[k]));
        eliminate(k, end);
      }
      update(strip, end);
    }
  }

 private:
  T* row(std::int64_t number) const { return data_ + number * panel_columns; }

  // The first of the largest at or below row k; NaN is not larger, and without any number nothing is exchanged.
  std::int64_t pivot_row(std::int64_t k) const {
    std::int64_t best = k;
    RealOf<T> largest = -1;
    for (std::int64_t i = k; i < rows_; ++i) {
      const RealOf<T> size = rough_size(row(i)[k]);
      if (size > largest) {
        largest = size;
        best = i;
      }
    }
    return best;
  }

  // Scales column k and takes it out of the columns before `end`.
  void eliminate(std::int64_t k, std::int64_t end) {
    const T pivot = row(k)[k];
    const T divisor = pivot == T{} ? T{1} : pivot;
    const T* const upper = row(k);
    for (std::int64_t i = k + 1; i < rows_; ++i) {
      T* const target = row(i);
      const T factor = target[k] = target[k] / divisor;
      for (std::int64_t j = k + 1; j < end; ++j) target[j] -= factor * upper[j];
    }
  }

  // Takes the columns [begin, end) out of those right of them.
  void update(std::int64_t begin, std::int64_t end) {
    if (end >= columns_) return;
    for (std::int64_t i = begin + 1; i < rows_; ++i) {
      T* const target = row(i);
      const std::int64_t above = std::min(i, end);
      for (std::int64_t k = begin; k < above; ++k) {
        const T factor = target[k];
        const T* const upper = row(k);
        for (std::int64_t j = end; j < columns_; ++j) target[j] -= factor * upper[j];
      }
    }
  }

  T* data_;
  std::int64_t rows_;
  std::int64_t columns_;
};

template <typename T>
void swap_rows(const Matrix<T>& matrix, const std::int64_t* pivots, std::int64_t count) {
  for (std::int64_t k = 0; k < count; ++k)
    if (pivots[k] != k) std::swap_ranges(&matrix(k, 0), &matrix(k, 0) + matrix.columns, &matrix(pivots[k], 0));
}

template <typename T>
void factor(const DenseTeam& team, const Matrix<T>& matrix, std::int32_t* pivots, Arena arena) {
  const std::int64_t steps = std::min(matrix.rows, matrix.columns);
  T* memory = arena.take<T>(matrix.rows * panel_columns);
  std::int64_t found[panel_columns];
  for (std::int64_t k = 0; k < steps; k += panel_columns) {
    const std::int64_t count = std::min(panel_columns, steps - k);
    const Matrix<T> panel = matrix.block(k, k, matrix.rows - k, count);
    for (std::int64_t i = 0; i < panel.rows; ++i)
      std::copy(&panel(i, 0), &panel(i, 0) + count, memory + i * panel_columns);
    Panel<T>(memory, panel.rows, count).factor(found);
    for (std::int64_t i = 0; i < panel.rows; ++i)
      std::copy(memory + i * panel_columns, memory + i * panel_columns + count, &panel(i, 0));
    for (std::int64_t j = 0; j < count; ++j) pivots[k + j] = static_cast<std::int32_t>(k + found[j]);
    const std::int64_t next = k + count;
    const std::int64_t right = matrix.columns - next;
    if (k > 0) swap_rows(matrix.block(k, 0, panel.rows, k), found, count);
    if (right == 0) continue;
    swap_rows(matrix.block(k, next, panel.rows, right), found, count);
    const Matrix<T> upper = matrix.block(k, next, count, right);
    solve_lower(team, constant(matrix.block(k, k, count, count)), true, false, upper, arena);
    multiply(team, constant(matrix.block(next, k, matrix.rows - next, count)), constant(upper),
             matrix.block(next, next, matrix.rows - next, right), Update::subtract, arena.memory(), arena.bytes());
  }
}

}  // namespace

template <typename T>
void lu(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  const auto* given = static_cast<const T*>(item.inputs[0]);
  auto* factored = static_cast<T*>(item.outputs[0]);
  auto* pivots = static_cast<std::int32_t*>(item.outputs[1]);
  auto* permutation = static_cast<std::int32_t*>(item.outputs[2]);
  if (given != factored) std::copy(given, given + request.rows * request.columns, factored);
  factor(team, dense(factored, request.rows, request.columns), pivots, Arena(item.memory, item.bytes));
  for (std::int64_t k = 0; k < request.rows; ++k) permutation[k] = static_cast<std::int32_t>(k);
  for (std::int64_t k = 0; k < std::min(request.rows, request.columns); ++k)
    std::swap(permutation[k], permutation[pivots[k]]);
}

template void lu<float>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void lu<double>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void lu<std::complex<float>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void lu<std::complex<double>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
