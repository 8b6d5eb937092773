// Sorts that a library runs, bit by bit against std::stable_sort in JAX's order.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "compiler/evaluate/values.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

struct Row {
  DType dtype;
  Shape shape;
  int dimension;
};

const Row rows[] = {
    {DType::i8, {700}, 0},        {DType::u8, {300, 2}, 0},   {DType::i16, {3, 200}, 1}, {DType::u16, {1000}, 0},
    {DType::i32, {4, 129, 3}, 1}, {DType::u32, {65, 5}, 0},   {DType::i64, {2, 333}, 1}, {DType::u64, {512}, 0},
    {DType::f16, {900}, 0},       {DType::bf16, {2, 400}, 1}, {DType::f32, {5000}, 0},   {DType::f32, {40, 70}, 1},
    {DType::f32, {3, 100, 4}, 1}, {DType::f64, {1500}, 0},    {DType::f64, {66, 20}, 0},
};

/// Few distinct values, every kind of zero and NaN among them; and, further on, random bits.
Array operand(const Row& row, std::mt19937_64& random) {
  Array array(Type{row.dtype, row.shape});
  const std::size_t bytes = element_bytes(row.dtype);
  const std::size_t count = array.bytes().size() / bytes;
  const std::uint64_t sign = std::uint64_t{1} << (8 * bytes - 1);
  const std::uint64_t infinity = row.dtype == DType::f16    ? 0x7c00
                                 : row.dtype == DType::bf16 ? 0x7f80
                                 : row.dtype == DType::f32  ? 0x7f800000
                                                            : 0x7ff0000000000000;
  const std::uint64_t special[] = {0,        sign,  infinity, infinity | sign, infinity | 1, infinity | sign | 7,
                                   sign - 1, ~0ULL, 1,        sign | 1};
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint64_t bits = random() % 3 == 0 ? special[random() % std::size(special)] : random();
    std::memcpy(array.mutable_bytes().data() + k * bytes, &bits, bytes);
  }
  return array;
}

/// The elements as numbers, exactly.
std::vector<long double> numbers(const Array& array) {
  if (array.type().dtype == DType::u64) {
    const auto values = array.values<std::uint64_t>();
    return {values.begin(), values.end()};
  }
  if (is_integer(array.type().dtype)) {
    const auto values = compiler::load<std::int64_t>(array);
    return {values.begin(), values.end()};
  }
  const auto values = compiler::load<double>(array);
  return {values.begin(), values.end()};
}

/// JAX's order: zeros are equal, and so are NaN, which come last.
bool precedes(long double left, long double right) {
  return std::isnan(left) || std::isnan(right) ? !std::isnan(left) : left < right;
}

/// Runs the text on one operand; every routine of its plan is a library's.
std::vector<Array> run_text(const std::string& source, const Array& input) {
  const compiler::Compilation compiled =
      compiler::compile(ir::parse(source, "sort"), {}, {}, [](const ir::Program& program) {
        ir::Plan plan = compiler::plan_cpu(program);
        EXPECT_EQ(plan.routines.size(), 1U);
        for (const auto& [node, routine] : plan.routines) EXPECT_EQ(routine.path, ir::RoutinePath::library);
        return plan;
      });
  return testing::run(compiled.program, compiled.plan, std::vector{input});
}

class LibrarySort : public ::testing::TestWithParam<Row> {
 protected:
  LibrarySort() {
    const Row& row = GetParam();
    std::mt19937_64 random(17);
    set_input(operand(row, random));
  }

  void set_input(Array input) {
    const Row& row = GetParam();
    input_ = std::move(input);
    inner_ = 1;
    ascending_.clear();
    descending_.clear();
    const auto dimension = static_cast<std::size_t>(row.dimension);
    for (std::size_t k = dimension + 1; k < row.shape.size(); ++k) inner_ *= static_cast<std::size_t>(row.shape[k]);
    extent_ = static_cast<std::size_t>(row.shape[dimension]);
    const std::vector<long double> values = numbers(input_);
    for (std::size_t line = 0; line < values.size() / extent_; ++line) {
      const auto comes_before = [&](std::size_t left, std::size_t right) {
        return precedes(values[element(line, left, extent_)], values[element(line, right, extent_)]);
      };
      std::vector<std::size_t> order(extent_);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), comes_before);
      ascending_.push_back(order);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](auto left, auto right) { return comes_before(right, left); });
      descending_.push_back(order);
    }
  }

  /// The number of an element of a line, in an array whose lines are `extent` long.
  std::size_t element(std::size_t line, std::size_t place, std::size_t extent) const {
    return (line / inner_ * extent + place) * inner_ + line % inner_;
  }

  /// `values` and `positions` (where not null) hold the leading `extent` elements of each line's order.
  void expect(const std::vector<std::vector<std::size_t>>& orders, const Array* values, const Array* positions,
              std::size_t extent) const {
    const std::size_t bytes = element_bytes(GetParam().dtype);
    for (std::size_t line = 0; line < orders.size(); ++line)
      for (std::size_t k = 0; k < extent; ++k) {
        const std::size_t place = element(line, k, extent);
        if (positions != nullptr) {
          ASSERT_EQ(positions->values<std::int32_t>()[place], orders[line][k]) << "line " << line << ", place " << k;
        }
        if (values == nullptr) continue;
        const std::byte* want = input_.bytes().data() + element(line, orders[line][k], extent_) * bytes;
        ASSERT_EQ(std::memcmp(values->bytes().data() + place * bytes, want, bytes), 0)
            << "line " << line << ", place " << k;
      }
  }

  std::size_t inner_ = 1;
  std::size_t extent_ = 0;
  Array input_;
  std::vector<std::vector<std::size_t>> ascending_;  ///< the places of each line's elements in order
  std::vector<std::vector<std::size_t>> descending_;
};

std::string type_text(DType dtype, const Shape& shape) {
  return std::string(name(dtype)) + to_string(shape);
}

TEST_P(LibrarySort, OrdersValues) {
  const std::string type = type_text(GetParam().dtype, GetParam().shape);
  const auto results = run_text(fmt::format("{{ lambda ; a:{0}. let b:{0} = sort[dimension={1} is_stable=True "
                                            "num_keys=1] a in (b,) }}",
                                            type, GetParam().dimension),
                                input_);
  expect(ascending_, &results[0], nullptr, extent_);
}

TEST_P(LibrarySort, OrdersPositionsWithTheKey) {
  const std::string type = type_text(GetParam().dtype, GetParam().shape);
  const std::string positions = type_text(DType::i32, GetParam().shape);
  std::string shape = to_string(GetParam().shape);
  const auto results = run_text(
      fmt::format(
          "{{ lambda ; a:{0}. let c:{1} = iota[dimension={2} dtype=int32 shape=({3},) sharding=None] d:{0} e:{1} "
          "= sort[dimension={2} is_stable=True num_keys=1] a c in (d, e) }}",
          type, positions, GetParam().dimension, shape.substr(1, shape.size() - 2)),
      input_);
  expect(ascending_, &results[0], &results[1], extent_);
}

TEST_P(LibrarySort, FindsTheLargest) {
  if (!is_integer(GetParam().dtype)) {  // without zeros and NaN, which top_k orders in its own way
    const std::size_t bytes = element_bytes(GetParam().dtype);
    const std::vector<long double> values = numbers(input_);
    Array ordinary = input_;
    for (std::size_t k = 0; k < values.size(); ++k)
      if (values[k] == 0 || std::isnan(values[k]))
        std::memset(ordinary.mutable_bytes().data() + k * bytes, 0x35, bytes);
    set_input(ordinary);
  }
  for (const std::int64_t count : {std::int64_t{1}, std::int64_t{7}, static_cast<std::int64_t>(extent_)}) {
    Shape shape = GetParam().shape;
    shape[static_cast<std::size_t>(GetParam().dimension)] = count;
    const auto results =
        run_text(fmt::format("{{ lambda ; a:{}. let b:{} c:{} = top_k[axis={} k={}] a in (b, c) }}",
                             type_text(GetParam().dtype, GetParam().shape), type_text(GetParam().dtype, shape),
                             type_text(DType::i32, shape), GetParam().dimension, count),
                 input_);
    expect(descending_, &results[0], &results[1], static_cast<std::size_t>(count));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LibrarySort, ::testing::ValuesIn(rows), [](const auto& info) {
  return fmt::format("{}_{}", name(info.param.dtype), fmt::join(info.param.shape, "_"));
});

}  // namespace
}  // namespace jaxc::cpu
