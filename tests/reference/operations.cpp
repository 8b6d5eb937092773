// Every scalar opcode on chosen operands, whose results are written down from the opcode's meaning.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backends/reference/scalar_evaluate.h"
#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

/// Numbers of a type by their value, which is exact in f64 for all that the table uses.
struct Row {
  Opcode opcode;
  DType operands;
  std::vector<double> values;
  double expected;
  DType result;

  Row(Opcode opcode_, DType operands_, std::vector<double> values_, double expected_,
      std::optional<DType> result_ = std::nullopt)
      : opcode(opcode_),
        operands(operands_),
        values(std::move(values_)),
        expected(expected_),
        result(result_.value_or(is_comparison(opcode_) ? DType::boolean : operands_)) {}
};

std::uint64_t run(const Region& region, const std::vector<std::uint64_t>& operands, const Program& program = {}) {
  reference::ScalarProgram scalars(program);
  const reference::Code code = scalars.compile(region);
  std::vector<std::uint64_t> frame = scalars.frame();
  for (std::size_t k = 0; k < operands.size(); ++k) frame[code.arguments[k]] = operands[k];
  scalars.execute(code, frame.data(), nullptr);
  return frame[code.results[0]];
}

std::uint64_t bits_of(DType dtype, double value) {
  return constant_of(dtype, value).bits;
}

void check(const Row& row) {
  RegionBuilder r;
  std::vector<OpId> arguments;
  std::vector<std::uint64_t> operands;
  for (std::size_t k = 0; k < row.values.size(); ++k) {
    const DType type = row.opcode == Opcode::select && k == 0 ? DType::boolean : row.operands;
    arguments.push_back(r.argument(type));
    operands.push_back(bits_of(type, row.values[k]));
  }
  ScalarOp op;
  op.opcode = row.opcode;
  op.dtype = row.result;
  op.arguments = arguments;
  const OpId result = r.append(op);
  const std::uint64_t got = run(r.finish({result}), operands);
  const std::uint64_t want = bits_of(row.result, row.expected);
  const bool both_nan = is_floating(row.result) && std::isnan(row.expected) &&
                        (row.result == DType::f32 ? std::isnan(std::bit_cast<float>(static_cast<std::uint32_t>(got)))
                                                  : std::isnan(std::bit_cast<double>(got)));
  EXPECT_TRUE(got == want || both_nan) << ir::name(row.opcode) << " on " << jaxc::name(row.operands) << " of "
                                       << ::testing::PrintToString(row.values) << ": got bits " << std::hex << got
                                       << ", want " << want;
}

TEST(ReferenceOperations, Floats) {
  for (DType t : {DType::f32, DType::f64}) {
    const double largest = t == DType::f32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
    for (const Row& row : std::vector<Row>{
             {Opcode::neg, t, {0.0}, -0.0},
             {Opcode::neg, t, {-infinity}, infinity},
             {Opcode::abs, t, {-0.0}, 0.0},
             {Opcode::abs, t, {-2.5}, 2.5},
             {Opcode::floor, t, {-1.5}, -2},
             {Opcode::ceil, t, {-1.5}, -1},
             {Opcode::ceil, t, {-0.5}, -0.0},
             {Opcode::trunc, t, {-1.5}, -1},
             {Opcode::round_even, t, {2.5}, 2},
             {Opcode::round_even, t, {3.5}, 4},
             {Opcode::round_even, t, {-0.5}, -0.0},
             {Opcode::sqrt, t, {9}, 3},
             {Opcode::sqrt, t, {-0.0}, -0.0},
             {Opcode::sqrt, t, {-1}, nan},
             {Opcode::is_nan, t, {nan}, 1},
             {Opcode::is_nan, t, {infinity}, 0},
             {Opcode::add, t, {largest, largest}, infinity},
             {Opcode::add, t, {infinity, -infinity}, nan},
             {Opcode::sub, t, {1, 3}, -2},
             {Opcode::mul, t, {0, infinity}, nan},
             {Opcode::mul, t, {-3, 0}, -0.0},
             {Opcode::div, t, {1, 0}, infinity},
             {Opcode::div, t, {0, 0}, nan},
             {Opcode::rem, t, {-5.5, 2}, -1.5},
             {Opcode::rem, t, {5, infinity}, 5},
             {Opcode::rem, t, {5, 0}, nan},
             {Opcode::min, t, {-0.0, 0.0}, -0.0},
             {Opcode::min, t, {0.0, -0.0}, -0.0},
             {Opcode::max, t, {-0.0, 0.0}, 0.0},
             {Opcode::max, t, {0.0, -0.0}, 0.0},
             {Opcode::min, t, {nan, 1}, nan},
             {Opcode::min, t, {1, nan}, nan},
             {Opcode::max, t, {nan, 1}, nan},
             {Opcode::max, t, {1, nan}, nan},
             {Opcode::min, t, {3, 2}, 2},
             {Opcode::max, t, {3, 2}, 3},
             {Opcode::eq, t, {nan, nan}, 0},
             {Opcode::ne, t, {nan, nan}, 1},
             {Opcode::lt, t, {nan, 1}, 0},
             {Opcode::le, t, {1, nan}, 0},
             {Opcode::eq, t, {0.0, -0.0}, 1},
             {Opcode::lt, t, {1, 2}, 1},
             {Opcode::le, t, {2, 2}, 1},
             {Opcode::select, t, {1, 2, 3}, 2},
             {Opcode::select, t, {0, 2, 3}, 3},
             {Opcode::mul_add, t, {2, 3, 4}, 10},
             {Opcode::fma, t, {2, 3, 4}, 10},
             {Opcode::convert, t, {-129.9}, -128, DType::i8},
             {Opcode::convert, t, {-1.9}, -1, DType::i32},
             {Opcode::convert, t, {3e9}, 2147483647, DType::i32},
             {Opcode::convert, t, {-infinity}, -2147483648.0, DType::i32},
             {Opcode::convert, t, {nan}, 0, DType::i64},
             {Opcode::convert, t, {-3}, 0, DType::u32},
             {Opcode::convert, t, {1e30}, 0x1p64, DType::u64},
             {Opcode::convert, t, {0x1p63}, 0x1p63, DType::u64},
             {Opcode::convert, t, {0.25}, 1, DType::boolean},
             {Opcode::convert, t, {-0.0}, 0, DType::boolean},
             {Opcode::convert, t, {nan}, 1, DType::boolean},
             {Opcode::convert, t, {1.5}, 1.5, DType::f32},
             {Opcode::convert, t, {1.5}, 1.5, DType::f64},
         })
      check(row);
  }
  // One rounding keeps the low part of the product.
  const double third = 1 + 0x1p-12;
  check({Opcode::fma, DType::f32, {third, third, -(1 + 0x1p-11)}, 0x1p-24});
}

TEST(ReferenceOperations, Integers) {
  for (DType t : {DType::i8, DType::i16, DType::i32, DType::i64}) {
    const int width = 8 * static_cast<int>(element_bytes(t));
    const double low = -std::ldexp(1.0, width - 1);
    for (const Row& row : std::vector<Row>{
             {Opcode::neg, t, {low}, low},
             {Opcode::abs, t, {low}, low},
             {Opcode::abs, t, {-5}, 5},
             {Opcode::bit_not, t, {0}, -1},
             {Opcode::population_count, t, {-1}, static_cast<double>(width)},
             {Opcode::count_leading_zeros, t, {0}, static_cast<double>(width)},
             {Opcode::count_leading_zeros, t, {1}, static_cast<double>(width - 1)},
             {Opcode::add, t, {low, -1}, -low - 1},
             {Opcode::sub, t, {low, 1}, -low - 1},
             {Opcode::mul, t, {low, -1}, low},
             {Opcode::mul, t, {-5, 7}, -35},
             {Opcode::mul_high, t, {low, 2}, -1},
             {Opcode::mul_high, t, {-1, -1}, 0},
             {Opcode::div, t, {-7, 2}, -3},
             {Opcode::div, t, {5, 0}, -1},
             {Opcode::div, t, {low, -1}, low},
             {Opcode::rem, t, {-7, 2}, -1},
             {Opcode::rem, t, {7, -2}, 1},
             {Opcode::rem, t, {-7, 0}, -7},
             {Opcode::rem, t, {low, -1}, 0},
             {Opcode::min, t, {-1, 1}, -1},
             {Opcode::max, t, {-1, 1}, 1},
             {Opcode::bit_and, t, {12, 10}, 8},
             {Opcode::bit_or, t, {12, 10}, 14},
             {Opcode::bit_xor, t, {12, 10}, 6},
             {Opcode::shift_left, t, {3, 2}, 12},
             {Opcode::shift_left, t, {3, static_cast<double>(width)}, 0},
             {Opcode::shift_left, t, {3, -1}, 0},
             {Opcode::shift_right_logical, t, {-1, static_cast<double>(width - 1)}, 1},
             {Opcode::shift_right_logical, t, {-1, static_cast<double>(width)}, 0},
             {Opcode::shift_right_arithmetic, t, {-8, 1}, -4},
             {Opcode::shift_right_arithmetic, t, {-8, 100}, -1},
             {Opcode::shift_right_arithmetic, t, {8, -1}, 0},
             {Opcode::eq, t, {3, 3}, 1},
             {Opcode::ne, t, {3, 3}, 0},
             {Opcode::lt, t, {-1, 0}, 1},
             {Opcode::le, t, {0, -1}, 0},
             {Opcode::convert, t, {-1}, 255, DType::u8},
             {Opcode::convert, t, {-1}, -1, DType::f32},
             {Opcode::convert, t, {-1}, 1, DType::boolean},
             {Opcode::convert, t, {-2}, -2, DType::i64},
         })
      check(row);
  }
  for (DType t : {DType::u8, DType::u16, DType::u32, DType::u64}) {
    const int width = 8 * static_cast<int>(element_bytes(t));
    const double top = std::ldexp(1.0, width - 1);
    for (const Row& row : std::vector<Row>{
             {Opcode::neg, t, {top}, top},
             {Opcode::add, t, {top, top}, 0},
             {Opcode::mul_high, t, {top, 6}, 3},
             {Opcode::div, t, {top, 2}, top / 2},
             {Opcode::rem, t, {top, 0}, top},
             {Opcode::max, t, {top, 1}, top},
             {Opcode::lt, t, {1, top}, 1},
             {Opcode::shift_right_logical, t, {top, static_cast<double>(width - 1)}, 1},
             {Opcode::shift_left, t, {1, static_cast<double>(width - 1)}, top},
             {Opcode::convert, t, {top}, top, DType::f64},
             {Opcode::convert, t, {200}, -56, DType::i8},
         })
      check(row);
    EXPECT_EQ(run(
                  [&] {
                    RegionBuilder r;
                    const OpId five = r.argument(t);
                    const OpId zero = r.argument(t);
                    const OpId quotient = r.binary(Opcode::div, five, zero);
                    return r.finish({quotient});
                  }(),
                  {5, 0}),
              ~std::uint64_t{0} >> (64 - width));
  }
  // Integers round to even on their way to floats.
  check({Opcode::convert, DType::i32, {16777217}, 16777216, DType::f32});
  check({Opcode::convert, DType::i32, {16777219}, 16777220, DType::f32});
}

TEST(ReferenceOperations, Booleans) {
  const DType t = DType::boolean;
  for (const Row& row : std::vector<Row>{
           {Opcode::bit_not, t, {1}, 0},
           {Opcode::bit_not, t, {0}, 1},
           {Opcode::mul, t, {1, 0}, 0},
           {Opcode::min, t, {1, 0}, 0},
           {Opcode::max, t, {1, 0}, 1},
           {Opcode::bit_and, t, {1, 1}, 1},
           {Opcode::bit_or, t, {1, 0}, 1},
           {Opcode::bit_xor, t, {1, 1}, 0},
           {Opcode::eq, t, {1, 0}, 0},
           {Opcode::lt, t, {0, 1}, 1},
           {Opcode::select, t, {1, 0, 1}, 0},
           {Opcode::convert, t, {1}, 1, DType::f32},
           {Opcode::convert, t, {1}, 1, DType::i64},
       })
    check(row);
}

TEST(ReferenceOperations, BitcastKeepsBits) {
  RegionBuilder r;
  const OpId x = r.argument(DType::f32);
  const OpId bits = r.bitcast(DType::i32, x);
  EXPECT_EQ(run(r.finish({bits}), {0xbf800000}), 0xbf800000U);
}

TEST(ReferenceOperations, BranchesRunOneSideAndGiveSeveralResults) {
  const auto side = [](Opcode opcode) {
    RegionBuilder r;
    const OpId a = r.argument(DType::i32);
    const OpId b = r.argument(DType::i32);
    const OpId value = r.binary(opcode, a, b);
    return r.finish({value, a});
  };
  for (std::uint64_t condition : {0, 1}) {
    RegionBuilder r;
    const OpId c = r.argument(DType::boolean);
    const OpId a = r.argument(DType::i32);
    const OpId b = r.argument(DType::i32);
    const OpId operands[] = {a, b};
    const auto both = r.branch(c, operands, side(Opcode::add), side(Opcode::sub));
    const OpId product = r.binary(Opcode::mul, both[0], both[1]);
    EXPECT_EQ(run(r.finish({product}), {condition, 7, 3}), condition != 0 ? 70U : 28U);
  }
}

// Euclid's algorithm: values swap, so all are replaced at once.
Region greatest_common_divisor(std::uint64_t bound) {
  RegionBuilder condition;
  condition.argument(DType::u32);
  const OpId rest = condition.argument(DType::u32);
  const OpId more = condition.binary(Opcode::ne, rest, condition.integer(DType::u32, 0));
  RegionBuilder body;
  const OpId a = body.argument(DType::u32);
  const OpId b = body.argument(DType::u32);
  const OpId remainder = body.binary(Opcode::rem, a, b);
  RegionBuilder r;
  const OpId x = r.argument(DType::u32);
  const OpId y = r.argument(DType::u32);
  const OpId operands[] = {x, y};
  const auto results = r.repeat(bound, operands, condition.finish({more}), body.finish({b, remainder}));
  return r.finish({results[0]});
}

TEST(ReferenceOperations, RepeatStopsByConditionOrBound) {
  EXPECT_EQ(run(greatest_common_divisor(100), {48, 36}), 12U);
  EXPECT_EQ(run(greatest_common_divisor(100), {17, 5}), 1U);
  EXPECT_EQ(run(greatest_common_divisor(1), {48, 36}), 36U);
  EXPECT_EQ(run(greatest_common_divisor(0), {48, 36}), 48U);
}

TEST(ReferenceOperations, FunctionsCallFunctionsOfAnyNumber) {
  Program program;
  RegionBuilder outer;
  const OpId x = outer.argument(DType::u32);
  const OpId divisor = outer.call(DType::u32, 1, {x, outer.integer(DType::u32, 12)});
  const OpId again = outer.call(DType::u32, 1, {x, outer.integer(DType::u32, 10)});
  const OpId sum = outer.binary(Opcode::add, divisor, again);
  program.functions.push_back({"two_divisors", outer.finish({sum})});
  program.functions.push_back({"divisor", greatest_common_divisor(100)});
  RegionBuilder r;
  const OpId argument = r.argument(DType::u32);
  const OpId result = r.call(DType::u32, 0, {argument});
  EXPECT_EQ(run(r.finish({result}), {30}, program), 6U + 10U);
}

TEST(ReferenceOperations, MergeIdentitiesChangeNothing) {
  for (Opcode merge : {Opcode::add, Opcode::mul, Opcode::min, Opcode::max})
    for (DType t : {DType::i8, DType::i64, DType::u8, DType::u64, DType::f32, DType::f64})
      for (double value : {0.0, 1.0, 100.0}) {
        const std::uint64_t bits = bits_of(t, value);
        EXPECT_EQ(reference::operation(merge, t, t)(reference::merge_identity(merge, t), bits, 0), bits)
            << ir::name(merge) << " " << jaxc::name(t);
      }
  for (Opcode merge : {Opcode::bit_and, Opcode::bit_or, Opcode::bit_xor, Opcode::min, Opcode::max, Opcode::mul})
    for (std::uint64_t value : {0, 1})
      EXPECT_EQ(reference::operation(merge, DType::boolean, DType::boolean)(
                    reference::merge_identity(merge, DType::boolean), value, 0),
                value);
}

}  // namespace
}  // namespace jaxc::ir::testing
