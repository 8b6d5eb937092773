// Evaluation of dense linear algebra, one matrix of the batch after the other.
#include <numeric>

#include "compiler/evaluate/factorizations.h"
#include "compiler/evaluate/indices.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;
using dense::Complex;
using dense::Real;

// One result of T per matrix of operand 0.
template <typename Function>
Results map_matrices(const Application& application, Function function) {
  const Array& operand = application.operands[0];
  return visit_linear(operand.type().dtype, [&]<typename T>(T) -> Results {
    Batches<T> results;
    for (const Matrix<T>& matrix : load_matrices<T>(operand)) results.add(function(matrix));
    return {results.array(application.types[0])};
  });
}

// `columns` columns from `first` on.
template <typename T>
Matrix<T> columns_from(const Matrix<T>& matrix, std::int64_t first, std::int64_t columns) {
  Matrix<T> result(matrix.rows, columns);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) result(i, j) = matrix(i, first + j);
  }
  return result;
}

std::vector<std::int64_t> permutation_of(const std::vector<std::int64_t>& pivots, std::int64_t size) {
  std::vector<std::int64_t> permutation(static_cast<std::size_t>(size));
  std::iota(permutation.begin(), permutation.end(), 0);
  for (std::size_t i = 0; i < pivots.size(); ++i) {
    const auto other = static_cast<std::size_t>(std::clamp<std::int64_t>(pivots[i], 0, size - 1));
    std::swap(permutation[i], permutation[other]);
  }
  return permutation;
}

Results factor_lu(const Application& application) {
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    Batches<T> factors;
    Batches<std::int64_t> pivots;
    Batches<std::int64_t> permutations;
    for (const Matrix<T>& a : load_matrices<T>(application.operands[0])) {
      const dense::Lu<T> result = dense::lu(a);
      factors.add(result.factors);
      pivots.add(result.pivots);
      permutations.add(permutation_of(result.pivots, a.rows));
    }
    return {factors.array(application.types[0]), pivots.array(application.types[1]),
            permutations.array(application.types[2])};
  });
}

Results factor_qr(const Application& application) {
  const bool pivoting = application.parameters().boolean_or("pivoting", false);
  const bool full = application.parameters().boolean_or("full_matrices", false);
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    Batches<T> qs;
    Batches<T> rs;
    Batches<std::int64_t> orders;
    for (const Matrix<T>& a : load_matrices<T>(application.operands[0])) {
      std::vector<std::int64_t> order;
      const dense::Reflections<T> result = dense::reflections(a, pivoting ? &order : nullptr);
      const std::int64_t inner = full ? a.rows : std::min(a.rows, a.columns);
      qs.add(dense::reflection_product(result.factors, result.taus, inner));
      Matrix<T> r(inner, a.columns);
      for (std::int64_t i = 0; i < inner; ++i) {
        for (std::int64_t j = i; j < a.columns; ++j) r(i, j) = result.factors(i, j);
      }
      rs.add(r);
      orders.add(order);
    }
    Results results = {qs.array(application.types[0]), rs.array(application.types[1])};
    if (pivoting) results.push_back(orders.array(application.types[2]));
    return results;
  });
}

Results householder_factors(const Application& application) {
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    Batches<T> factors;
    Batches<T> taus;
    for (const Matrix<T>& a : load_matrices<T>(application.operands[0])) {
      const dense::Reflections<T> result = dense::reflections(a, static_cast<std::vector<std::int64_t>*>(nullptr));
      factors.add(result.factors);
      taus.add(result.taus);
    }
    return {factors.array(application.types[0]), taus.array(application.types[1])};
  });
}

Results multiply_householder(const Application& application) {
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    const auto factors = load_matrices<T>(application.operands[0]);
    const auto taus = load_matrices<T>(application.operands[1], 1);
    Batches<T> results;
    for (std::size_t i = 0; i < factors.size(); ++i) {
      results.add(dense::reflection_product(factors[i], taus[i].elements, factors[i].columns));
    }
    return {results.array(application.types[0])};
  });
}

// Only one triangle is read; the diagonal counts as real.
template <typename T>
Matrix<T> hermitian_from(const Matrix<T>& a, bool lower) {
  Matrix<T> result(a.rows, a.columns);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    result(i, i) = T(real_of(a(i, i)));
    for (std::int64_t j = 0; j < i; ++j) {
      result(i, j) = lower ? a(i, j) : conjugate(a(j, i));
      result(j, i) = conjugate(result(i, j));
    }
  }
  return result;
}

Results hermitian_eigenvalues(const Application& application) {
  const bool lower = application.parameters().boolean_or("lower", true);
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    Batches<T> vectors;
    Batches<Real> values;
    for (const Matrix<T>& a : load_matrices<T>(application.operands[0])) {
      const auto subset = application.parameters().integers_or("subset_by_index", {0, a.rows});
      const dense::Spectrum<T> spectrum = dense::hermitian_spectrum(hermitian_from(a, lower));
      vectors.add(columns_from(spectrum.vectors, subset[0], subset[1] - subset[0]));
      values.add(std::vector<Real>(spectrum.values.begin() + subset[0], spectrum.values.begin() + subset[1]));
    }
    return {vectors.array(application.types[0]), values.array(application.types[1])};
  });
}

Results general_eigenvalues(const Application& application) {
  const bool left = application.parameters().boolean_or("compute_left_eigenvectors", true);
  const bool right = application.parameters().boolean_or("compute_right_eigenvectors", true);
  Batches<Complex> values;
  Batches<Complex> left_vectors;
  Batches<Complex> right_vectors;
  for (const Matrix<Complex>& a : load_matrices<Complex>(application.operands[0])) {
    const dense::GeneralSpectrum spectrum = dense::general_spectrum(a);
    values.add(spectrum.values);
    right_vectors.add(spectrum.vectors);
    if (!left) continue;
    Matrix<Complex> rows = adjoint(dense::inverse(spectrum.vectors));
    for (std::int64_t j = 0; j < rows.columns; ++j) {
      Real square = 0;
      for (std::int64_t i = 0; i < rows.rows; ++i) square += std::norm(rows(i, j));
      for (std::int64_t i = 0; i < rows.rows; ++i) rows(i, j) /= std::sqrt(square);
    }
    left_vectors.add(rows);
  }
  Results results = {values.array(application.types[0])};
  if (left) results.push_back(left_vectors.array(application.types[1]));
  if (right) results.push_back(right_vectors.array(application.types.back()));
  return results;
}

Results schur_forms(const Application& application) {
  if (application.parameters().boolean_or("sort_eig_vals", false)) {
    throw Error("schur: eigenvalues stay as they come, got sort_eig_vals=True; sort them afterwards");
  }
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    Batches<T> forms;
    Batches<T> vectors;
    for (const Matrix<T>& a : load_matrices<T>(application.operands[0])) {
      const dense::Schur<T> result = dense::schur(a);
      forms.add(result.form);
      vectors.add(result.vectors);
    }
    Results results = {forms.array(application.types[0])};
    if (application.types.size() > 1) results.push_back(vectors.array(application.types[1]));
    return results;
  });
}

Results decompose_singular(const Application& application) {
  const bool vectors = application.parameters().boolean_or("compute_uv", true);
  const bool full = application.parameters().boolean_or("full_matrices", true);
  return visit_linear(application.operands[0].type().dtype, [&]<typename T>(T) -> Results {
    Batches<Real> values;
    Batches<T> us;
    Batches<T> vs;
    for (const Matrix<T>& a : load_matrices<T>(application.operands[0])) {
      const dense::SingularValues<T> result = dense::singular_values(a);
      const auto subset =
          application.parameters().integers_or("subset_by_index", {0, static_cast<std::int64_t>(result.values.size())});
      const std::int64_t count = subset[1] - subset[0];
      values.add(std::vector<Real>(result.values.begin() + subset[0], result.values.begin() + subset[1]));
      if (!vectors) continue;
      const Matrix<T> u = columns_from(result.u, subset[0], count);
      const Matrix<T> v = columns_from(result.v, subset[0], count);
      us.add(full ? dense::completed_basis(u, a.rows) : u);
      vs.add(adjoint(full ? dense::completed_basis(v, a.columns) : v));
    }
    Results results = {values.array(application.types[0])};
    if (vectors) {
      results.push_back(us.array(application.types[1]));
      results.push_back(vs.array(application.types[2]));
    }
    return results;
  });
}

// Solves m x = b by substitution; m is read in one triangle.
template <typename T>
void substitute(const Matrix<T>& m, bool lower, Matrix<T>& b) {
  const std::int64_t n = m.rows;
  for (std::int64_t column = 0; column < b.columns; ++column) {
    for (std::int64_t step = 0; step < n; ++step) {
      const std::int64_t i = lower ? step : n - 1 - step;
      T sum = b(i, column);
      for (std::int64_t j = lower ? 0 : i + 1; j < (lower ? i : n); ++j) sum -= m(i, j) * b(j, column);
      b(i, column) = sum / m(i, i);
    }
  }
}

template <typename T>
Matrix<T> transposed(const Matrix<T>& matrix) {
  Matrix<T> result(matrix.columns, matrix.rows);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.columns; ++j) result(j, i) = matrix(i, j);
  }
  return result;
}

// left_side: op(a) x = b, otherwise x op(a) = b, which is op(a)^T x^T = b^T.
Results solve_triangular(const Application& application) {
  const ir::Parameters& parameters = application.parameters();
  const bool left = parameters.boolean("left_side");
  const bool lower = parameters.boolean_or("lower", false);
  const bool transpose = parameters.boolean_or("transpose_a", false);
  const bool conjugated = parameters.boolean_or("conjugate_a", false);
  const bool unit = parameters.boolean_or("unit_diagonal", false);
  const bool transposes = transpose == left;
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    const auto as = load_matrices<T>(application.operands[0]);
    const auto bs = load_matrices<T>(application.operands[1]);
    Batches<T> results;
    for (std::size_t i = 0; i < as.size(); ++i) {
      Matrix<T> m = transposes ? transposed(as[i]) : as[i];
      for (T& element : m.elements) {
        if (conjugated) element = conjugate(element);
      }
      for (std::int64_t j = 0; unit && j < m.rows; ++j) m(j, j) = T(1);
      Matrix<T> x = left ? bs[i] : transposed(bs[i]);
      substitute(m, lower != transposes, x);
      results.add(left ? x : transposed(x));
    }
    return {results.array(application.types[0])};
  });
}

// By dense elimination with pivoting; NaN when the matrix is singular.
Results solve_tridiagonal(const Application& application) {
  if (application.parameters().boolean_or("perturb_singular", false)) {
    throw Error("tridiagonal_solve: perturb_singular=True is not supported");
  }
  return visit_linear(application.types[0].dtype, [&]<typename T>(T) -> Results {
    const auto below = load_matrices<T>(application.operands[0], 1);
    const auto main = load_matrices<T>(application.operands[1], 1);
    const auto above = load_matrices<T>(application.operands[2], 1);
    const auto bs = load_matrices<T>(application.operands[3]);
    Batches<T> results;
    for (std::size_t batch = 0; batch < bs.size(); ++batch) {
      const std::int64_t n = bs[batch].rows;
      Matrix<T> a(n, n);
      for (std::int64_t i = 0; i < n; ++i) {
        a(i, i) = main[batch](i, 0);
        if (i > 0) a(i, i - 1) = below[batch](i, 0);
        if (i + 1 < n) a(i, i + 1) = above[batch](i, 0);
      }
      const dense::Lu<T> lu = dense::lu(a);
      const auto permutation = permutation_of(lu.pivots, n);
      Matrix<T> x(n, bs[batch].columns);
      bool singular = false;
      for (std::int64_t i = 0; i < n; ++i) {
        singular = singular || lu.factors(i, i) == T(0);
        for (std::int64_t j = 0; j < x.columns; ++j) x(i, j) = bs[batch](permutation[i], j);
      }
      Matrix<T> lower = lu.factors;
      for (std::int64_t i = 0; i < n; ++i) lower(i, i) = T(1);
      substitute(lower, true, x);
      substitute(lu.factors, false, x);
      if (singular) invalidate(x);
      results.add(x);
    }
    return {results.array(application.types[0])};
  });
}

Results expand_pivots(const Application& application) {
  const std::int64_t size = application.parameters().integer("permutation_size");
  Batches<std::int64_t> results;
  const auto pivots = load<std::int64_t>(application.operands[0]);
  const std::int64_t count = application.operands[0].type().shape.back();
  for (std::int64_t batch = 0; batch < element_count(application.types[0].shape) / std::max<std::int64_t>(size, 1);
       ++batch) {
    const auto begin = pivots.begin() + batch * count;
    results.add(permutation_of(std::vector<std::int64_t>(begin, begin + count), size));
  }
  return {results.array(application.types[0])};
}

}  // namespace

namespace evaluators {

Results cholesky(const Application& a) {
  return map_matrices(a, [](const auto& matrix) { return dense::cholesky(matrix); });
}
Results lu(const Application& a) {
  return factor_lu(a);
}
Results lu_pivots_to_permutation(const Application& a) {
  return expand_pivots(a);
}
Results qr(const Application& a) {
  return factor_qr(a);
}
Results geqrf(const Application& a) {
  return householder_factors(a);
}
Results householder_product(const Application& a) {
  return multiply_householder(a);
}
Results eigh(const Application& a) {
  return hermitian_eigenvalues(a);
}
Results eig(const Application& a) {
  return general_eigenvalues(a);
}
Results schur(const Application& a) {
  return schur_forms(a);
}
Results svd(const Application& a) {
  return decompose_singular(a);
}
Results triangular_solve(const Application& a) {
  return solve_triangular(a);
}
Results tridiagonal_solve(const Application& a) {
  return solve_tridiagonal(a);
}

}  // namespace evaluators

}  // namespace jaxc::compiler
