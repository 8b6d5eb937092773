// Products of matrices that a library runs: every arrangement of axes, at sizes that leave tiles part empty.
#include <gtest/gtest.h>

#include <complex>
#include <random>

#include "compiler/evaluate/values.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "compiler/plan/cpu_products.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

using Number = std::complex<double>;

struct Row {
  const char* name;
  Shape left;
  Shape right;
  const char* numbers;       ///< contracting and batch dimensions
  std::string_view indices;  ///< einsum's letters
};

const Row rows[] = {
    {"plain", {261, 305}, {305, 300}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"whole_thirds_of_tiles", {260, 305}, {305, 304}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"uneven_columns", {250, 601}, {601, 163}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"uneven_and_deep", {250, 1100}, {1100, 199}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"tall", {1213, 530}, {530, 49}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"left_transposed", {305, 261}, {305, 300}, "([0], [0]), ([], [])", "ki,kj->ij"},
    {"right_transposed", {261, 305}, {300, 305}, "([1], [1]), ([], [])", "ik,jk->ij"},
    {"both_transposed", {305, 261}, {300, 305}, "([0], [1]), ([], [])", "ki,jk->ij"},
    {"narrow", {4001, 50}, {50, 129}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"deep", {49, 7000}, {7000, 60}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"long_rows", {700, 1601}, {700, 60}, "([0], [0]), ([], [])", "ki,kj->ij"},
    {"long_columns", {600, 70}, {600, 1700}, "([0], [0]), ([], [])", "ki,kj->ij"},
    {"small_items", {12, 130, 90}, {12, 110, 90}, "([2], [2]), ([0], [0])", "bik,bjk->bij"},
    {"batch", {3, 200, 333}, {3, 333, 256}, "([2], [1]), ([0], [0])", "bik,bkj->bij"},
    {"inner_batch", {200, 333, 2}, {333, 2, 256}, "([1], [0]), ([2], [1])", "ikb,kbj->bij"},
    {"two_free", {20, 13, 301}, {301, 260}, "([2], [0]), ([], [])", "aik,kj->aij"},
    {"few_rows", {5, 2011}, {2011, 2100}, "([1], [0]), ([], [])", "ik,kj->ij"},
    {"two_folded", {261, 17, 19}, {17, 19, 300}, "([1, 2], [0, 1]), ([], [])", "ikl,klj->ij"},
};

/// The sum over every letter that the result lacks, over complex numbers.
std::vector<Number> expected(const Row& row, const std::vector<Number>& left, const std::vector<Number>& right) {
  const std::size_t comma = row.indices.find(',');
  const std::size_t arrow = row.indices.find("->");
  const std::string_view parts[] = {row.indices.substr(0, comma), row.indices.substr(comma + 1, arrow - comma - 1),
                                    row.indices.substr(arrow + 2)};
  std::string letters(parts[2]);
  for (const char letter : parts[0])
    if (letters.find(letter) == std::string::npos) letters += letter;
  std::vector<std::size_t> extents(letters.size());
  std::vector<std::size_t> strides[2];
  const Shape* shapes[] = {&row.left, &row.right};
  for (std::size_t operand = 0; operand < 2; ++operand) {
    strides[operand].assign(letters.size(), 0);
    std::size_t stride = 1;
    for (std::size_t k = parts[operand].size(); k-- > 0;) {
      const std::size_t letter = letters.find(parts[operand][k]);
      extents[letter] = static_cast<std::size_t>((*shapes[operand])[k]);
      strides[operand][letter] = stride;
      stride *= extents[letter];
    }
  }
  std::vector<Number> result;
  std::vector<std::size_t> place(letters.size(), 0);
  const auto next = [&](std::size_t first, std::size_t last) {  // of the letters [first, last); false after the end
    for (std::size_t k = last; k-- > first;) {
      if (++place[k] < extents[k]) return true;
      place[k] = 0;
    }
    return false;
  };
  const auto number = [&](std::size_t operand) {
    std::size_t sum = 0;
    for (std::size_t k = 0; k < place.size(); ++k) sum += place[k] * strides[operand][k];
    return sum;
  };
  std::vector<std::pair<std::size_t, std::size_t>> folded;  // where the operands' elements lie
  do folded.emplace_back(number(0), number(1));
  while (next(parts[2].size(), letters.size()));
  do {
    const Number* const from_left = left.data() + number(0);
    const Number* const from_right = right.data() + number(1);
    double real = 0;
    double imaginary = 0;
    for (const auto& [a, b] : folded) {
      const Number& x = from_left[a];
      const Number& y = from_right[b];
      real += x.real() * y.real() - x.imag() * y.imag();
      imaginary += x.real() * y.imag() + x.imag() * y.real();
    }
    result.emplace_back(real, imaginary);
  } while (next(0, parts[2].size()));
  return result;
}

class LibraryProduct : public ::testing::TestWithParam<std::tuple<Row, DType>> {};

TEST_P(LibraryProduct, AgreesWithSums) {
  const auto& [row, dtype] = GetParam();
  const bool is_single = real_dtype(dtype) == DType::f32;
  std::mt19937_64 random(17);
  std::vector<Array> inputs;
  std::vector<Number> numbers[2];
  for (const Shape& shape : {row.left, row.right}) {
    Array array(Type{dtype, shape});
    std::vector<Number>& values = numbers[inputs.size()];
    std::size_t place = 0;
    const auto part = [&] {
      const double value = static_cast<double>(random() % 257) / 128 - 1;  // exact in f32
      const auto narrow = static_cast<float>(value);
      const std::size_t bytes = is_single ? sizeof narrow : sizeof value;
      std::memcpy(array.mutable_bytes().data() + place, is_single ? static_cast<const void*>(&narrow) : &value, bytes);
      place += bytes;
      return value;
    };
    for (std::int64_t k = 0; k < element_count(shape); ++k) {
      const double real = part();
      values.emplace_back(real, is_complex(dtype) ? part() : 0);
    }
    inputs.push_back(array);
  }
  const std::vector<Number> want = expected(row, numbers[0], numbers[1]);
  const auto letters = row.indices.substr(row.indices.find("->") + 2);
  Shape shape;
  for (const char letter : letters) {
    const std::size_t k = row.indices.find(letter);
    shape.push_back(k < row.left.size() ? row.left[k] : row.right[row.indices.find(letter) - row.left.size() - 1]);
  }
  const auto type = [&](const Shape& of) { return std::string(name(dtype)) + to_string(of); };
  const std::string text = fmt::format(
      "{{ lambda ; a:{} b:{}. let c:{} = dot_general[dimension_numbers=({}) preferred_element_type={}] a b in (c,) }}",
      type(row.left), type(row.right), type(shape), row.numbers, numpy_name(dtype));
  const compiler::Compilation compiled =
      compiler::compile(ir::parse(text, "product"), {}, {}, [](const ir::Program& program) {
        ir::Plan plan = compiler::plan_cpu(program);
        EXPECT_TRUE(std::any_of(plan.nests.begin(), plan.nests.end(),
                                [](const auto& nest) { return nest.second.product.has_value(); }));
        return plan;
      });
  const Array result = testing::run(compiled.program, compiled.plan, inputs)[0];
  const std::vector<Number> got = compiler::load<Number>(result);
  ASSERT_EQ(got.size(), want.size());
  const double tolerance = is_single ? 3e-4 : 3e-13;
  for (std::size_t k = 0; k < want.size(); ++k) ASSERT_LE(std::abs(got[k] - want[k]), tolerance) << "element " << k;

  // In blocks, with less memory, every bit is the same.
  ir::Plan blocks = compiled.plan;
  for (auto& [id, nest] : blocks.nests) {
    if (!nest.product) continue;
    nest.product->bytes = std::min(nest.product->bytes, std::int64_t{1} << (is_single ? 19 : 20));
    blocks.scratch_bytes = nest.product->workspace + nest.product->runs * nest.product->bytes;
  }
  // As on any number of threads.
  for (const int threads : {1, 2, 5})
    for (const ir::Plan* plan : {&compiled.plan, static_cast<const ir::Plan*>(&blocks)}) {
      CpuOptions options;
      options.threads = threads;
      EXPECT_EQ(testing::disagreement(testing::run(compiled.program, *plan, inputs, options)[0], result, 0), "")
          << threads << " threads";
    }
}

TEST(LibraryProducts, PackNoMoreThanTheOperandsOrAFixedAmount) {
  const std::int64_t most = std::int64_t{1} << 25;
  for (const std::int64_t rows : {64, 1000, 100'000, 100'000'000})
    for (const std::int64_t columns : {64, 1000, 100'000})
      for (const std::int64_t folded : {48, 256, 300, 5000}) {
        const std::int64_t bytes = compiler::product_workspace(rows, columns, folded, 4);
        EXPECT_LE(bytes, most);
        EXPECT_LE(bytes, 4 * folded * (rows + columns + 256)) << rows << " x " << columns << ", folded " << folded;
        EXPECT_GT(bytes, 0);
      }
}

const Row vectors[] = {
    {"vector_times_matrix", {4099}, {4099, 1027}, "([0], [0]), ([], [])", "k,kj->j"},
    {"matrix_times_vector", {2003, 2111}, {2003}, "([0], [0]), ([], [])", "kj,k->j"},
};

INSTANTIATE_TEST_SUITE_P(Vectors, LibraryProduct,
                         ::testing::Combine(::testing::ValuesIn(vectors), ::testing::Values(DType::f32, DType::f64)),
                         [](const auto& info) {
                           return fmt::format("{}_{}", std::get<0>(info.param).name, name(std::get<1>(info.param)));
                         });

INSTANTIATE_TEST_SUITE_P(Rows, LibraryProduct,
                         ::testing::Combine(::testing::ValuesIn(rows),
                                            ::testing::Values(DType::f32, DType::f64, DType::c64, DType::c128)),
                         [](const auto& info) {
                           return fmt::format("{}_{}", std::get<0>(info.param).name, name(std::get<1>(info.param)));
                         });

}  // namespace
}  // namespace jaxc::cpu
