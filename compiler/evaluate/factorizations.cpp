// Triangular and orthogonal factorizations.
#include "compiler/evaluate/factorizations.h"

#include <numeric>

namespace jaxc::compiler::dense {

template <typename T>
Matrix<T> cholesky(const Matrix<T>& a) {
  Matrix<T> l(a.rows, a.columns);
  for (std::int64_t j = 0; j < a.rows; ++j) {
    Real pivot = real_of(a(j, j));
    for (std::int64_t k = 0; k < j; ++k) pivot -= real_of(l(j, k) * conjugate(l(j, k)));
    if (!(pivot > 0)) {
      invalidate(l);
      return l;
    }
    l(j, j) = T(std::sqrt(pivot));
    for (std::int64_t i = j + 1; i < a.rows; ++i) {
      T sum = a(i, j);
      for (std::int64_t k = 0; k < j; ++k) sum -= l(i, k) * conjugate(l(j, k));
      l(i, j) = sum / l(j, j);
    }
  }
  return l;
}

namespace {

// LAPACK's measure of a pivot: |re| + |im|.
template <typename T>
Real magnitude(const T& x) {
  if constexpr (is_complex_value<T>) {
    return std::fabs(x.real()) + std::fabs(x.imag());
  } else {
    return std::fabs(x);
  }
}

template <typename T>
void swap_rows(Matrix<T>& a, std::int64_t first, std::int64_t second) {
  for (std::int64_t j = 0; j < a.columns; ++j) std::swap(a(first, j), a(second, j));
}

template <typename T>
Real column_norm(const Matrix<T>& a, std::int64_t column, std::int64_t from) {
  Real sum = 0;
  for (std::int64_t i = from; i < a.rows; ++i) sum += std::norm(a(i, column));
  return std::sqrt(sum);
}

}  // namespace

template <typename T>
Lu<T> lu(Matrix<T> a) {
  std::vector<std::int64_t> pivots;
  for (std::int64_t k = 0; k < std::min(a.rows, a.columns); ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < a.rows; ++i) {
      if (magnitude(a(i, k)) > magnitude(a(pivot, k))) pivot = i;
    }
    pivots.push_back(pivot);
    swap_rows(a, k, pivot);
    if (a(k, k) == T(0)) continue;
    for (std::int64_t i = k + 1; i < a.rows; ++i) {
      a(i, k) /= a(k, k);
      for (std::int64_t j = k + 1; j < a.columns; ++j) a(i, j) -= a(i, k) * a(k, j);
    }
  }
  return {std::move(a), std::move(pivots)};
}

// Column k becomes beta e1 by H^H, with H = 1 - tau v v^H, v = (1, x / (alpha - beta)) and
// tau = (beta - alpha) / beta.
template <typename T>
Reflections<T> reflections(Matrix<T> a, std::vector<std::int64_t>* order) {
  const std::int64_t count = std::min(a.rows, a.columns);
  std::vector<T> taus;
  if (order != nullptr) {
    order->resize(static_cast<std::size_t>(a.columns));
    std::iota(order->begin(), order->end(), 0);
  }
  for (std::int64_t k = 0; k < count; ++k) {
    if (order != nullptr) {
      std::int64_t largest = k;
      for (std::int64_t j = k + 1; j < a.columns; ++j) {
        if (column_norm(a, j, k) > column_norm(a, largest, k)) largest = j;
      }
      for (std::int64_t i = 0; i < a.rows; ++i) std::swap(a(i, k), a(i, largest));
      std::swap((*order)[k], (*order)[largest]);
    }
    const T alpha = a(k, k);
    const bool already = column_norm(a, k, k + 1) == 0 && alpha == T(real_of(alpha));
    if (already) {
      taus.push_back(T(0));
      continue;
    }
    const Real beta = -std::copysign(column_norm(a, k, k), real_of(alpha));
    const T tau = (T(beta) - alpha) / T(beta);
    taus.push_back(tau);
    a(k, k) = T(beta);
    for (std::int64_t i = k + 1; i < a.rows; ++i) a(i, k) /= alpha - T(beta);
    for (std::int64_t j = k + 1; j < a.columns; ++j) {
      T projection = a(k, j);
      for (std::int64_t i = k + 1; i < a.rows; ++i) projection += conjugate(a(i, k)) * a(i, j);
      projection *= conjugate(tau);
      a(k, j) -= projection;
      for (std::int64_t i = k + 1; i < a.rows; ++i) a(i, j) -= a(i, k) * projection;
    }
  }
  return {std::move(a), std::move(taus)};
}

template <typename T>
Matrix<T> reflection_product(const Matrix<T>& factors, const std::vector<T>& taus, std::int64_t columns) {
  Matrix<T> q(factors.rows, columns);
  for (std::int64_t i = 0; i < std::min(q.rows, q.columns); ++i) q(i, i) = T(1);
  for (std::int64_t k = static_cast<std::int64_t>(taus.size()) - 1; k >= 0; --k) {
    for (std::int64_t j = 0; j < columns; ++j) {
      T projection = q(k, j);
      for (std::int64_t i = k + 1; i < q.rows; ++i) projection += conjugate(factors(i, k)) * q(i, j);
      projection *= taus[k];
      q(k, j) -= projection;
      for (std::int64_t i = k + 1; i < q.rows; ++i) q(i, j) -= factors(i, k) * projection;
    }
  }
  return q;
}

template Matrix<Real> cholesky(const Matrix<Real>&);
template Matrix<Complex> cholesky(const Matrix<Complex>&);
template Lu<Real> lu(Matrix<Real>);
template Lu<Complex> lu(Matrix<Complex>);
template Reflections<Real> reflections(Matrix<Real>, std::vector<std::int64_t>*);
template Reflections<Complex> reflections(Matrix<Complex>, std::vector<std::int64_t>*);
template Matrix<Real> reflection_product(const Matrix<Real>&, const std::vector<Real>&, std::int64_t);
template Matrix<Complex> reflection_product(const Matrix<Complex>&, const std::vector<Complex>&, std::int64_t);

}  // namespace jaxc::compiler::dense
