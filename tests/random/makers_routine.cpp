// Makers of sorts, transforms, dense linear algebra on well-conditioned matrices, and random bits.
#include <fmt/format.h>

#include <algorithm>

#include "makers.h"

namespace jaxc::random_programs {

using ir::Primitive;

namespace {

bool sort(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::computable, 1);
  Values operands = {x};
  for (std::int64_t k = scope.random().between(0, 2); k > 0; --k)
    operands.push_back(scope.of_type({scope.random_dtype(ir::dtypes::computable), x.shape()}));
  return scope
      .apply(primitive,
             parameters(fmt::format("dimension={} is_stable=True num_keys={}", scope.random().below(x.shape().size()),
                                    scope.random().between(1, static_cast<std::int64_t>(operands.size())))),
             operands)
      .has_value();
}

bool top_k(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::real_numbers, 1);
  const std::size_t axis = scope.random().below(x.shape().size());
  return scope
      .apply(primitive, parameters(fmt::format("axis={} k={}", axis, scope.random().between(0, x.shape()[axis]))), {x})
      .has_value();
}

bool fourier(Scope& scope, Primitive primitive) {
  const auto kind = scope.random().between(0, 3);
  const Value x = operand(scope, kind == 2 ? ir::dtypes::floats : ir::dtypes::complexes, 1, 3);
  Shape lengths = {x.shape().back()};
  if (kind == 3) lengths[0] = std::max<std::int64_t>(1, 2 * lengths[0] - 2 + scope.random().between(0, 1));
  if (x.shape().size() > 1 && scope.random().chance(0.3))
    lengths.insert(lengths.begin(), x.shape()[x.shape().size() - 2]);
  return scope.one(primitive, fmt::format("fft_lengths={} fft_type={}", tuple(lengths), kind), {x}).has_value();
}

std::optional<Value> scaled_identity(Scope& scope, DType dtype, std::int64_t size, double scale) {
  const auto rows =
      scope.one(Primitive::iota, fmt::format("dimension=0 dtype=int32 shape=({0}, {0}) sharding=None", size), {});
  const auto columns =
      scope.one(Primitive::iota, fmt::format("dimension=1 dtype=int32 shape=({0}, {0}) sharding=None", size), {});
  if (!rows || !columns) return std::nullopt;
  const auto equal = scope.one(Primitive::eq, "", {*rows, *columns});
  if (!equal) return std::nullopt;
  const auto ones = scope.one(Primitive::convert_element_type,
                              fmt::format("new_dtype={} weak_type=False", numpy_name(dtype)), {*equal});
  if (!ones) return std::nullopt;
  return scope.one(Primitive::mul, "", {*ones, literal(dtype, scale)});
}

/// A square matrix whose diagonal dominates; `symmetric` ones are positive definite.
std::optional<Value> good_matrix(Scope& scope, DType dtype, std::int64_t size, bool symmetric) {
  const Value any = scope.bounded(scope.of_type({dtype, {size, size}}), {});
  if (has_special(any.array)) return std::nullopt;
  Value matrix = any;
  if (symmetric) {
    const auto transposed = scope.one(Primitive::transpose, "permutation=(1, 0)", {any});
    if (!transposed) return std::nullopt;
    Value other = *transposed;
    if (is_complex(dtype)) {
      const auto conjugate = scope.one(Primitive::conj, "input_dtype=complex64", {other});
      if (!conjugate) return std::nullopt;
      other = *conjugate;
    }
    const auto sum = scope.one(Primitive::add, "", {any, other});
    if (!sum) return std::nullopt;
    matrix = *sum;
  }
  const auto diagonal = scaled_identity(scope, dtype, size, 7.0 * static_cast<double>(size));
  if (!diagonal) return std::nullopt;
  return scope.one(Primitive::add, "", {matrix, *diagonal});
}

DType matrix_dtype(Scope& scope, bool complex) {
  static const std::vector<DType> reals = {DType::f32, DType::f32, DType::f64};
  static const std::vector<DType> all = {DType::f32, DType::f32, DType::f64, DType::c64};
  return scope.random().pick(complex ? all : reals);
}

bool triangular(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  const std::int64_t size = random.between(1, 5);
  const bool left = random.chance(0.6);
  const auto a = good_matrix(scope, matrix_dtype(scope, true), size, false);
  if (!a) return false;
  const std::int64_t columns = random.between(1, 4);
  const Value b = scope.of_type({a->dtype(), left ? Shape{size, columns} : Shape{columns, size}});
  const auto truth = [&] { return random.chance(0.5) ? "True" : "False"; };
  return scope
      .one(primitive,
           fmt::format("conjugate_a={} left_side={} lower={} transpose_a={} unit_diagonal=False", truth(),
                       left ? "True" : "False", truth(), truth()),
           {*a, b})
      .has_value();
}

bool tridiagonal(Scope& scope, Primitive primitive) {
  const std::int64_t size = scope.random().between(2, 6);
  const DType dtype = matrix_dtype(scope, false);
  const auto part = [&](Shape shape, ir::Interval interval) {
    return scope.bounded(scope.of_type({dtype, std::move(shape)}), interval);
  };
  const Value lower = part({size}, {-1, 1});
  const Value diagonal = part({size}, {3, 5});
  const Value upper = part({size}, {-1, 1});
  return scope.one(primitive, "perturb_singular=False", {lower, diagonal, upper, part({size, 2}, {})}).has_value();
}

bool factorization(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  const std::int64_t size = random.between(1, 5);
  const bool symmetric = primitive == Primitive::cholesky || primitive == Primitive::eigh;
  const bool complex = primitive == Primitive::cholesky || primitive == Primitive::lu;
  const auto matrix = good_matrix(scope, matrix_dtype(scope, complex), size, symmetric);
  if (!matrix) return false;
  Value a = *matrix;
  if (!symmetric && random.chance(0.4) && size > 1) {
    const std::string part =
        fmt::format("limit_indices=({}, {}) start_indices=(0, 0) strides=None", size, random.between(1, size));
    if (const auto tall = scope.one(Primitive::slice, part, {a})) a = *tall;
  }
  std::string text;
  if (primitive == Primitive::eigh) text = "algorithm=None lower=True sort_eigenvalues=True subset_by_index=None";
  if (primitive == Primitive::qr)
    text = fmt::format("full_matrices={} pivoting=False use_magma=None", random.chance(0.3) ? "True" : "False");
  if (primitive == Primitive::svd) text = "algorithm=None compute_uv=False full_matrices=False subset_by_index=None";
  if (primitive == Primitive::cholesky) text = "symmetrize_input=False";
  const auto results = scope.apply(primitive, parameters(text), {a});
  // The signs of eigenvectors are anyone's choice.
  if (results && primitive == Primitive::eigh) {
    scope.hide(results->at(0));
    return scope.one(Primitive::abs, "", {results->at(0)}).has_value();
  }
  return results.has_value();
}

bool householder(Scope& scope, Primitive primitive) {
  const std::int64_t rows = scope.random().between(1, 5);
  const std::int64_t columns = scope.random().between(1, rows);
  const DType dtype = matrix_dtype(scope, false);
  const Value a = scope.bounded(scope.of_type({dtype, {rows, columns}}), {});
  const Value taus = scope.bounded(scope.of_type({dtype, {scope.random().between(1, columns)}}), {0.5, 1.5});
  return scope.one(primitive, "", {a, taus}).has_value();
}

bool pivots(Scope& scope, Primitive primitive) {
  const std::int64_t count = scope.random().between(1, 5);
  const std::int64_t size = count + scope.random().between(0, 2);
  const ir::Interval places{0, static_cast<double>(size - 1)};  // JAX leaves others undefined
  const Value drawn = scope.of_type({DType::i32, {count}});
  Value swaps = scope.bounded(drawn, places);
  if (swaps.atom == drawn.atom) swaps = scope.fresh({DType::i32, {count}}, places);
  return scope.one(primitive, fmt::format("permutation_size={}", size), {swaps}).has_value();
}

Value key(Scope& scope) {
  return scope.of_type({DType::key, scope.random().chance(0.8) ? Shape{} : Shape{scope.random().between(1, 3)}});
}

bool random_maker(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  switch (primitive) {
    case Primitive::random_seed:
      return scope.one(primitive, "impl=fry", {scope.of_type({random.chance(0.5) ? DType::i32 : DType::u32, {}})})
          .has_value();
    case Primitive::random_split:
      return scope.one(primitive, "shape=" + tuple({random.between(1, 4)}), {key(scope)}).has_value();
    case Primitive::random_fold_in: {
      const Value base = key(scope);
      return scope.one(primitive, "", {base, scope.of_type({DType::u32, base.shape()})}).has_value();
    }
    case Primitive::random_bits: {
      const int width = 8 << random.below(4);
      return scope
          .one(primitive, fmt::format("bit_width={} shape={}", width, tuple(scope.random_shape(0, 2))), {key(scope)})
          .has_value();
    }
    case Primitive::random_gamma: {
      const Value base = key(scope);
      Shape shape = base.shape();
      if (random.chance(0.5)) shape.push_back(random.between(1, 4));
      const DType dtype = random.chance(0.7) ? DType::f32 : DType::f64;
      const Value parameter = scope.bounded(scope.of_type({dtype, shape}), {0.2, 6});
      return scope.one(primitive, random.chance(0.5) ? "log_space=False" : "log_space=True", {base, parameter})
          .has_value();
    }
    case Primitive::random_wrap:
      return scope
          .one(primitive, "impl=fry", {scope.of_type({DType::u32, random.chance(0.7) ? Shape{2} : Shape{3, 2}})})
          .has_value();
    case Primitive::random_unwrap:
      return scope.one(primitive, "", {key(scope)}).has_value();
    case Primitive::threefry2x32: {
      const Type half{DType::u32, {}};
      const Type counts{DType::u32, scope.random_shape(1, 2)};
      return scope
          .apply(primitive, {},
                 {scope.of_type(half), scope.of_type(half), scope.of_type(counts), scope.of_type(counts)})
          .has_value();
    }
    default:
      return scope
          .apply(primitive,
                 parameters(fmt::format("algorithm=RandomAlgorithm.RNG_DEFAULT dtype=uint32 shape={}",
                                        tuple(scope.random_shape(0, 2)))),
                 {scope.of_type({DType::u32, {4}})})
          .has_value();
  }
}

}  // namespace

Make makers::routine(Primitive primitive) {
  switch (primitive) {
    case Primitive::sort:
      return sort;
    case Primitive::top_k:
      return top_k;
    case Primitive::fft:
      return fourier;
    case Primitive::triangular_solve:
      return triangular;
    case Primitive::tridiagonal_solve:
      return tridiagonal;
    case Primitive::householder_product:
      return householder;
    case Primitive::lu_pivots_to_permutation:
      return pivots;
    case Primitive::cholesky:
    case Primitive::eigh:
    case Primitive::lu:
    case Primitive::geqrf:
    case Primitive::qr:
    case Primitive::svd:
      return factorization;
    default:
      return nullptr;
  }
}

Make makers::random(Primitive) {
  return random_maker;
}

}  // namespace jaxc::random_programs
