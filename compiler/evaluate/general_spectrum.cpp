// Eigenvalues and eigenvectors of a general matrix: Hessenberg form, then QR iterations with Wilkinson's shift.
#include <tuple>

#include "compiler/evaluate/factorizations.h"

namespace jaxc::compiler::dense {

namespace {

constexpr Real epsilon = std::numeric_limits<Real>::epsilon();

// a = q h q^H with h upper Hessenberg; `a` becomes h.
Matrix<Complex> to_hessenberg(Matrix<Complex>& a) {
  const std::int64_t n = a.rows;
  Matrix<Complex> q = Matrix<Complex>::identity(n);
  for (std::int64_t k = 0; k + 2 < n; ++k) {
    std::vector<Complex> v(static_cast<std::size_t>(n), Complex(0));
    Real length = 0;
    for (std::int64_t i = k + 1; i < n; ++i) {
      v[i] = a(i, k);
      length += std::norm(v[i]);
    }
    length = std::sqrt(length);
    if (length == 0) continue;
    const Real head = std::abs(v[k + 1]);
    v[k + 1] += head == 0 ? Complex(length) : v[k + 1] / head * length;
    Real square = 0;
    for (const Complex& x : v) square += std::norm(x);
    const Real factor = 2 / square;
    for (std::int64_t j = 0; j < n; ++j) {
      Complex projection = 0;
      for (std::int64_t i = k + 1; i < n; ++i) projection += std::conj(v[i]) * a(i, j);
      for (std::int64_t i = k + 1; i < n; ++i) a(i, j) -= factor * v[i] * projection;
    }
    for (Matrix<Complex>* matrix : {&a, &q}) {
      for (std::int64_t i = 0; i < n; ++i) {
        Complex projection = 0;
        for (std::int64_t j = k + 1; j < n; ++j) projection += (*matrix)(i, j) * v[j];
        for (std::int64_t j = k + 1; j < n; ++j) (*matrix)(i, j) -= factor * projection * std::conj(v[j]);
      }
    }
  }
  return q;
}

// The eigenvalue of the block's lower right 2 x 2 corner that is nearer to its last element.
Complex wilkinson_shift(const Matrix<Complex>& h, std::int64_t last) {
  const Complex a = h(last - 1, last - 1);
  const Complex d = h(last, last);
  const Complex product = h(last - 1, last) * h(last, last - 1);
  const Complex half = (a - d) / Real(2);
  const Complex root = std::sqrt(half * half + product);
  const Complex sum = std::abs(half + root) > std::abs(half - root) ? half + root : half - root;
  return sum == Complex(0) ? d : d - product / sum;
}

// One QR step on rows and columns first..last, applied to all of h and q.
void qr_step(Matrix<Complex>& h, Matrix<Complex>& q, std::int64_t first, std::int64_t last, Complex shift) {
  const std::int64_t n = h.rows;
  std::vector<std::pair<Complex, Complex>> rotations;
  for (std::int64_t i = 0; i < n; ++i) h(i, i) -= shift;
  for (std::int64_t k = first; k < last; ++k) {
    const Real length = std::hypot(std::abs(h(k, k)), std::abs(h(k + 1, k)));
    const Complex c = length == 0 ? Complex(1) : h(k, k) / length;
    const Complex s = length == 0 ? Complex(0) : h(k + 1, k) / length;
    rotations.emplace_back(c, s);
    for (std::int64_t j = k; j < n; ++j) {
      const Complex x = h(k, j);
      const Complex y = h(k + 1, j);
      h(k, j) = std::conj(c) * x + std::conj(s) * y;
      h(k + 1, j) = -s * x + c * y;
    }
  }
  for (std::int64_t k = first; k < last; ++k) {
    const auto& [c, s] = rotations[k - first];
    for (Matrix<Complex>* matrix : {&h, &q}) {
      for (std::int64_t i = 0; i < n; ++i) {
        const Complex x = (*matrix)(i, k);
        const Complex y = (*matrix)(i, k + 1);
        (*matrix)(i, k) = c * x + s * y;
        (*matrix)(i, k + 1) = -std::conj(s) * x + std::conj(c) * y;
      }
    }
  }
  for (std::int64_t i = 0; i < n; ++i) h(i, i) += shift;
}

// Makes the Hessenberg matrix h upper triangular; false when the iteration does not converge.
bool triangularize(Matrix<Complex>& h, Matrix<Complex>& q) {
  constexpr int most_steps = 300;
  std::int64_t last = h.rows - 1;
  int steps = 0;
  while (last > 0) {
    std::int64_t first = last;
    while (first > 0 &&
           std::abs(h(first, first - 1)) > epsilon * (std::abs(h(first, first)) + std::abs(h(first - 1, first - 1)))) {
      --first;
    }
    if (first > 0) h(first, first - 1) = 0;
    if (first == last) {
      --last;
      steps = 0;
      continue;
    }
    if (++steps > most_steps) return false;
    const bool exceptional = steps % 10 == 0;
    qr_step(h, q, first, last, exceptional ? h(last, last) + std::abs(h(last, last - 1)) : wilkinson_shift(h, last));
  }
  return true;
}

bool is_negligible(const Matrix<Real>& h, std::int64_t row) {
  return std::abs(h(row, row - 1)) <= epsilon * (std::abs(h(row, row)) + std::abs(h(row - 1, row - 1)));
}

// The first column of the rotation that ends a window of two rows: an eigenvector where eigenvalues are real,
// else the direction that makes the diagonal equal.
std::pair<Real, Real> final_direction(Real a, Real b, Real c, Real d) {
  const Real half = (a - d) / 2;
  const Real discriminant = half * half + b * c;
  if (discriminant >= 0) return {half + std::copysign(std::sqrt(discriminant), half), c};
  const Real angle = std::atan2(d - a, b + c) / 2;
  return {std::cos(angle), std::sin(angle)};
}

// h and q by similarity with the orthogonal factor of `window`, which stands at rows and columns from `first` on.
void turn(Matrix<Real>& h, Matrix<Real>& q, const Matrix<Real>& window, std::int64_t first) {
  const Reflections<Real> factors = reflections(window, static_cast<std::vector<std::int64_t>*>(nullptr));
  const Matrix<Real> basis = reflection_product(factors.factors, factors.taus, window.rows);
  Matrix<Real> whole = Matrix<Real>::identity(h.rows);
  for (std::int64_t i = 0; i < window.rows; ++i) {
    for (std::int64_t j = 0; j < window.rows; ++j) whole(first + i, first + j) = basis(i, j);
  }
  h = multiply(adjoint(whole), multiply(h, whole));
  q = multiply(q, whole);
}

// Makes a real Hessenberg matrix quasi-triangular by explicit double shifts; false when that does not converge.
bool make_quasi_triangular(Matrix<Real>& h, Matrix<Real>& q) {
  constexpr int most_steps = 300;
  int steps = 0;
  for (std::int64_t last = h.rows - 1; last > 0;) {
    std::int64_t first = last;
    while (first > 0 && !is_negligible(h, first)) --first;
    if (first > 0) h(first, first - 1) = 0;
    if (first == last) {
      --last;
      steps = 0;
      continue;
    }
    if (++steps > most_steps) return false;
    const Real a = h(last - 1, last - 1);
    const Real b = h(last - 1, last);
    const Real c = h(last, last - 1);
    const Real d = h(last, last);
    if (last - first == 1) {
      Matrix<Real> direction(2, 2);
      std::tie(direction(0, 0), direction(1, 0)) = final_direction(a, b, c, d);
      direction(1, 1) = 1;
      turn(h, q, direction, first);
      if ((a - d) * (a - d) / 4 + b * c >= 0) h(last, first) = 0;
      last -= 2;
      steps = 0;
      continue;
    }
    const Real unusual = std::abs(c) + std::abs(h(last - 1, last - 2));
    const Real sum = steps % 10 == 0 ? unusual * Real(1.5) : a + d;
    const Real product = steps % 10 == 0 ? unusual * unusual : a * d - b * c;
    const std::int64_t n = last - first + 1;
    Matrix<Real> window(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) window(i, j) = h(first + i, first + j);
    }
    Matrix<Real> shifted = multiply(window, window);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) shifted(i, j) += (i == j ? product : 0) - sum * window(i, j);
    }
    turn(h, q, shifted, first);
    for (std::int64_t i = first + 2; i <= last; ++i) {
      for (std::int64_t j = first; j < i - 1; ++j) h(i, j) = 0;
    }
  }
  for (std::int64_t i = 0; i < h.rows; ++i) {
    for (std::int64_t j = 0; j + 1 < i; ++j) h(i, j) = 0;
  }
  return true;
}

// The eigenvectors of upper triangular t, by back substitution.
Matrix<Complex> triangular_eigenvectors(const Matrix<Complex>& t) {
  const std::int64_t n = t.rows;
  Real scale = std::numeric_limits<Real>::min();
  for (const Complex& x : t.elements) scale = std::max(scale, std::abs(x));
  Matrix<Complex> y(n, n);
  for (std::int64_t k = 0; k < n; ++k) {
    y(k, k) = 1;
    for (std::int64_t i = k - 1; i >= 0; --i) {
      Complex sum = 0;
      for (std::int64_t j = i + 1; j <= k; ++j) sum += t(i, j) * y(j, k);
      Complex difference = t(k, k) - t(i, i);
      if (std::abs(difference) < epsilon * scale) difference = epsilon * scale;
      y(i, k) = sum / difference;
    }
  }
  return y;
}

}  // namespace

Schur<Complex> schur(const Matrix<Complex>& a) {
  Matrix<Complex> t = a;
  Matrix<Complex> q = Matrix<Complex>::identity(a.rows);
  bool converged = all_finite(a);
  if (converged) {
    q = to_hessenberg(t);
    converged = triangularize(t, q);
  }
  if (!converged) {
    invalidate(t);
    invalidate(q);
  }
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < i && converged; ++j) t(i, j) = 0;
  }
  return {std::move(t), std::move(q)};
}

Schur<Real> schur(const Matrix<Real>& a) {
  Matrix<Real> t = a;
  Matrix<Real> q = Matrix<Real>::identity(a.rows);
  bool converged = all_finite(a);
  if (converged) {
    Matrix<Complex> h(a.rows, a.columns);
    std::copy(a.elements.begin(), a.elements.end(), h.elements.begin());
    const Matrix<Complex> reflections = to_hessenberg(h);
    for (std::size_t i = 0; i < h.elements.size(); ++i) {
      t.elements[i] = h.elements[i].real();
      q.elements[i] = reflections.elements[i].real();
    }
    converged = make_quasi_triangular(t, q);
  }
  if (!converged) {
    invalidate(t);
    invalidate(q);
  }
  return {std::move(t), std::move(q)};
}

GeneralSpectrum general_spectrum(const Matrix<Complex>& a) {
  const std::int64_t n = a.rows;
  const auto [t, q] = schur(a);
  GeneralSpectrum result{{}, multiply(q, triangular_eigenvectors(t))};
  for (std::int64_t k = 0; k < n; ++k) {
    result.values.push_back(t(k, k));
    // Unit length, with the largest component real.
    Real square = 0;
    Complex largest = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      square += std::norm(result.vectors(i, k));
      if (std::abs(result.vectors(i, k)) > std::abs(largest)) largest = result.vectors(i, k);
    }
    const Complex factor = std::conj(largest) / std::abs(largest) / std::sqrt(square);
    for (std::int64_t i = 0; i < n; ++i) result.vectors(i, k) *= factor;
  }
  return result;
}

Matrix<Complex> inverse(Matrix<Complex> a) {
  const std::int64_t n = a.rows;
  Matrix<Complex> result = Matrix<Complex>::identity(n);
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    }
    for (Matrix<Complex>* matrix : {&a, &result}) {
      for (std::int64_t j = 0; j < n; ++j) std::swap((*matrix)(k, j), (*matrix)(pivot, j));
    }
    const Complex divisor = a(k, k);
    for (Matrix<Complex>* matrix : {&a, &result}) {
      for (std::int64_t j = 0; j < n; ++j) (*matrix)(k, j) /= divisor;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const Complex factor = a(i, k);
      for (Matrix<Complex>* matrix : {&a, &result}) {
        for (std::int64_t j = 0; j < n; ++j) (*matrix)(i, j) -= factor * (*matrix)(k, j);
      }
    }
  }
  return result;
}

}  // namespace jaxc::compiler::dense
