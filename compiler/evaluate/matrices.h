// Matrix: a small dense matrix, and the walk over batches of them.
#pragma once

#include <complex>
#include <functional>
#include <vector>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/values.h"

namespace jaxc::compiler {

/// Elements are long double or std::complex<long double>.
template <typename T>
struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<T> elements;

  Matrix() = default;
  Matrix(std::int64_t row_count, std::int64_t column_count)
      : rows(row_count), columns(column_count), elements(static_cast<std::size_t>(row_count * column_count)) {}
  static Matrix identity(std::int64_t size) {
    Matrix result(size, size);
    for (std::int64_t i = 0; i < size; ++i) result(i, i) = T(1);
    return result;
  }
  T& operator()(std::int64_t row, std::int64_t column) { return elements[row * columns + column]; }
  const T& operator()(std::int64_t row, std::int64_t column) const { return elements[row * columns + column]; }
};

template <typename T>
struct RealPart {
  using Type = T;
};
template <typename T>
struct RealPart<std::complex<T>> {
  using Type = T;
};
template <typename T>
using RealOf = typename RealPart<T>::Type;

template <typename T>
T conjugate(const T& x) {
  if constexpr (is_complex_value<T>) {
    return std::conj(x);
  } else {
    return x;
  }
}
template <typename T>
RealOf<T> real_of(const T& x) {
  if constexpr (is_complex_value<T>) {
    return x.real();
  } else {
    return x;
  }
}

template <typename T>
Matrix<T> multiply(const Matrix<T>& left, const Matrix<T>& right) {
  Matrix<T> result(left.rows, right.columns);
  for (std::int64_t i = 0; i < left.rows; ++i) {
    for (std::int64_t k = 0; k < left.columns; ++k) {
      for (std::int64_t j = 0; j < right.columns; ++j) result(i, j) += left(i, k) * right(k, j);
    }
  }
  return result;
}

template <typename T>
Matrix<T> adjoint(const Matrix<T>& matrix) {
  Matrix<T> result(matrix.columns, matrix.rows);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.columns; ++j) result(j, i) = conjugate(matrix(i, j));
  }
  return result;
}

/// Whether every element is finite: iterations on others need not end.
template <typename T>
bool all_finite(const Matrix<T>& matrix) {
  for (const T& element : matrix.elements) {
    if (!std::isfinite(std::abs(element))) return false;
  }
  return true;
}

/// Fills with NaN.
template <typename T>
void invalidate(Matrix<T>& matrix) {
  constexpr RealOf<T> nan = std::numeric_limits<RealOf<T>>::quiet_NaN();
  for (T& element : matrix.elements) {
    if constexpr (is_complex_value<T>) {
      element = T(nan, nan);
    } else {
      element = nan;
    }
  }
}

/// Splits an array into the matrices of its last `rank` axes (a vector is one column).
template <typename T>
std::vector<Matrix<T>> load_matrices(const Array& array, std::size_t rank = 2) {
  const Shape& shape = array.type().shape;
  const std::int64_t columns = rank == 2 ? shape[shape.size() - 1] : 1;
  const std::int64_t rows = shape[shape.size() - rank];
  std::int64_t batch = 1;
  for (std::size_t axis = 0; axis + rank < shape.size(); ++axis) batch *= shape[axis];
  const auto values = load<T>(array);
  std::vector<Matrix<T>> matrices;
  for (std::int64_t i = 0; i < batch; ++i) {
    Matrix<T> matrix(rows, columns);
    std::copy_n(values.begin() + i * rows * columns, rows * columns, matrix.elements.begin());
    matrices.push_back(std::move(matrix));
  }
  return matrices;
}

/// Joins one batch of elements after the other into an array.
template <typename T>
class Batches {
 public:
  void add(const std::vector<T>& elements) { values_.insert(values_.end(), elements.begin(), elements.end()); }
  void add(const Matrix<T>& matrix) { add(matrix.elements); }
  Array array(const Type& type) const { return store(type, values_); }

 private:
  std::vector<T> values_;
};

/// Calls function(T()) with T the real or complex extended type.
template <typename Function>
decltype(auto) visit_linear(DType dtype, Function&& function) {
  if (is_complex(dtype)) return function(std::complex<long double>());
  return function(static_cast<long double>(0));
}

}  // namespace jaxc::compiler
