// Operations that read or write a matrix once: memory bounds them, so that several columns are taken at a time.
#include <algorithm>

#include "backends/llvm/runtime/dense/blas.h"
#include "backends/llvm/runtime/dense/columns.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// Work on this many numbers and more is shared out to threads.
constexpr std::int64_t shared_numbers = std::int64_t{1} << 15;
// What a part takes: rows whose sums stay in the first cache, or columns.
constexpr std::int64_t part_rows = 256;
constexpr std::int64_t part_columns = 32;
// A Hermitian matrix is read in at most this many parts, each of which makes a vector of sums.
constexpr std::int64_t most_parts = 16;
constexpr std::int64_t least_part = 64;

// What a result holds before sums are added to it; it may be anything where nothing of it is kept.
template <typename T>
void keep_part(const BlasVector<T>& vector, const T& keep) {
  if (keep == T{1}) return;
  for (std::int64_t k = 0; k < vector.count; ++k) {
    T& value = vector.data[k * vector.stride];
    value = keep == T{} ? T{} : keep * value;
  }
}

// The numbers one after the other, times a factor; in the caller's memory where that changes nothing.
template <typename T>
const T* gathered(const BlasVector<const T>& vector, const T& factor, Arena& arena) {
  if (vector.stride == 1 && factor == T{1}) return vector.data;
  T* const numbers = arena.take<T>(vector.count);
  for (std::int64_t k = 0; k < vector.count; ++k) numbers[k] = factor * vector.data[k * vector.stride];
  return numbers;
}

// Calls body(std::integral_constant count, first) for columns from `begin` to `end`, some at a time.
template <typename T, typename Body>
void for_columns(std::int64_t begin, std::int64_t end, const Body& body) {
  constexpr int many = columns_at_once<T>;
  for (; begin + many <= end; begin += many) body(std::integral_constant<int, many>{}, begin);
  for (; begin < end; ++begin) body(std::integral_constant<int, 1>{}, begin);
}

}  // namespace

template <typename T>
void MatrixBlas<T>::gemv(const BlasWork& work, BlasForm form, const Given& matrix, const GivenVector& vector, T factor,
                         T keep, const BlasVector<T>& result) const {
  keep_part(result, keep);
  if (factor == T{} || matrix.rows == 0 || matrix.columns == 0) return;
  Arena arena(work.memory, work.bytes);
  const bool shared = matrix.rows * matrix.columns >= shared_numbers;
  const T* const given = gathered(vector, factor, arena);
  if (form == BlasForm::plain) {
    T* const sums = result.stride == 1 ? result.data : arena.take<T>(result.count);
    if (result.stride != 1) std::fill_n(sums, result.count, T{});
    in_runs(work.team, matrix.rows, shared ? part_rows : matrix.rows, [&](std::int64_t row, std::int64_t rows) {
      for_columns<T>(0, matrix.columns, [&](auto count, std::int64_t column) {
        add_columns<count>(rows, matrix.data + row + column * matrix.stride, matrix.stride, given + column, sums + row);
      });
    });
    if (result.stride != 1)
      for (std::int64_t k = 0; k < result.count; ++k) result.data[k * result.stride] += sums[k];
    return;
  }
  in_runs(work.team, matrix.columns, shared ? part_columns : matrix.columns,
          [&](std::int64_t first, std::int64_t columns) {
            for_columns<T>(first, first + columns, [&](auto count, std::int64_t column) {
              T sums[count];
              project_columns<count>(form == BlasForm::adjoint, matrix.rows, matrix.data + column * matrix.stride,
                                     matrix.stride, given, sums);
              for (int k = 0; k < count; ++k) result.data[(column + k) * result.stride] += sums[k];
            });
          });
}

template <typename T>
void MatrixBlas<T>::ger(const BlasWork& work, const GivenVector& left, const GivenVector& right, T factor,
                        const BlasMatrix<T>& matrix) const {
  if (factor == T{} || matrix.rows == 0 || matrix.columns == 0) return;
  Arena arena(work.memory, work.bytes);
  const T* const column = gathered(left, T{1}, arena);
  const bool shared = matrix.rows * matrix.columns >= shared_numbers;
  in_runs(work.team, matrix.columns, shared ? part_columns : matrix.columns,
          [&](std::int64_t first, std::int64_t columns) {
            for (std::int64_t j = first; j < first + columns; ++j) {
              const T scaled = factor * conjugate_of(right.data[j * right.stride]);
              add_columns<1>(matrix.rows, column, 0, &scaled, matrix.data + j * matrix.stride);
            }
          });
}

template <typename T>
void MatrixBlas<T>::hemv(const BlasWork& work, bool lower, const Given& matrix, const GivenVector& vector, T factor,
                         T keep, const BlasVector<T>& result) const {
  const std::int64_t n = matrix.columns;
  keep_part(result, keep);
  if (factor == T{} || n == 0) return;
  Arena arena(work.memory, work.bytes);
  const T* const given = gathered(vector, factor, arena);
  const std::int64_t parts = std::clamp<std::int64_t>(n / least_part, 1, most_parts);
  T* const sums = arena.take<T>(parts * n);
  const auto run = [&](std::int64_t part) {
    T* const sum = sums + part * n;
    std::fill_n(sum, n, T{});
    for_columns<T>(n * part / parts, n * (part + 1) / parts, [&](auto count, std::int64_t column) {
      const auto at = [&](std::int64_t i, std::int64_t j) { return matrix.data[i + j * matrix.stride]; };
      for (std::int64_t j = column; j < column + count; ++j) {  // the square on the diagonal
        sum[j] += real_of(at(j, j)) * given[j];
        for (std::int64_t i = lower ? j + 1 : column; i < (lower ? column + count : j); ++i) {
          sum[i] += at(i, j) * given[j];
          sum[j] += conjugate_of(at(i, j)) * given[i];
        }
      }
      const std::int64_t row = lower ? column + count : 0;
      T projected[count];
      add_and_project_columns<count>(lower ? n - row : column, matrix.data + row + column * matrix.stride,
                                     matrix.stride, given + column, sum + row, given + row, projected);
      for (int k = 0; k < count; ++k) sum[column + k] += projected[k];
    });
  };
  if (n * n >= 2 * shared_numbers)
    in_parts(work.team, parts, run);
  else
    for (std::int64_t part = 0; part < parts; ++part) run(part);
  for (std::int64_t part = 0; part < parts; ++part) this->axpy(T{1}, {sums + part * n, n, 1}, result);
}

template class MatrixBlas<float>;
template class MatrixBlas<double>;
template class MatrixBlas<std::complex<float>>;
template class MatrixBlas<std::complex<double>>;

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
