// Eigenvalues and singular values by rotations.
#include <numeric>

#include "compiler/evaluate/factorizations.h"

namespace jaxc::compiler::dense {

namespace {

constexpr Real epsilon = std::numeric_limits<Real>::epsilon();
constexpr Real nan = std::numeric_limits<Real>::quiet_NaN();
constexpr int most_sweeps = 100;

// The rotation [[c, s], [-s d, c d]] that makes a Hermitian 2 x 2 block diagonal when applied as J^H A J.
template <typename T>
struct Rotation {
  Real c;
  Real s;
  T d;

  Rotation(Real first, Real second, const T& coupling) {
    const Real size = std::abs(coupling);
    const Real theta = (second - first) / (2 * size);
    const Real tangent = std::copysign(1 / (std::fabs(theta) + std::sqrt(theta * theta + 1)), theta);
    c = 1 / std::sqrt(1 + tangent * tangent);
    s = tangent * c;
    d = conjugate(coupling) / size;
  }

  void rotate_columns(Matrix<T>& matrix, std::int64_t p, std::int64_t q) const {
    for (std::int64_t i = 0; i < matrix.rows; ++i) {
      const T x = matrix(i, p);
      const T y = matrix(i, q) * d;
      matrix(i, p) = c * x - s * y;
      matrix(i, q) = s * x + c * y;
    }
  }
  void rotate_rows(Matrix<T>& matrix, std::int64_t p, std::int64_t q) const {
    for (std::int64_t j = 0; j < matrix.columns; ++j) {
      const T x = matrix(p, j);
      const T y = matrix(q, j) * conjugate(d);
      matrix(p, j) = c * x - s * y;
      matrix(q, j) = s * x + c * y;
    }
  }
};

template <typename T>
Matrix<T> reordered(const Matrix<T>& matrix, const std::vector<std::int64_t>& order) {
  Matrix<T> result(matrix.rows, matrix.columns);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.columns; ++j) result(i, j) = matrix(i, order[j]);
  }
  return result;
}

template <typename T>
T column_product(const Matrix<T>& matrix, std::int64_t p, std::int64_t q) {
  T sum = T(0);
  for (std::int64_t i = 0; i < matrix.rows; ++i) sum += conjugate(matrix(i, p)) * matrix(i, q);
  return sum;
}

template <typename T>
void scale_column(Matrix<T>& matrix, std::int64_t column, const T& factor) {
  for (std::int64_t i = 0; i < matrix.rows; ++i) matrix(i, column) *= factor;
}

}  // namespace

template <typename T>
Spectrum<T> hermitian_spectrum(Matrix<T> a) {
  const std::int64_t n = a.rows;
  Matrix<T> vectors = Matrix<T>::identity(n);
  if (!all_finite(a)) {
    invalidate(vectors);
    return {std::vector<Real>(static_cast<std::size_t>(n), nan), vectors};
  }
  bool rotated = true;
  for (int sweep = 0; sweep < most_sweeps && rotated; ++sweep) {
    rotated = false;
    for (std::int64_t p = 0; p < n; ++p) {
      for (std::int64_t q = p + 1; q < n; ++q) {
        const Real first = real_of(a(p, p));
        const Real second = real_of(a(q, q));
        if (std::abs(a(p, q)) <= epsilon * std::sqrt(std::fabs(first * second)) * Real(0.01) || a(p, q) == T(0)) {
          continue;
        }
        const Rotation<T> rotation(first, second, a(p, q));
        rotation.rotate_columns(a, p, q);
        rotation.rotate_rows(a, p, q);
        rotation.rotate_columns(vectors, p, q);
        a(p, q) = a(q, p) = T(0);
        rotated = true;
      }
    }
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t x, std::int64_t y) {
    return std::pair(real_of(a(x, x)), x) < std::pair(real_of(a(y, y)), y);
  });
  std::vector<Real> values;
  for (std::int64_t i : order) values.push_back(real_of(a(i, i)));
  return {values, reordered(vectors, order)};
}

template <typename T>
SingularValues<T> singular_values(const Matrix<T>& a) {
  if (a.rows < a.columns) {
    auto transposed = singular_values(adjoint(a));
    return {transposed.v, transposed.values, transposed.u};
  }
  const std::int64_t n = a.columns;
  Matrix<T> w = a;
  Matrix<T> v = Matrix<T>::identity(n);
  if (!all_finite(a)) {
    invalidate(w);
    invalidate(v);
    return {w, std::vector<Real>(static_cast<std::size_t>(n), nan), v};
  }
  bool rotated = true;
  for (int sweep = 0; sweep < most_sweeps && rotated; ++sweep) {
    rotated = false;
    for (std::int64_t p = 0; p < n; ++p) {
      for (std::int64_t q = p + 1; q < n; ++q) {
        const Real first = real_of(column_product(w, p, p));
        const Real second = real_of(column_product(w, q, q));
        const T coupling = column_product(w, p, q);
        if (coupling == T(0) || std::abs(coupling) <= 4 * epsilon * std::sqrt(first * second)) continue;
        const Rotation<T> rotation(first, second, coupling);
        rotation.rotate_columns(w, p, q);
        rotation.rotate_columns(v, p, q);
        rotated = true;
      }
    }
  }
  std::vector<Real> norms;
  for (std::int64_t j = 0; j < n; ++j) norms.push_back(std::sqrt(real_of(column_product(w, j, j))));
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::int64_t x, std::int64_t y) { return std::pair(-norms[x], x) < std::pair(-norms[y], y); });
  w = reordered(w, order);
  std::vector<Real> values;
  for (std::int64_t i : order) values.push_back(norms[i]);
  // Columns of no length have no direction of their own: any that completes the basis serves.
  std::int64_t rank = 0;
  while (rank < n && values[rank] > values[0] * epsilon) ++rank;
  Matrix<T> u(w.rows, rank);
  for (std::int64_t i = 0; i < u.rows; ++i) {
    for (std::int64_t j = 0; j < rank; ++j) u(i, j) = w(i, j) / values[j];
  }
  return {completed_basis(u, n), values, reordered(v, order)};
}

// Gram and Schmidt's process, twice, on the unit vectors that are least like the columns so far.
template <typename T>
Matrix<T> completed_basis(const Matrix<T>& columns, std::int64_t count) {
  Matrix<T> result(columns.rows, count);
  for (std::int64_t i = 0; i < columns.rows; ++i) {
    for (std::int64_t j = 0; j < columns.columns; ++j) result(i, j) = columns(i, j);
  }
  for (std::int64_t j = columns.columns; j < count; ++j) {
    std::int64_t best = 0;
    Real least = std::numeric_limits<Real>::infinity();
    for (std::int64_t i = 0; i < columns.rows; ++i) {
      Real weight = 0;
      for (std::int64_t k = 0; k < j; ++k) weight += std::norm(result(i, k));
      if (weight < least) {
        least = weight;
        best = i;
      }
    }
    for (std::int64_t i = 0; i < columns.rows; ++i) result(i, j) = T(i == best ? 1 : 0);
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t k = 0; k < j; ++k) {
        const T projection = column_product(result, k, j);
        for (std::int64_t i = 0; i < columns.rows; ++i) result(i, j) -= projection * result(i, k);
      }
      scale_column(result, j, T(1) / T(std::sqrt(real_of(column_product(result, j, j)))));
    }
  }
  return result;
}

template Spectrum<Real> hermitian_spectrum(Matrix<Real>);
template Spectrum<Complex> hermitian_spectrum(Matrix<Complex>);
template SingularValues<Real> singular_values(const Matrix<Real>&);
template SingularValues<Complex> singular_values(const Matrix<Complex>&);
template Matrix<Real> completed_basis(const Matrix<Real>&, std::int64_t);
template Matrix<Complex> completed_basis(const Matrix<Complex>&, std::int64_t);

}  // namespace jaxc::compiler::dense
