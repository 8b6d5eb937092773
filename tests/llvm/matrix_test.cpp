// Dense linear algebra that a library runs: what the factors multiply to, at sizes around those of blocks.
#include <gtest/gtest.h>

#include <complex>
#include <random>

#include "compiler/evaluate/values.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

using Number = std::complex<double>;

struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<Number> numbers = std::vector<Number>(rows * columns);

  Number& operator()(std::size_t i, std::size_t j) { return numbers[i * columns + j]; }
  const Number& operator()(std::size_t i, std::size_t j) const { return numbers[i * columns + j]; }
};

Matrix operator*(const Matrix& left, const Matrix& right) {
  Matrix product{left.rows, right.columns};
  for (std::size_t i = 0; i < left.rows; ++i)
    for (std::size_t k = 0; k < left.columns; ++k)
      for (std::size_t j = 0; j < right.columns; ++j) product(i, j) += left(i, k) * right(k, j);
  return product;
}

Matrix adjoint(const Matrix& matrix) {
  Matrix result{matrix.columns, matrix.rows};
  for (std::size_t i = 0; i < matrix.rows; ++i)
    for (std::size_t j = 0; j < matrix.columns; ++j) result(j, i) = std::conj(matrix(i, j));
  return result;
}

Matrix identity(std::size_t n) {
  Matrix result{n, n};
  for (std::size_t i = 0; i < n; ++i) result(i, i) = 1;
  return result;
}

/// The elements where `keep(row, column)` holds.
template <typename Keep>
Matrix part(const Matrix& matrix, std::size_t rows, std::size_t columns, const Keep& keep) {
  Matrix result{rows, columns};
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      if (keep(i, j)) result(i, j) = matrix(i, j);
  return result;
}
bool is_lower(std::size_t i, std::size_t j) {
  return j <= i;
}
bool is_upper(std::size_t i, std::size_t j) {
  return i <= j;
}

double largest(const Matrix& matrix) {
  double size = 0;
  for (const Number& number : matrix.numbers) size = std::max(size, std::abs(number));
  return size;
}

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

TEST_P(LibraryMatrix, Eigh) {
  if (is_complex(dtype())) return;
  const std::size_t n = GetParam().rows;
  std::vector<Matrix> items = make([&] { return random_positive(n); });
  const std::string text = fmt::format(
      "{{ lambda ; a:{0}. let b:{0} c:{1} = eigh[algorithm=None lower=True sort_eigenvalues=True "
      "subset_by_index=None] a in (b, c) }}",
      type(n, n), vector_type(n, dtype()));
  const auto results = run(text, {pack(items)});
  for (std::size_t k = 0; k < items.size(); ++k) {
    const Matrix vectors = item(results[0], k, n, n);
    const Matrix values = item(results[1], k, 1, n);
    Matrix scaled = vectors;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) scaled(i, j) *= values(0, j);
    for (std::size_t j = 1; j < n; ++j) EXPECT_LE(values(0, j - 1).real(), values(0, j).real());
    expect_equal(scaled * adjoint(vectors), items[k]);
    expect_equal(adjoint(vectors) * vectors, identity(n));
  }
  items[0](3, 2) = std::numeric_limits<double>::infinity();
  const auto failed = run(text, {pack(items)});
  for (const Number& number : item(failed[0], 0, n, n).numbers) ASSERT_TRUE(std::isnan(number.real()));
}

const Row rows[] = {
    {DType::f32, 64, 64, 3},  {DType::f32, 67, 67, 1},  {DType::f32, 131, 131, 1}, {DType::f32, 110, 70, 9},
    {DType::f64, 64, 71, 20}, {DType::f64, 65, 65, 2},  {DType::f64, 200, 150, 1}, {DType::f64, 66, 140, 1},
    {DType::c64, 64, 64, 9},  {DType::c64, 129, 70, 1}, {DType::c128, 65, 64, 2},  {DType::c128, 68, 90, 1},
};
INSTANTIATE_TEST_SUITE_P(Rows, LibraryMatrix, ::testing::ValuesIn(rows), row_name);

}  // namespace
}  // namespace jaxc::cpu
