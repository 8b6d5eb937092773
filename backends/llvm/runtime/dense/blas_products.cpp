// Operations that are products of matrices.
#include <algorithm>

#include "backends/llvm/runtime/dense/blas.h"
#include "backends/llvm/runtime/dense/column_products.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// Columns of factors that are put side by side, and columns of a triangle that is updated, or rows that a triangle on
// the right is multiplied with.
constexpr std::int64_t folded_columns = 64;
constexpr std::int64_t triangle_columns = 128;
constexpr std::int64_t run_columns = 256;

template <typename T>
BlasMatrix<T> block(const BlasMatrix<T>& matrix, std::int64_t row, std::int64_t column, std::int64_t rows,
                    std::int64_t columns) {
  return {matrix.data + row + column * matrix.stride, rows, columns, matrix.stride};
}
template <typename T>
BlasMatrix<const T> given(const BlasMatrix<T>& matrix) {
  return {matrix.data, matrix.rows, matrix.columns, matrix.stride};
}

}  // namespace

template <typename T>
void ProductBlas<T>::gemm(const BlasWork& work, BlasForm left_form, const Given& left, BlasForm right_form,
                          const Given& right, T factor, T keep, const BlasMatrix<T>& result) const {
  multiply_columns(work.team, left_form, left, right_form, right, factor, keep, result, Arena(work.memory, work.bytes));
}

template <typename T>
void ProductBlas<T>::her2k(const BlasWork& work, bool lower, BlasForm form, const Given& left, const Given& right,
                           T factor, R keep, const BlasMatrix<T>& matrix) const {
  const std::int64_t n = matrix.columns;
  const Matrix<T> target = view(matrix);
  for (std::int64_t j = 0; j < n; ++j)
    keep_part(lower ? target.block(j, j, n - j, 1) : target.block(0, j, j + 1, 1), keep);
  const bool is_plain = form == BlasForm::plain;
  const Matrix<const T> first = is_plain ? view(left) : view(left).transposed();
  const Matrix<const T> second = is_plain ? view(right) : view(right).transposed();
  // (factor first, conj(factor) second) times (second, first)^H is one product.
  for (std::int64_t begin = 0; begin < first.columns; begin += folded_columns) {
    const std::int64_t count = std::min(folded_columns, first.columns - begin);
    Arena arena(work.memory, work.bytes);
    const BlasMatrix<T> one{arena.take<T>(2 * n * count), n, 2 * count, n};
    const BlasMatrix<T> other{arena.take<T>(2 * n * count), n, 2 * count, n};
    const BlasMatrix<T> square{arena.take<T>(triangle_columns * triangle_columns), triangle_columns, triangle_columns,
                               triangle_columns};
    for (std::int64_t k = 0; k < count; ++k)
      for (std::int64_t i = 0; i < n; ++i) {
        const T a = is_plain ? first(i, begin + k) : conjugate_of(first(i, begin + k));
        const T b = is_plain ? second(i, begin + k) : conjugate_of(second(i, begin + k));
        one.data[i + k * n] = factor * a;
        one.data[i + (count + k) * n] = conjugate_of(factor) * b;
        other.data[i + k * n] = b;
        other.data[i + (count + k) * n] = a;
      }
    for (std::int64_t j = 0; j < n; j += triangle_columns) {
      const std::int64_t width = std::min(triangle_columns, n - j);
      const Given across = block(given(other), j, 0, width, 2 * count);
      const std::int64_t row = lower ? j + width : 0;
      const std::int64_t rows = lower ? n - row : j;
      multiply_columns(work.team, BlasForm::plain, block(given(one), row, 0, rows, 2 * count), BlasForm::adjoint,
                       across, T{1}, T{1}, block(matrix, row, j, rows, width), arena);
      const BlasMatrix<T> corner = block(square, 0, 0, width, width);
      multiply_columns(work.team, BlasForm::plain, block(given(one), j, 0, width, 2 * count), BlasForm::adjoint, across,
                       T{1}, T{}, corner, arena);
      for_elements(view(corner), [&](const T& value, std::int64_t i, std::int64_t k) {
        if (i == k)
          target(j + i, j + k) = real_of(target(j + i, j + k)) + real_of(value);
        else if (lower ? i > k : i < k)
          target(j + i, j + k) += value;
      });
    }
  }
}

template <typename T>
void ProductBlas<T>::trmm(const BlasWork& work, bool left, const BlasTriangle<T>& triangle, T factor,
                          const BlasMatrix<T>& matrix) const {
  const std::int64_t n = triangle.matrix.columns;
  Arena arena(work.memory, work.bytes);
  const BlasMatrix<T> square{arena.take<T>(n * n), n, n, n};
  for_elements(view(square), [&](T& value, std::int64_t i, std::int64_t j) {
    const bool inside = triangle.lower ? i >= j : i <= j;
    value = i == j && triangle.unit ? T{1} : inside ? triangle.matrix.data[i + j * triangle.matrix.stride] : T{};
  });
  const std::int64_t extent = left ? matrix.columns : matrix.rows;
  for (std::int64_t first = 0; first < extent; first += run_columns) {
    const std::int64_t count = std::min(run_columns, extent - first);
    const BlasMatrix<T> target = left ? block(matrix, 0, first, n, count) : block(matrix, first, 0, count, n);
    Arena rest = arena;
    const BlasMatrix<T> before{rest.take<T>(n * count), target.rows, target.columns, target.rows};
    for_elements(view(before),
                 [&](T& value, std::int64_t i, std::int64_t j) { value = target.data[i + j * target.stride]; });
    if (left)
      multiply_columns(work.team, triangle.form, given(square), BlasForm::plain, given(before), factor, T{}, target,
                       rest);
    else
      multiply_columns(work.team, BlasForm::plain, given(before), triangle.form, given(square), factor, T{}, target,
                       rest);
  }
}

template class ProductBlas<float>;
template class ProductBlas<double>;
template class ProductBlas<std::complex<float>>;
template class ProductBlas<std::complex<double>>;

namespace {

const ProductBlas<float> blas_f32;
const ProductBlas<double> blas_f64;
const ProductBlas<std::complex<float>> blas_c64;
const ProductBlas<std::complex<double>> blas_c128;

}  // namespace

const BlasTable blas_table = {blas_f32, blas_f64, blas_c64, blas_c128};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
