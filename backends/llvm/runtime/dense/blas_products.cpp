// Operations that are products of matrices, by the packed product.
#include <algorithm>

#include "backends/llvm/runtime/dense/blas.h"
#include "backends/llvm/runtime/dense/product.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// Products of this many multiplications and more are shared out to threads.
constexpr std::int64_t shared_multiplications = std::int64_t{1} << 18;
// Columns of factors that are put side by side, and columns of a triangle that is updated.
constexpr std::int64_t folded_columns = 64;
constexpr std::int64_t triangle_columns = 128;

template <typename T>
Matrix<T> view(const BlasMatrix<T>& matrix) {
  return {matrix.data, matrix.rows, matrix.columns, 1, matrix.stride};
}
template <typename T>
Matrix<T> view(const BlasMatrix<T>& matrix, BlasForm form) {
  return form == BlasForm::plain ? view(matrix) : view(matrix).transposed();
}
// Columns that follow each other.
template <typename T>
Matrix<T> columns(T* data, std::int64_t rows, std::int64_t count) {
  return {data, rows, count, 1, rows};
}

template <typename T, typename Body>
void for_elements(const Matrix<T>& matrix, const Body& body) {
  for (std::int64_t j = 0; j < matrix.columns; ++j)
    for (std::int64_t i = 0; i < matrix.rows; ++i) body(matrix(i, j), i, j);
}

// What a result holds before a product is added to it; it may be anything where nothing of it is kept.
template <typename T, typename R>
void keep_part(const Matrix<T>& matrix, const R& keep) {
  if (keep == R{1}) return;
  for_elements(matrix, [&](T& value, auto, auto) { value = keep == R{} ? T{} : keep * value; });
}

// multiply, alone where the product is small; with `conjugate_left`, of the left factor's conjugate.
template <typename T>
void multiply_shared(const DenseTeam& team, const Matrix<const T>& left, bool conjugate_left,
                     const Matrix<const T>& right, bool conjugate_right, const Matrix<T>& result, Update update,
                     const Arena& arena) {
  const bool shared = left.rows * left.columns * right.columns >= shared_multiplications;
  const DenseTeam alone(nullptr);
  const DenseTeam& who = shared ? team : alone;
  if (conjugate_left)
    multiply(who, right.transposed(), left.transposed(), result.transposed(), update, arena.memory(), arena.bytes(),
             true);
  else
    multiply(who, left, right, result, update, arena.memory(), arena.bytes(), conjugate_right);
}

}  // namespace

template <typename T>
void ProductBlas<T>::gemm(const BlasWork& work, BlasForm left_form, const Given& left, BlasForm right_form,
                          const Given& right, T factor, T keep, const BlasMatrix<T>& result) const {
  const Matrix<T> target = view(result);
  const Matrix<const T> first = view(left, left_form);
  const Matrix<const T> second = view(right, right_form);
  const bool conjugate_left = is_complex_number<T> && left_form == BlasForm::adjoint;
  const bool conjugate_right = is_complex_number<T> && right_form == BlasForm::adjoint;
  if (factor == T{} || first.columns == 0) return keep_part(target, keep);
  const Arena arena(work.memory, work.bytes);
  const bool conjugate_both = conjugate_left && conjugate_right;
  if (!conjugate_both && (factor == T{1} || (factor == T{-1} && keep != T{}))) {
    if (keep != T{}) keep_part(target, keep);
    const Update update = keep == T{} ? Update::assign : factor == T{1} ? Update::add : Update::subtract;
    return multiply_shared(work.team, first, conjugate_left, second, conjugate_right, target, update, arena);
  }
  // Apart, as many columns at a time as a third of the memory holds.
  const std::int64_t fits =
      work.bytes / 3 / (static_cast<std::int64_t>(sizeof(T)) * std::max<std::int64_t>(target.rows, 1));
  const std::int64_t width = std::max<std::int64_t>(fits, 1);
  for (std::int64_t j = 0; j < target.columns; j += width) {
    const std::int64_t count = std::min(width, target.columns - j);
    Arena rest = arena;
    const Matrix<T> product = columns(rest.take<T>(target.rows * count), target.rows, count);
    multiply_shared(work.team, first, conjugate_left && !conjugate_both, second.block(0, j, second.rows, count),
                    conjugate_right && !conjugate_both, product, Update::assign, rest);
    for_elements(target.block(0, j, target.rows, count), [&](T& value, std::int64_t row, std::int64_t column) {
      const T added = factor * (conjugate_both ? conjugate_of(product(row, column)) : product(row, column));
      value = keep == T{} ? added : keep * value + added;
    });
  }
}

template <typename T>
void ProductBlas<T>::her2k(const BlasWork& work, bool lower, BlasForm form, const Given& left, const Given& right,
                           T factor, R keep, const BlasMatrix<T>& matrix) const {
  const std::int64_t n = matrix.columns;
  const Matrix<T> target = view(matrix);
  for (std::int64_t j = 0; j < n; ++j)
    keep_part(lower ? target.block(j, j, n - j, 1) : target.block(0, j, j + 1, 1), keep);
  const Matrix<const T> first = view(left, form);
  const Matrix<const T> second = view(right, form);
  const bool conjugate = is_complex_number<T> && form != BlasForm::plain;
  // (factor first, conj(factor) second) times (second, first)^H is one product.
  for (std::int64_t begin = 0; begin < first.columns; begin += folded_columns) {
    const std::int64_t count = std::min(folded_columns, first.columns - begin);
    Arena arena(work.memory, work.bytes);
    const Matrix<T> one = columns(arena.take<T>(2 * n * count), n, 2 * count);
    const Matrix<T> other = columns(arena.take<T>(2 * n * count), n, 2 * count);
    const Matrix<T> square =
        columns(arena.take<T>(triangle_columns * triangle_columns), triangle_columns, triangle_columns);
    for_elements(one.block(0, 0, n, count), [&](T&, std::int64_t i, std::int64_t k) {
      const T a = conjugate ? conjugate_of(first(i, begin + k)) : first(i, begin + k);
      const T b = conjugate ? conjugate_of(second(i, begin + k)) : second(i, begin + k);
      one(i, k) = factor * a;
      one(i, count + k) = conjugate_of(factor) * b;
      other(i, k) = b;
      other(i, count + k) = a;
    });
    const Matrix<const T> across = constant(other).transposed();
    for (std::int64_t j = 0; j < n; j += triangle_columns) {
      const std::int64_t width = std::min(triangle_columns, n - j);
      const Matrix<const T> right_columns = across.block(0, j, 2 * count, width);
      const std::int64_t row = lower ? j + width : 0;
      const std::int64_t rows = lower ? n - row : j;
      multiply_shared(work.team, constant(one).block(row, 0, rows, 2 * count), false, right_columns, true,
                      target.block(row, j, rows, width), Update::add, arena);
      const Matrix<T> corner = square.block(0, 0, width, width);
      multiply_shared(work.team, constant(one).block(j, 0, width, 2 * count), false, right_columns, true, corner,
                      Update::assign, arena);
      for_elements(corner, [&](const T& value, std::int64_t i, std::int64_t k) {
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
  const Matrix<T> target = left ? view(matrix) : view(matrix).transposed();  // X^T = op(A)^T B^T
  if (n == 0 || target.columns == 0) return;
  Arena arena(work.memory, work.bytes);
  const Matrix<T> square = columns(arena.take<T>(n * n), n, n);
  const Matrix<const T> given = view(triangle.matrix, triangle.form);
  const bool lower = triangle.lower == (triangle.form == BlasForm::plain);
  const bool conjugate = is_complex_number<T> && triangle.form == BlasForm::adjoint;
  for_elements(square, [&](T& value, std::int64_t i, std::int64_t j) {
    const bool inside = lower ? i >= j : i <= j;
    const T element = i == j && triangle.unit ? T{1} : inside ? given(i, j) : T{};
    value = factor * (conjugate ? conjugate_of(element) : element);
  });
  const Matrix<const T> op = left ? constant(square) : constant(square).transposed();
  const std::int64_t fits = arena.bytes() / 3 / (static_cast<std::int64_t>(sizeof(T)) * n);
  const std::int64_t width = std::max<std::int64_t>(fits, 1);
  for (std::int64_t j = 0; j < target.columns; j += width) {
    const Matrix<T> block = target.block(0, j, n, std::min(width, target.columns - j));
    Arena rest = arena;
    const Matrix<T> before = columns(rest.take<T>(n * block.columns), n, block.columns);
    for_elements(before, [&](T& value, std::int64_t i, std::int64_t k) { value = block(i, k); });
    multiply_shared(work.team, op, false, constant(before), false, block, Update::assign, rest);
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
