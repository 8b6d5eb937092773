// Matrices of complex numbers in plain loops, to multiply out what factorizations give.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <numeric>
#include <vector>

namespace jaxc::cpu::testing {

using Number = std::complex<double>;

struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<Number> numbers = std::vector<Number>(rows * columns);

  Number& operator()(std::size_t i, std::size_t j) { return numbers[i * columns + j]; }
  const Number& operator()(std::size_t i, std::size_t j) const { return numbers[i * columns + j]; }
};

inline Matrix operator*(const Matrix& left, const Matrix& right) {
  Matrix product{left.rows, right.columns};
  for (std::size_t i = 0; i < left.rows; ++i)
    for (std::size_t k = 0; k < left.columns; ++k) {
      const double real = left(i, k).real();
      const double imaginary = left(i, k).imag();
      const auto* const row = reinterpret_cast<const double*>(&right(k, 0));  // parts of numbers: products of reals
      auto* const sums = reinterpret_cast<double*>(&product(i, 0));           // are fast in builds for debugging too
      for (std::size_t j = 0; j < 2 * right.columns; j += 2) {
        sums[j] += real * row[j] - imaginary * row[j + 1];
        sums[j + 1] += real * row[j + 1] + imaginary * row[j];
      }
    }
  return product;
}

inline Matrix adjoint(const Matrix& matrix) {
  Matrix result{matrix.columns, matrix.rows};
  for (std::size_t i = 0; i < matrix.rows; ++i)
    for (std::size_t j = 0; j < matrix.columns; ++j) result(j, i) = std::conj(matrix(i, j));
  return result;
}

inline Matrix identity(std::size_t n) {
  Matrix result{n, n};
  for (std::size_t i = 0; i < n; ++i) result(i, i) = 1;
  return result;
}

/// The elements where `keep(row, column)` holds.
template <typename Keep>
inline Matrix part(const Matrix& matrix, std::size_t rows, std::size_t columns, const Keep& keep) {
  Matrix result{rows, columns};
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      if (keep(i, j)) result(i, j) = matrix(i, j);
  return result;
}
inline bool is_lower(std::size_t i, std::size_t j) {
  return j <= i;
}
inline bool is_upper(std::size_t i, std::size_t j) {
  return i <= j;
}

inline bool is_any(std::size_t /*i*/, std::size_t /*j*/) {
  return true;
}

inline Matrix conjugate(Matrix matrix) {
  for (Number& number : matrix.numbers) number = std::conj(number);
  return matrix;
}

/// Column j times factors(0, j).
inline Matrix times_columns(Matrix matrix, const Matrix& factors) {
  for (std::size_t i = 0; i < matrix.rows; ++i)
    for (std::size_t j = 0; j < matrix.columns; ++j) matrix(i, j) *= factors(0, j);
  return matrix;
}

inline Matrix columns_from(const Matrix& matrix, std::size_t first) {
  Matrix result{matrix.rows, matrix.columns - first};
  for (std::size_t i = 0; i < result.rows; ++i)
    for (std::size_t j = 0; j < result.columns; ++j) result(i, j) = matrix(i, first + j);
  return result;
}

inline Number sum(const Matrix& matrix) {
  return std::accumulate(matrix.numbers.begin(), matrix.numbers.end(), Number{});
}
inline Number trace(const Matrix& matrix) {
  Number result{};
  for (std::size_t i = 0; i < matrix.rows; ++i) result += matrix(i, i);
  return result;
}

inline double largest(const Matrix& matrix) {
  double size = 0;
  for (const Number& number : matrix.numbers) size = std::max(size, std::abs(number));
  return size;
}

}  // namespace jaxc::cpu::testing
