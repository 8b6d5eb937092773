// Dense factorizations by their textbook algorithms, in extended precision.
#pragma once

#include "compiler/evaluate/matrices.h"

namespace jaxc::compiler::dense {

using Real = long double;
using Complex = std::complex<long double>;

/// a = l l^H from a's lower triangle; all NaN when a is not positive definite.
template <typename T>
Matrix<T> cholesky(const Matrix<T>& a);

/// p a = l u with partial pivoting: l and u in one matrix, and the row swapped with each.
template <typename T>
struct Lu {
  Matrix<T> factors;
  std::vector<std::int64_t> pivots;
};
template <typename T>
Lu<T> lu(Matrix<T> a);

/// LAPACK's geqrf: r above the diagonal, Householder's vectors below it, and their factors.
template <typename T>
struct Reflections {
  Matrix<T> factors;
  std::vector<T> taus;
};
/// With `order` given, columns are swapped so that the largest remainder comes first (geqp3).
template <typename T>
Reflections<T> reflections(Matrix<T> a, std::vector<std::int64_t>* order);
/// The first `columns` columns of the product of the reflections below `factors`' diagonal.
template <typename T>
Matrix<T> reflection_product(const Matrix<T>& factors, const std::vector<T>& taus, std::int64_t columns);

/// Eigenvalues, ascending, and orthonormal eigenvectors of a Hermitian matrix (Jacobi's method).
template <typename T>
struct Spectrum {
  std::vector<Real> values;
  Matrix<T> vectors;
};
template <typename T>
Spectrum<T> hermitian_spectrum(Matrix<T> a);

/// a = u diag(values) v^H with values descending; u and v have orthonormal columns (Hestenes' method).
template <typename T>
struct SingularValues {
  Matrix<T> u;
  std::vector<Real> values;
  Matrix<T> v;
};
template <typename T>
SingularValues<T> singular_values(const Matrix<T>& a);
/// Appends orthonormal columns until there are `count`.
template <typename T>
Matrix<T> completed_basis(const Matrix<T>& columns, std::int64_t count);

/// a = vectors form vectors^H with unitary vectors; the form is upper triangular, of a real matrix with 2 x 2
/// blocks on the diagonal for pairs of complex eigenvalues. All NaN when a is not finite.
template <typename T>
struct Schur {
  Matrix<T> form;
  Matrix<T> vectors;
};
Schur<Complex> schur(const Matrix<Complex>& a);
Schur<Real> schur(const Matrix<Real>& a);

/// Eigenvalues and right eigenvectors (unit columns) of a general matrix (shifted QR iteration).
struct GeneralSpectrum {
  std::vector<Complex> values;
  Matrix<Complex> vectors;
};
GeneralSpectrum general_spectrum(const Matrix<Complex>& a);
/// The inverse, by Gauss and Jordan's elimination with pivoting.
Matrix<Complex> inverse(Matrix<Complex> a);

}  // namespace jaxc::compiler::dense
