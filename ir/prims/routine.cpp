// Signatures of sorts, transforms and dense linear algebra.
#include "ir/prims/checks.h"
#include "ir/prims/parameters.h"

namespace jaxc::ir {

namespace {

// The batch axes, rows and columns of a matrix operand.
struct Matrix {
  Shape batch;
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  Shape with(std::initializer_list<std::int64_t> inner) const {
    Shape shape = batch;
    shape.insert(shape.end(), inner);
    return shape;
  }
};

Matrix matrix(const TypeQuery& query, std::size_t operand) {
  const Type& type = query.operands[operand];
  const std::size_t rank = type.shape.size();
  query.require(rank >= 2, "operand {} must be a matrix or a batch of them, got {}", operand, to_string(type));
  return {Shape(type.shape.begin(), type.shape.end() - 2), type.shape[rank - 2], type.shape[rank - 1]};
}

Matrix square_matrix(const TypeQuery& query, std::size_t operand) {
  Matrix result = matrix(query, operand);
  query.require(result.rows == result.columns, "the matrix must be square, got {}", to_string(query.operands[operand]));
  return result;
}

Types sort_types(const TypeQuery& query) {
  require_same_shape(query);
  require_axis(query, query.parameters().integer("dimension"), query.operands[0].shape.size());
  const std::int64_t keys = query.parameters().integer_or("num_keys", 1);
  query.require(keys >= 1 && keys <= static_cast<std::int64_t>(query.operands.size()),
                "num_keys must lie in [1, {}], got {}", query.operands.size(), keys);
  for (std::int64_t i = 0; i < keys; ++i) {
    query.require(contains(dtypes::computable, query.operands[i].dtype), "keys must be ordered, got {}",
                  to_string(query.operands[i]));
  }
  return query.operands;
}

Types top_k_types(const TypeQuery& query) {
  Type values = query.operands[0];
  const auto rank = static_cast<std::int64_t>(values.shape.size());
  const std::size_t axis = require_axis(query, query.parameters().integer_or("axis", rank - 1), values.shape.size());
  const std::int64_t count = query.parameters().integer("k");
  query.require(count >= 0 && count <= values.shape[axis], "k must lie in [0, {}], got {}", values.shape[axis], count);
  values.shape[axis] = count;
  return {values, {DType::i32, values.shape}};
}

Types fft_types(const TypeQuery& query) {
  Type result = query.operands[0];
  const FourierKind kind = fourier_kind(query.parameters());
  const auto lengths = query.parameters().integers("fft_lengths");
  query.require(!lengths.empty() && lengths.size() <= result.shape.size(),
                "fft_lengths must have between 1 and {} entries, got {}", result.shape.size(), lengths.size());
  for (std::int64_t length : lengths) query.require(length >= 0, "fft_lengths must not be negative, got {}", length);
  const std::size_t first = result.shape.size() - lengths.size();
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const bool last = i + 1 == lengths.size();
    std::int64_t& extent = result.shape[first + i];
    const bool half = kind == FourierKind::real_inverse && last;
    query.require(half || extent == lengths[i], "fft_lengths must agree with the operand's extents, got {} and {}",
                  lengths[i], extent);
    query.require(!half || extent == lengths[i] / 2 + 1, "the innermost extent must be {} for a length of {}, got {}",
                  lengths[i] / 2 + 1, lengths[i], extent);
    extent = lengths[i];
    if (kind == FourierKind::real_forward && last) extent = lengths[i] / 2 + 1;
  }
  if (kind == FourierKind::real_forward) {
    result.dtype = complex_dtype(query, result.dtype);
  } else {
    query.require(is_complex(result.dtype), "the operand must be complex, got {}", to_string(result));
    if (kind == FourierKind::real_inverse) result.dtype = real_dtype(result.dtype);
  }
  return {result};
}

Types cholesky_types(const TypeQuery& query) {
  square_matrix(query, 0);
  return query.operands;
}

Types eigh_types(const TypeQuery& query) {
  const Matrix a = square_matrix(query, 0);
  const DType dtype = query.operands[0].dtype;
  const auto subset = query.parameters().integers_or("subset_by_index", {0, a.rows});
  require_count(query, "subset_by_index", subset.size(), 2);
  query.require(0 <= subset[0] && subset[0] <= subset[1] && subset[1] <= a.rows,
                "subset_by_index must lie in [0, {}], got {} and {}", a.rows, subset[0], subset[1]);
  const std::int64_t count = subset[1] - subset[0];
  return {{dtype, a.with({a.rows, count})}, {real_dtype(dtype), a.with({count})}};
}

Types eig_types(const TypeQuery& query) {
  const Matrix a = square_matrix(query, 0);
  const DType real = query.operands[0].dtype;
  const DType dtype = is_complex(real) ? real : complex_dtype(query, real);
  Types results = {{dtype, a.with({a.rows})}};
  const std::size_t sides = std::size_t{query.parameters().boolean_or("compute_left_eigenvectors", true)} +
                            std::size_t{query.parameters().boolean_or("compute_right_eigenvectors", true)};
  results.resize(1 + sides, Type{dtype, a.with({a.rows, a.rows})});
  return results;
}

Types householder_product_types(const TypeQuery& query) {
  require_same_dtype(query);
  const Matrix a = matrix(query, 0);
  const Shape& taus = query.operands[1].shape;
  query.require(taus.size() == a.batch.size() + 1 && std::equal(a.batch.begin(), a.batch.end(), taus.begin()),
                "matrix and factors must have one batch shape, got {} and {}", to_string(query.operands[0].shape),
                to_string(taus));
  query.require(a.rows >= a.columns && taus.back() <= a.columns,
                "the matrix needs at least as many rows as columns as factors, got {}, {} and {}", a.rows, a.columns,
                taus.back());
  return {query.operands[0]};
}

Types lu_types(const TypeQuery& query) {
  const Matrix a = matrix(query, 0);
  return {query.operands[0], {DType::i32, a.with({std::min(a.rows, a.columns)})}, {DType::i32, a.with({a.rows})}};
}

Types pivots_types(const TypeQuery& query) {
  Type result = query.operands[0];
  query.require(result.dtype == DType::i32 && !result.shape.empty(), "pivots must be i32[...,k], got {}",
                to_string(result));
  const std::int64_t size = query.parameters().integer("permutation_size");
  query.require(size >= result.shape.back(), "permutation_size must be at least the number of pivots, got {} and {}",
                size, result.shape.back());
  result.shape.back() = size;
  return {result};
}

Types geqrf_types(const TypeQuery& query) {
  const Matrix a = matrix(query, 0);
  return {query.operands[0], {query.operands[0].dtype, a.with({std::min(a.rows, a.columns)})}};
}

Types qr_types(const TypeQuery& query) {
  const Matrix a = matrix(query, 0);
  const DType dtype = query.operands[0].dtype;
  const bool full = query.parameters().boolean_or("full_matrices", false);
  const std::int64_t inner = full ? a.rows : std::min(a.rows, a.columns);
  Types results = {{dtype, a.with({a.rows, inner})}, {dtype, a.with({inner, a.columns})}};
  if (query.parameters().boolean_or("pivoting", false)) results.push_back({DType::i32, a.with({a.columns})});
  return results;
}

Types schur_types(const TypeQuery& query) {
  square_matrix(query, 0);
  const bool vectors = query.parameters().boolean_or("compute_schur_vectors", true);
  return Types(vectors ? 2 : 1, query.operands[0]);
}

Types svd_types(const TypeQuery& query) {
  const Matrix a = matrix(query, 0);
  const DType dtype = query.operands[0].dtype;
  const std::int64_t smaller = std::min(a.rows, a.columns);
  const auto subset = query.parameters().integers_or("subset_by_index", {0, smaller});
  require_count(query, "subset_by_index", subset.size(), 2);
  query.require(0 <= subset[0] && subset[0] <= subset[1] && subset[1] <= smaller,
                "subset_by_index must lie in [0, {}], got {} and {}", smaller, subset[0], subset[1]);
  const std::int64_t rank = subset[1] - subset[0];
  const Type values{real_dtype(dtype), a.with({rank})};
  if (!query.parameters().boolean_or("compute_uv", true)) return {values};
  const bool full = query.parameters().boolean_or("full_matrices", true);
  query.require(!full || rank == smaller, "full_matrices and subset_by_index exclude each other");
  return {
      values, {dtype, a.with({a.rows, full ? a.rows : rank})}, {dtype, a.with({full ? a.columns : rank, a.columns})}};
}

Types triangular_solve_types(const TypeQuery& query) {
  require_same_dtype(query);
  const Matrix a = square_matrix(query, 0);
  const Matrix b = matrix(query, 1);
  query.require(a.batch == b.batch, "operands must have one batch shape, got {} and {}", to_string(a.batch),
                to_string(b.batch));
  const std::int64_t extent = query.parameters().boolean("left_side") ? b.rows : b.columns;
  query.require(extent == a.rows, "extents must agree, got {} and {}", a.rows, extent);
  return {query.operands[1]};
}

// Operands: lower, main and upper diagonal, right-hand sides.
Types tridiagonal_solve_types(const TypeQuery& query) {
  require_same_dtype(query);
  const Matrix b = matrix(query, 3);
  const Shape diagonal = b.with({b.rows});
  for (std::size_t i = 0; i < 3; ++i) {
    query.require(query.operands[i].shape == diagonal, "diagonals must have the shape {}, got {}", to_string(diagonal),
                  to_string(query.operands[i].shape));
  }
  return {query.operands[3]};
}

constexpr OperandCount some = OperandCount::at_least(1);

}  // namespace

namespace signatures {

const Signature sort{sort_types, {dtypes::computable, some}};
const Signature top_k{top_k_types, {dtypes::ordered, 1}};
const Signature fft{fft_types, {dtypes::inexact, 1}};
const Signature cholesky{cholesky_types, {dtypes::inexact, 1}};
const Signature eigh{eigh_types, {dtypes::inexact, 1}};
const Signature eig{eig_types, {dtypes::inexact, 1}};
const Signature householder_product{householder_product_types, {dtypes::inexact, 2}};
const Signature lu{lu_types, {dtypes::inexact, 1}};
const Signature lu_pivots_to_permutation{pivots_types, {dtypes::integers, 1}};
const Signature geqrf{geqrf_types, {dtypes::inexact, 1}};
const Signature qr{qr_types, {dtypes::inexact, 1}};
const Signature schur{schur_types, {dtypes::inexact, 1}};
const Signature svd{svd_types, {dtypes::inexact, 1}};
const Signature triangular_solve{triangular_solve_types, {dtypes::inexact, 2}};
const Signature tridiagonal_solve{tridiagonal_solve_types, {dtypes::inexact, 4}};

}  // namespace signatures

}  // namespace jaxc::ir
