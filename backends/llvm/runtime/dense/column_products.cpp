// Complex products as one real product: its factors are the parts of numbers, which lie side by side, and what they are
// multiplied by; results are stored as they lie.
#include "backends/llvm/runtime/dense/column_products.h"

#include <algorithm>

#include "backends/llvm/runtime/dense/product.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// Products of this many multiplications and more are shared out to threads.
constexpr std::int64_t shared_multiplications = std::int64_t{1} << 18;
// Positions of the folded axis, or columns, whose parts are written out at one time.
constexpr std::int64_t run_columns = 128;

template <typename R>
void multiply_real_parts(const DenseTeam& team, const Matrix<const R>& left, const Matrix<const R>& right,
                         const Matrix<R>& result, Update update, const Arena& memory) {
  const DenseTeam alone(nullptr);
  const bool shared = left.rows * left.columns * right.columns >= shared_multiplications;
  multiply(shared ? team : alone, left, right, result, update, memory.memory(), memory.bytes());
}

template <typename R>
void multiply_reals(const DenseTeam& team, const Matrix<const R>& left, const Matrix<const R>& right, R factor, R keep,
                    const Matrix<R>& result, const Arena& memory) {
  if (factor == R{1} || (factor == R{-1} && keep != R{})) {
    keep_part(result, keep == R{} ? R{1} : keep);
    return multiply_real_parts(team, left, right, result,
                               keep == R{}      ? Update::assign
                               : factor == R{1} ? Update::add
                                                : Update::subtract,
                               memory);
  }
  for (std::int64_t first = 0; first < result.columns; first += run_columns) {
    const std::int64_t count = std::min(run_columns, result.columns - first);
    Arena rest = memory;
    const Matrix<R> product = columns_of(rest.take<R>(result.rows * count), result.rows, count);
    multiply_real_parts(team, left, right.block(0, first, right.rows, count), product, Update::assign, rest);
    for_elements(result.block(0, first, result.rows, count), [&](R& value, std::int64_t i, std::int64_t j) {
      value = keep == R{} ? factor * product(i, j) : keep * value + factor * product(i, j);
    });
  }
}

// Columns of complex numbers as twice as many rows.
template <typename R, typename T>
Matrix<R> parts(T* data, std::int64_t rows, std::int64_t count, std::int64_t stride) {
  return {reinterpret_cast<R*>(data), 2 * rows, count, 1, 2 * stride};
}

// Element (i, j) of op(matrix).
template <typename T>
T element(const BlasMatrix<const T>& matrix, BlasForm form, std::int64_t i, std::int64_t j) {
  if (form == BlasForm::plain) return matrix.data[i + j * matrix.stride];
  const T value = matrix.data[j + i * matrix.stride];
  return form == BlasForm::adjoint ? conjugate_of(value) : value;
}

// Columns (v, i v) of the left factor take the parts of the right one to those of the result.
template <typename T>
void multiply_plain(const DenseTeam& team, const BlasMatrix<const T>& left, BlasForm right_form,
                    const BlasMatrix<const T>& right, T factor, bool add, const BlasMatrix<T>& result, Arena memory) {
  using R = RealOf<T>;
  const std::int64_t rows = result.rows;
  T* const expanded = memory.take<T>(2 * rows * run_columns);
  T* const copied = right_form == BlasForm::plain ? nullptr : memory.take<T>(run_columns * result.columns);
  for (std::int64_t first = 0; first < left.columns; first += run_columns) {
    const std::int64_t count = std::min(run_columns, left.columns - first);
    for (std::int64_t k = 0; k < count; ++k)
      for (std::int64_t i = 0; i < rows; ++i) {
        const T value = factor * left.data[i + (first + k) * left.stride];
        expanded[i + 2 * k * rows] = value;
        expanded[i + (2 * k + 1) * rows] = {-value.imag(), value.real()};
      }
    Matrix<const R> across = parts<const R>(right.data + first, count, result.columns, right.stride);
    if (copied != nullptr) {
      for_elements(columns_of(copied, count, result.columns),
                   [&](T& value, std::int64_t k, std::int64_t j) { value = element(right, right_form, first + k, j); });
      across = parts<const R>(copied, count, result.columns, count);
    }
    multiply_real_parts<R>(team, parts<const R>(expanded, rows, 2 * count, rows), across,
                           parts<R>(result.data, rows, result.columns, result.stride),
                           add || first > 0 ? Update::add : Update::assign, memory);
  }
}

// The left factor's columns are folded as they lie, with two columns for each one of the right factor: they give the
// real and the imaginary parts of the result.
template <typename T>
void multiply_transposed(const DenseTeam& team, bool conjugate, const BlasMatrix<const T>& left, BlasForm right_form,
                         const BlasMatrix<const T>& right, T factor, bool add, const BlasMatrix<T>& result,
                         Arena memory) {
  using R = RealOf<T>;
  const std::int64_t rows = result.rows;
  const std::int64_t depth = left.rows;
  T* const expanded = memory.take<T>(2 * depth * run_columns);
  R* const product = memory.take<R>(2 * rows * run_columns);
  const Matrix<const R> folded = parts<const R>(left.data, depth, rows, left.stride).transposed();
  for (std::int64_t first = 0; first < result.columns; first += run_columns) {
    const std::int64_t count = std::min(run_columns, result.columns - first);
    for (std::int64_t j = 0; j < count; ++j)
      for (std::int64_t k = 0; k < depth; ++k) {
        const T value = factor * element(right, right_form, k, first + j);
        expanded[k + j * depth] = conjugate ? value : conjugate_of(value);
        expanded[k + (count + j) * depth] = {value.imag(), conjugate ? -value.real() : value.real()};
      }
    multiply_real_parts<R>(team, folded, parts<const R>(expanded, depth, 2 * count, depth),
                           columns_of(product, rows, 2 * count), Update::assign, memory);
    for (std::int64_t j = 0; j < count; ++j)
      for (std::int64_t i = 0; i < rows; ++i) {
        const T value{product[i + j * rows], product[i + (count + j) * rows]};
        T& target = result.data[i + (first + j) * result.stride];
        target = add ? target + value : value;
      }
  }
}

}  // namespace

template <typename T>
void multiply_columns(const DenseTeam& team, BlasForm left_form, const BlasMatrix<const T>& left, BlasForm right_form,
                      const BlasMatrix<const T>& right, T factor, T keep, const BlasMatrix<T>& result, Arena memory) {
  const bool is_plain = left_form == BlasForm::plain;
  if (result.rows == 0 || result.columns == 0) return;
  if (factor == T{} || (is_plain ? left.columns : left.rows) == 0) return keep_part(view(result), keep);
  if constexpr (is_complex_number<T>) {
    if (keep != T{}) keep_part(view(result), keep);
    if (is_plain)
      multiply_plain(team, left, right_form, right, factor, keep != T{}, result, memory);
    else
      multiply_transposed(team, left_form == BlasForm::adjoint, left, right_form, right, factor, keep != T{}, result,
                          memory);
  } else {
    const Matrix<const T> second = view(right);
    multiply_reals(team, is_plain ? view(left) : view(left).transposed(),
                   right_form == BlasForm::plain ? second : second.transposed(), factor, keep, view(result), memory);
  }
}

template void multiply_columns(const DenseTeam&, BlasForm, const BlasMatrix<const float>&, BlasForm,
                               const BlasMatrix<const float>&, float, float, const BlasMatrix<float>&, Arena);
template void multiply_columns(const DenseTeam&, BlasForm, const BlasMatrix<const double>&, BlasForm,
                               const BlasMatrix<const double>&, double, double, const BlasMatrix<double>&, Arena);
template void multiply_columns(const DenseTeam&, BlasForm, const BlasMatrix<const std::complex<float>>&, BlasForm,
                               const BlasMatrix<const std::complex<float>>&, std::complex<float>, std::complex<float>,
                               const BlasMatrix<std::complex<float>>&, Arena);
template void multiply_columns(const DenseTeam&, BlasForm, const BlasMatrix<const std::complex<double>>&, BlasForm,
                               const BlasMatrix<const std::complex<double>>&, std::complex<double>,
                               std::complex<double>, const BlasMatrix<std::complex<double>>&, Arena);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
