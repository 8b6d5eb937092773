// Dense linear algebra that a library runs: what the factors multiply to, at sizes around those of blocks.
#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <random>

#include "compiler/evaluate/values.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/matrices.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

using testing::adjoint;
using testing::columns_from;
using testing::conjugate;
using testing::identity;
using testing::is_any;
using testing::is_lower;
using testing::is_upper;
using testing::largest;
using testing::Matrix;
using testing::Number;
using testing::part;
using testing::sum;
using testing::times_columns;
using testing::trace;

struct Row {
  DType dtype;
  std::size_t rows;
  std::size_t columns;
  std::size_t items;
};

std::string row_name(const ::testing::TestParamInfo<Row>& info) {
  return fmt::format("{}_{}_{}_{}", name(info.param.dtype), info.param.rows, info.param.columns, info.param.items);
}

class LibraryMatrix : public ::testing::TestWithParam<Row> {
 protected:
  DType dtype() const { return GetParam().dtype; }
  double tolerance() const {
    const double epsilon = real_dtype(dtype()) == DType::f32 ? 0x1p-23 : 0x1p-52;
    return 20 * epsilon * static_cast<double>(std::max(GetParam().rows, GetParam().columns));
  }

  Matrix random_matrix(std::size_t rows, std::size_t columns) {
    Matrix matrix{rows, columns};
    const auto number = [&] { return static_cast<double>(random_() % 4097) / 2048 - 1; };  // exact in f32
    for (Number& element : matrix.numbers) element = {number(), is_complex(dtype()) ? number() : 0};
    return matrix;
  }
  /// Positive definite, Hermitian.
  Matrix random_positive(std::size_t n) {
    Matrix matrix = random_matrix(n, n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j) matrix(j, i) = std::conj(matrix(i, j));
    for (std::size_t i = 0; i < n; ++i) matrix(i, i) = 3.0 * static_cast<double>(n);
    return matrix;
  }

  std::string type(std::size_t rows, std::size_t columns, DType of) const {
    return fmt::format("{}[{},{},{}]", name(of), GetParam().items, rows, columns);
  }
  std::string type(std::size_t rows, std::size_t columns) const { return type(rows, columns, dtype()); }
  std::string vector_type(std::size_t count, DType of) const {
    return fmt::format("{}[{},{}]", name(of), GetParam().items, count);
  }

  Array pack(const std::vector<Matrix>& items) const {
    Array array(Type{dtype(),
                     {static_cast<std::int64_t>(items.size()), static_cast<std::int64_t>(items[0].rows),
                      static_cast<std::int64_t>(items[0].columns)}});
    std::size_t element = 0;
    const auto put = [&](double value) {
      if (real_dtype(dtype()) == DType::f32) {
        const auto narrow = static_cast<float>(value);
        std::memcpy(array.mutable_bytes().data() + 4 * element++, &narrow, 4);
      } else {
        std::memcpy(array.mutable_bytes().data() + 8 * element++, &value, 8);
      }
    };
    for (const Matrix& item : items)
      for (const Number& number : item.numbers) {
        put(number.real());
        if (is_complex(dtype())) put(number.imag());
      }
    return array;
  }

  std::vector<Array> run(const std::string& text, const std::vector<Array>& inputs) const {
    const compiler::Compilation compiled =
        compiler::compile(ir::parse(text, "matrix"), {}, {}, [](const ir::Program& program) {
          ir::Plan plan = compiler::plan_cpu(program);
          EXPECT_FALSE(plan.routines.empty());
          for (const auto& [node, routine] : plan.routines) EXPECT_EQ(routine.path, ir::RoutinePath::library);
          return plan;
        });
    return testing::run(compiled.program, compiled.plan, inputs);
  }

  /// Item `number` of a result [items, rows, columns].
  static Matrix item(const Array& array, std::size_t number, std::size_t rows, std::size_t columns) {
    const std::vector<Number> numbers = compiler::load<Number>(array);
    Matrix matrix{rows, columns};
    const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(number * rows * columns);
    matrix.numbers.assign(begin, begin + static_cast<std::ptrdiff_t>(rows * columns));
    return matrix;
  }

  void expect_equal(const Matrix& got, const Matrix& want) const {
    ASSERT_EQ(got.numbers.size(), want.numbers.size());
    const double scale = std::max(largest(want), 1.0);
    for (std::size_t k = 0; k < got.numbers.size(); ++k)
      ASSERT_LE(std::abs(got.numbers[k] - want.numbers[k]), tolerance() * scale) << "element " << k;
  }

  static void expect_nan(const Array& array, std::size_t count) {
    const std::vector<Number> numbers = compiler::load<Number>(array);
    for (std::size_t k = 0; k < count; ++k) ASSERT_TRUE(std::isnan(numbers[k].real())) << "element " << k;
  }

  std::vector<Matrix> make(const std::function<Matrix()>& maker) const {
    std::vector<Matrix> items;
    for (std::size_t k = 0; k < GetParam().items; ++k) items.push_back(maker());
    return items;
  }

  std::mt19937_64 random_{17};
};

TEST_P(LibraryMatrix, Cholesky) {
  const std::size_t n = GetParam().rows;
  std::vector<Matrix> items = make([&] { return random_positive(n); });
  const std::string text = fmt::format("{{ lambda ; a:{0}. let b:{0} = cholesky a in (b,) }}", type(n, n));
  const auto results = run(text, {pack(items)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix factor = item(results[0], k, n, n);
    expect_equal(factor * adjoint(factor), items[k]);
    EXPECT_EQ(largest(part(factor, n, n, [](auto i, auto j) { return i < j; })), 0);
  }
  items[0](n - 2, n - 2) = -1;
  const auto failed = run(text, {pack(items)});
  for (const Number& number : item(failed[0], 0, n, n).numbers) ASSERT_TRUE(std::isnan(number.real()));
}

TEST_P(LibraryMatrix, Lu) {
  const auto [of, rows, columns, count] = GetParam();
  const std::vector<Matrix> items = make([&] { return random_matrix(GetParam().rows, GetParam().columns); });
  const std::size_t least = std::min(rows, columns);
  const auto results =
      run(fmt::format("{{ lambda ; a:{0}. let b:{0} c:{1} d:{2} = lu a in (b, c, d) }}", type(rows, columns),
                      vector_type(least, DType::i32), vector_type(rows, DType::i32)),
          {pack(items)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix packed = item(results[0], k, rows, columns);
    Matrix lower = part(packed, rows, least, [](auto i, auto j) { return j < i; });
    for (std::size_t i = 0; i < least; ++i) lower(i, i) = 1;
    EXPECT_LE(largest(lower), is_complex(dtype()) ? std::sqrt(2.0) + 1e-5 : 1);
    const auto pivots = results[1].values<std::int32_t>().subspan(k * least, least);
    const auto permutation = results[2].values<std::int32_t>().subspan(k * rows, rows);
    std::vector<std::int32_t> order(rows);
    for (std::size_t i = 0; i < rows; ++i) order[i] = static_cast<std::int32_t>(i);
    for (std::size_t i = 0; i < least; ++i) std::swap(order[i], order[static_cast<std::size_t>(pivots[i])]);
    Matrix permuted{rows, columns};
    for (std::size_t i = 0; i < rows; ++i) {
      EXPECT_EQ(permutation[i], order[i]);
      for (std::size_t j = 0; j < columns; ++j) permuted(i, j) = items[k](static_cast<std::size_t>(order[i]), j);
    }
    expect_equal(lower * part(packed, least, columns, is_upper), permuted);
  }
}

// A result that nobody reads lies in memory nevertheless.
TEST_P(LibraryMatrix, LuWithoutItsPermutation) {
  const auto [of, rows, columns, count] = GetParam();
  const std::vector<Matrix> items = make([&] { return random_matrix(GetParam().rows, GetParam().columns); });
  const std::size_t least = std::min(rows, columns);
  const std::string types = type(rows, columns);
  const auto all = run(fmt::format("{{ lambda ; a:{0}. let b:{0} c:{1} d:{2} = lu a in (b, c, d) }}", types,
                                   vector_type(least, DType::i32), vector_type(rows, DType::i32)),
                       {pack(items)});
  const auto some = run(fmt::format("{{ lambda ; a:{0}. let b:{0} c:{1} _:{2} = lu a in (b, c) }}", types,
                                    vector_type(least, DType::i32), vector_type(rows, DType::i32)),
                        {pack(items)});
  for (std::size_t k = 0; k < some.size(); ++k)
    EXPECT_TRUE(std::equal(some[k].bytes().begin(), some[k].bytes().end(), all[k].bytes().begin()));
}

TEST_P(LibraryMatrix, Qr) {
  const auto [of, rows, columns, count] = GetParam();
  if (rows < columns) return;
  const std::vector<Matrix> items = make([&] { return random_matrix(GetParam().rows, GetParam().columns); });
  const auto results = run(fmt::format("{{ lambda ; a:{0}. let b:{0} c:{1} = geqrf a d:{0} = householder_product b c "
                                       "e:{0} f:{2} = qr[full_matrices=False pivoting=False] a in (b, d, e, f) }}",
                                       type(rows, columns), vector_type(columns, dtype()), type(columns, columns)),
                           {pack(items)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix packed = item(results[0], k, rows, columns);
    const Matrix orthogonal = item(results[1], k, rows, columns);
    for (std::size_t i = 0; i < columns; ++i) EXPECT_EQ(packed(i, i).imag(), 0);
    expect_equal(orthogonal * part(packed, columns, columns, is_upper), items[k]);
    expect_equal(adjoint(orthogonal) * orthogonal, identity(columns));
    expect_equal(item(results[2], k, rows, columns), orthogonal);
    expect_equal(item(results[3], k, columns, columns), part(packed, columns, columns, is_upper));
  }
}

// Numbers whose squares vanish or overflow.
TEST_P(LibraryMatrix, PivotedQrOfTinyAndHugeNumbers) {
  const auto [of, rows, columns, count] = GetParam();
  const std::size_t least = std::min(rows, columns);
  const bool is_double = real_dtype(dtype()) == DType::f64;
  for (const int exponent : {is_double ? -900 : -100, is_double ? 900 : 100}) {
    const std::vector<Matrix> items = make([&] { return random_matrix(GetParam().rows, GetParam().columns); });
    std::vector<Matrix> scaled = items;
    for (Matrix& matrix : scaled)
      for (Number& number : matrix.numbers) number *= std::ldexp(1.0, exponent);
    const auto results =
        run(fmt::format("{{ lambda ; a:{}. let b:{} c:{} d:{} = qr[full_matrices=False pivoting=True] "
                        "a in (b, c, d) }}",
                        type(rows, columns), type(rows, least), type(least, columns), vector_type(columns, DType::i32)),
            {pack(scaled)});
    for (std::size_t k = 0; k < items.size(); ++k) {
      const auto order = results[2].values<std::int32_t>().subspan(k * columns, columns);
      Matrix upper = item(results[1], k, least, columns);
      for (Number& number : upper.numbers) number *= std::ldexp(1.0, -exponent);
      Matrix ordered{rows, columns};
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j) ordered(i, j) = items[k](i, static_cast<std::size_t>(order[j]));
      expect_equal(item(results[0], k, rows, least) * upper, ordered);
    }
  }
}

// What LAPACK is not given, since it may not end.
TEST_P(LibraryMatrix, SpectraOfNoNumbersAreNaN) {
  const auto [of, rows, columns, count] = GetParam();
  const std::size_t n = rows;
  const DType complex = real_dtype(dtype()) == DType::f32 ? DType::c64 : DType::c128;
  const std::string programs[] = {
      fmt::format("{{ lambda ; a:{}. let b:{} = svd[algorithm=None compute_uv=False full_matrices=False "
                  "subset_by_index=None] a in (b,) }}",
                  type(n, n), vector_type(n, real_dtype(dtype()))),
      fmt::format("{{ lambda ; a:{0}. let b:{1} c:{2} = eig[compute_left_eigenvectors=False "
                  "compute_right_eigenvectors=True] a in (b, c) }}",
                  type(n, n), vector_type(n, complex), type(n, n, complex)),
      fmt::format("{{ lambda ; a:{0}. let b:{0} c:{0} = schur[compute_schur_vectors=True select_callable=None "
                  "sort_eig_vals=False] a in (b, c) }}",
                  type(n, n)),
  };
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    std::vector<Matrix> items = make([&] { return random_matrix(n, n); });
    items[0](n / 2, 1) = value;
    for (const std::string& program : programs)
      for (const Array& result : run(program, {pack(items)}))
        expect_nan(result, static_cast<std::size_t>(element_count(result.type().shape)) / count);
  }
}

// Numbers whose squares vanish or overflow.
TEST_P(LibraryMatrix, QrOfTinyAndHugeNumbers) {
  const auto [of, rows, columns, count] = GetParam();
  const std::size_t least = std::min(rows, columns);
  const bool is_double = dtype() == DType::f64 || dtype() == DType::c128;
  for (const int exponent : {is_double ? -900 : -100, is_double ? 900 : 100}) {
    const std::vector<Matrix> items = make([&] { return random_matrix(GetParam().rows, GetParam().columns); });
    std::vector<Matrix> scaled = items;
    for (Matrix& matrix : scaled)
      for (Number& number : matrix.numbers) number *= std::ldexp(1.0, exponent);
    const auto results = run(fmt::format("{{ lambda ; a:{}. let b:{} c:{} = qr[full_matrices=False pivoting=False] a "
                                         "in (b, c) }}",
                                         type(rows, columns), type(rows, least), type(least, columns)),
                             {pack(scaled)});
    for (std::size_t k = 0; k < items.size(); ++k) {
      const Matrix orthogonal = item(results[0], k, rows, least);
      Matrix upper = item(results[1], k, least, columns);
      for (Number& number : upper.numbers) number *= std::ldexp(1.0, -exponent);
      expect_equal(orthogonal * upper, items[k]);
      expect_equal(adjoint(orthogonal) * orthogonal, identity(least));
    }
  }
}

TEST_P(LibraryMatrix, TriangularSolve) {
  const std::size_t n = GetParam().rows;
  const std::size_t count = GetParam().columns % 40 + 1;
  for (int form = 0; form < 32; ++form) {
    const bool left = (form & 1) != 0;
    const bool lower = (form & 2) != 0;
    const bool transpose = (form & 4) != 0;
    const bool conjugate = (form & 8) != 0;
    const bool unit = (form & 16) != 0;
    const std::vector<Matrix> matrices = make([&] {
      Matrix matrix = random_matrix(n, n);
      for (Number& number : matrix.numbers) number /= 64;
      for (std::size_t i = 0; i < n; ++i) matrix(i, i) = 2;
      return matrix;
    });
    const std::vector<Matrix> sides = make([&] { return left ? random_matrix(n, count) : random_matrix(count, n); });
    const auto flag = [](bool value) { return value ? "True" : "False"; };
    const auto results =
        run(fmt::format("{{ lambda ; a:{0} b:{1}. let c:{1} = triangular_solve[conjugate_a={2} left_side={3} lower={4} "
                        "transpose_a={5} unit_diagonal={6}] a b in (c,) }}",
                        type(n, n), type(sides[0].rows, sides[0].columns), flag(conjugate), flag(left), flag(lower),
                        flag(transpose), flag(unit)),
            {pack(matrices), pack(sides)});
    for (std::size_t k = 0; k < matrices.size(); ++k) {
      Matrix triangle = lower ? part(matrices[k], n, n, is_lower) : part(matrices[k], n, n, is_upper);
      for (std::size_t i = 0; unit && i < n; ++i) triangle(i, i) = 1;
      if (conjugate != transpose)
        for (Number& number : triangle.numbers) number = std::conj(number);
      if (transpose) triangle = adjoint(triangle);
      const Matrix solved = item(results[0], k, sides[k].rows, sides[k].columns);
      expect_equal(left ? triangle * solved : solved * triangle, sides[k]);
    }
  }
}

TEST_P(LibraryMatrix, PivotedQr) {
  const auto [of, rows, columns, count] = GetParam();
  std::vector<Matrix> items = make([&] { return random_matrix(GetParam().rows, GetParam().columns); });
  for (std::size_t i = 0; i < rows; ++i) items[0](i, 3) = items[0](i, 1) + items[0](i, 2);
  const std::size_t least = std::min(rows, columns);
  for (const bool full : {false, true}) {
    const std::size_t kept = full ? rows : least;
    const auto results =
        run(fmt::format("{{ lambda ; a:{}. let b:{} c:{} d:{} = qr[full_matrices={} pivoting=True] a in (b, c, d) }}",
                        type(rows, columns), type(rows, kept), type(kept, columns), vector_type(columns, DType::i32),
                        full ? "True" : "False"),
            {pack(items)});
    for (std::size_t k = 0; k < items.size(); ++k) {
      const Matrix orthogonal = item(results[0], k, rows, kept);
      const Matrix upper = item(results[1], k, kept, columns);
      const auto order = results[2].values<std::int32_t>().subspan(k * columns, columns);
      Matrix ordered{rows, columns};
      std::vector<bool> taken(columns);
      for (std::size_t j = 0; j < columns; ++j) {
        const auto from = static_cast<std::size_t>(order[j]);
        taken[from] = true;
        for (std::size_t i = 0; i < rows; ++i) ordered(i, j) = items[k](i, from);
      }
      EXPECT_EQ(std::count(taken.begin(), taken.end(), true), columns);
      expect_equal(orthogonal * upper, ordered);
      expect_equal(adjoint(orthogonal) * orthogonal, identity(kept));
      EXPECT_EQ(largest(part(upper, kept, columns, [](auto i, auto j) { return j < i; })), 0);
      for (std::size_t i = 1; i < least; ++i)
        EXPECT_LE(std::abs(upper(i, i)), std::abs(upper(i - 1, i - 1)) * (1 + tolerance()));
    }
  }
}

TEST_P(LibraryMatrix, Eigh) {
  const std::size_t n = GetParam().rows;
  std::vector<Matrix> items = make([&] { return random_positive(n); });
  const std::size_t first = n / 3;
  const std::string text = fmt::format(
      "{{ lambda ; a:{0}. let b:{0} c:{1} = eigh[algorithm=None lower=True sort_eigenvalues=True "
      "subset_by_index=None] a d:{2} e:{3} = eigh[algorithm=None lower=True sort_eigenvalues=True "
      "subset_by_index=({4}, {5})] a in (b, c, d, e) }}",
      type(n, n), vector_type(n, real_dtype(dtype())), type(n, 5), vector_type(5, real_dtype(dtype())), first,
      first + 5);
  // What is above the diagonal is not read, nor imaginary parts on it.
  std::vector<Matrix> given = items;
  for (Matrix& matrix : given)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i; j < n; ++j)
        matrix(i, j) = j > i ? Number{7, 7} : matrix(i, j) + Number{0, is_complex(dtype()) ? 5.0 : 0.0};
  const auto results = run(text, {pack(given)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix vectors = item(results[0], k, n, n);
    const Matrix values = item(results[1], k, 1, n);
    for (std::size_t j = 1; j < n; ++j) EXPECT_LE(values(0, j - 1).real(), values(0, j).real());
    expect_equal(times_columns(vectors, values) * adjoint(vectors), items[k]);
    expect_equal(adjoint(vectors) * vectors, identity(n));
    const Matrix some = item(results[2], k, n, 5);
    expect_equal(item(results[3], k, 1, 5), part(columns_from(values, first), 1, 5, is_any));
    expect_equal(some, part(columns_from(vectors, first), n, 5, is_any));
  }
  given[0](3, 2) = std::numeric_limits<double>::infinity();
  expect_nan(run(text, {pack(given)})[0], n * n);
}

TEST_P(LibraryMatrix, Svd) {
  const auto [of, rows, columns, count] = GetParam();
  const std::size_t least = std::min(rows, columns);
  const DType real = real_dtype(dtype());
  std::vector<std::vector<Matrix>> kinds = {make([&] { return random_matrix(GetParam().rows, GetParam().columns); })};
  // Singular values that repeat, of a projector and of the Kronecker product of a unit matrix and ((2, 1), (1, 2));
  // none at all; and as far from 1 as their squares are no numbers.
  kinds.push_back(make([&, number = 0]() mutable {
    Matrix matrix{GetParam().rows, GetParam().columns};
    const int kind = number++ % 3;
    const double scale = kind == 2 ? (real == DType::f32 ? 0x1p-100 : 0x1p-900) : 1;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j)
        matrix(i, j) = kind == 0   ? (i == j           ? 2.0
                                      : i / 2 == j / 2 ? 1.0
                                                       : 0.0)
                       : kind == 1 ? (i < 16 && j < 16       ? 1.0 / 16
                                      : i == j && i % 2 == 0 ? 1.0
                                                             : 0.0)
                                   : scale * static_cast<double>((i * 7 + j * 5) % 11);
    return matrix;
  }));
  kinds.push_back(make([&] { return Matrix{GetParam().rows, GetParam().columns}; }));
  for (const std::vector<Matrix>& items : kinds)
    for (const bool full : {false, true}) {
      const std::size_t left_columns = full ? rows : least;
      const std::size_t right_rows = full ? columns : least;
      const auto results =
          run(fmt::format("{{ lambda ; a:{}. let b:{} c:{} d:{} = svd[algorithm=None compute_uv=True full_matrices={} "
                          "subset_by_index=None] a e:{} = svd[algorithm=None compute_uv=False full_matrices=False "
                          "subset_by_index=None] a in (b, c, d, e) }}",
                          type(rows, columns), vector_type(least, real), type(rows, left_columns),
                          type(right_rows, columns), full ? "True" : "False", vector_type(least, real)),
              {pack(items)});
      for (std::size_t k = 0; k < items.size(); ++k) {
        const Matrix values = item(results[0], k, 1, least);
        const Matrix left = item(results[1], k, rows, left_columns);
        const Matrix right = item(results[2], k, right_rows, columns);
        const double scale = std::max(std::abs(values(0, 0)), std::numeric_limits<double>::min());
        Matrix relative = items[k];
        for (Number& number : relative.numbers) number /= scale;
        Matrix shares = values;
        for (Number& number : shares.numbers) number /= scale;
        expect_equal(times_columns(part(left, rows, least, is_any), shares) * part(right, least, columns, is_any),
                     relative);
        expect_equal(adjoint(left) * left, identity(left_columns));
        expect_equal(right * adjoint(right), identity(right_rows));
        for (std::size_t j = 1; j < least; ++j) EXPECT_LE(values(0, j).real(), values(0, j - 1).real());
        EXPECT_GE(values(0, least - 1).real(), 0);
        Matrix alone = item(results[3], k, 1, least);
        for (Number& number : alone.numbers) number /= scale;
        expect_equal(alone, shares);
      }
    }
}

TEST_P(LibraryMatrix, SomeSingularVectors) {
  const auto [of, rows, columns, count] = GetParam();
  std::vector<Matrix> items = make([&] { return random_matrix(GetParam().rows, GetParam().columns); });
  const std::string text = fmt::format(
      "{{ lambda ; a:{}. let b:{} c:{} d:{} = svd[algorithm=None compute_uv=True full_matrices=False "
      "subset_by_index=(4, 10)] a in (b, c, d) }}",
      type(rows, columns), vector_type(6, real_dtype(dtype())), type(rows, 6), type(6, columns));
  const auto results = run(text, {pack(items)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix values = item(results[0], k, 1, 6);
    const Matrix left = item(results[1], k, rows, 6);
    const Matrix right = item(results[2], k, 6, columns);
    expect_equal(items[k] * adjoint(right), times_columns(left, values));
    expect_equal(adjoint(left) * left, identity(6));
    expect_equal(right * adjoint(right), identity(6));
  }
  items[0](1, 0) = std::numeric_limits<double>::quiet_NaN();
  const auto failed = run(text, {pack(items)});
  expect_nan(failed[0], 6);
  expect_nan(failed[1], 6 * rows);
}

TEST_P(LibraryMatrix, Eig) {
  const std::size_t n = GetParam().rows;
  std::vector<Matrix> items = make([&] { return random_matrix(n, n); });
  const DType complex = real_dtype(dtype()) == DType::f32 ? DType::c64 : DType::c128;
  const std::string text = fmt::format(
      "{{ lambda ; a:{0}. let b:{1} c:{2} d:{2} = eig[compute_left_eigenvectors=True "
      "compute_right_eigenvectors=True] a e:{1} = eig[compute_left_eigenvectors=False "
      "compute_right_eigenvectors=False] a f:{1} g:{2} = eig[compute_left_eigenvectors=False "
      "compute_right_eigenvectors=True] a in (b, c, d, e, f, g) }}",
      type(n, n), vector_type(n, complex), type(n, n, complex));
  const auto results = run(text, {pack(items)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix values = item(results[0], k, 1, n);
    const Matrix left = item(results[1], k, n, n);
    const Matrix right = item(results[2], k, n, n);
    expect_equal(items[k] * right, times_columns(right, values));
    expect_equal(adjoint(items[k]) * left, times_columns(left, conjugate(values)));
    for (const Matrix& vectors : {left, right})
      for (std::size_t j = 0; j < n; ++j) {
        double squares = 0;
        for (std::size_t i = 0; i < n; ++i) squares += std::norm(vectors(i, j));
        EXPECT_NEAR(squares, 1, tolerance());
      }
    expect_equal(item(results[5], k, n, n), right);
    EXPECT_LE(std::abs(sum(item(results[3], k, 1, n)) - sum(values)), tolerance() * 10);
    if (is_complex(dtype())) continue;
    for (std::size_t j = 0; j < n; ++j) {  // conjugate pairs, the positive imaginary part first
      if (values(0, j).imag() == 0) continue;
      ASSERT_GT(values(0, j).imag(), 0);
      EXPECT_EQ(values(0, j + 1), std::conj(values(0, j)));
      ++j;
    }
  }
  items[0](1, 0) = std::numeric_limits<double>::quiet_NaN();
  const auto failed = run(text, {pack(items)});
  expect_nan(failed[0], n);
  expect_nan(failed[1], n * n);
}

TEST_P(LibraryMatrix, Schur) {
  const std::size_t n = GetParam().rows;
  const std::vector<Matrix> items = make([&] { return random_matrix(n, n); });
  const auto results =
      run(fmt::format("{{ lambda ; a:{0}. let b:{0} c:{0} = schur[compute_schur_vectors=True select_callable=None "
                      "sort_eig_vals=False] a d:{0} = schur[compute_schur_vectors=False select_callable=None "
                      "sort_eig_vals=False] a in (b, c, d) }}",
                      type(n, n)),
          {pack(items)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix form = item(results[0], k, n, n);
    const Matrix vectors = item(results[1], k, n, n);
    expect_equal(vectors * form * adjoint(vectors), items[k]);
    expect_equal(adjoint(vectors) * vectors, identity(n));
    const std::size_t below = is_complex(dtype()) ? 0 : 1;
    EXPECT_EQ(largest(part(form, n, n, [&](auto i, auto j) { return i > j + below; })), 0);
    for (std::size_t i = 0; i + 2 < n; ++i) EXPECT_EQ(form(i + 1, i) * form(i + 2, i + 1), 0.0);
    EXPECT_LE(std::abs(trace(item(results[2], k, n, n)) - trace(form)), tolerance() * 10);
  }
}

const Row rows[] = {
    {DType::f32, 64, 64, 3},  {DType::f32, 67, 67, 1},  {DType::f32, 131, 131, 1}, {DType::f32, 110, 70, 9},
    {DType::f64, 64, 71, 20}, {DType::f64, 65, 65, 2},  {DType::f64, 200, 150, 1}, {DType::f64, 66, 140, 1},
    {DType::c64, 64, 64, 9},  {DType::c64, 129, 70, 1}, {DType::c128, 65, 64, 2},  {DType::c128, 68, 90, 1},
};
INSTANTIATE_TEST_SUITE_P(Rows, LibraryMatrix, ::testing::ValuesIn(rows), row_name);

}  // namespace
}  // namespace jaxc::cpu
