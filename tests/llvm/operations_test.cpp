// Every scalar operation on every element type, as scalars and in lanes, against the reference interpreter.
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <random>

#include "backends/reference/reference.h"
#include "compiler/plan/cpu.h"
#include "tests/ir/program_builder.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

using namespace ir;           // NOLINT: tests name many parts of ir
using namespace ir::testing;  // NOLINT

constexpr std::array dtypes = {DType::boolean, DType::i8,  DType::i16, DType::i32, DType::i64, DType::u8,
                               DType::u16,     DType::u32, DType::u64, DType::f32, DType::f64};
constexpr std::int64_t count = 37;

/// Bits that matter: zeros, extremes, NaN, infinities, neighbours of integers' bounds, and random ones.
std::uint64_t sample(DType dtype, std::size_t k, std::mt19937_64& random) {
  const auto nth = [&](std::initializer_list<double> values) {
    const auto chosen = *(values.begin() + static_cast<std::ptrdiff_t>(k % values.size()));
    return constant_of(dtype, chosen).bits;
  };
  if (dtype == DType::boolean) return random() % 2;
  if (is_integer(dtype)) {
    if (k % 3 == 0) return random();
    if (k % 3 == 1) return constant_of_integer(dtype, static_cast<std::int64_t>(random() % 70) - 3).bits;
    const std::uint64_t top = std::uint64_t{1} << (8 * element_bytes(dtype) - 1);
    const std::array<std::uint64_t, 4> extremes = {top, top - 1, ~std::uint64_t{0}, 0};
    return extremes[random() % 4];
  }
  const double infinity = std::numeric_limits<double>::infinity();
  if (k % 2 == 0)
    return nth({0.0,           -0.0,         1.0,    -1.0,   std::nan(""), infinity, -infinity,    0.5,
                1.5,           2.5,          -2.5,   127.5,  255.9,        -128.9,   2147483520.0, 2147483648.0,
                -2147483648.0, 4294967296.0, 9.2e18, 9.3e18, 1.9e19,       1e-310,   3e38,         16777217});
  return constant_of(dtype, std::uniform_real_distribution<double>(-40, 40)(random)).bits;
}

Array samples(DType dtype, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Array array(Type{dtype, {count}});
  std::byte* bytes = array.mutable_bytes().data();
  for (std::int64_t k = 0; k < count; ++k) {
    const std::uint64_t bits = sample(dtype, static_cast<std::size_t>(k) + seed, random);
    std::memcpy(bytes + static_cast<std::size_t>(k) * element_bytes(dtype), &bits, element_bytes(dtype));
  }
  return array;
}

using Build = std::function<OpId(RegionBuilder&, std::span<const OpId>)>;

/// result[i] = build(operands[i]...) natively, in lanes and one by one, and interpreted.
void check(const std::string& what, const std::vector<DType>& operands, DType result, const Build& build,
           bool exact = true) {
  ProgramBuilder b;
  std::vector<ArrayId> inputs;
  std::vector<Array> values;
  for (std::size_t k = 0; k < operands.size(); ++k) {
    inputs.push_back(b.input(operands[k], {count}));
    values.push_back(samples(operands[k], 11 * k + 3));
  }
  const ArrayId output = b.array(result, {count});
  b.add(b.map(output, [&](RegionBuilder& r, std::span<const OpId> i) {
    std::vector<OpId> arguments;
    for (ArrayId input : inputs) arguments.push_back(b.read(r, input, i));
    return build(r, arguments);
  }));
  b.output(output);
  const Program program = b.finish();
  const Plan serial = naive_plan(program);
  Plan lanes = serial;
  lanes.nests.at(0).axes[0] = {Schedule::lanes, 16};
  const Array want = reference::Executable(program, serial).run(values)[0];
  for (const Plan* plan : std::array<const Plan*, 2>{&serial, &lanes}) {
    const Array got = testing::run(program, *plan, values)[0];
    ASSERT_EQ(testing::disagreement(got, want, exact ? 0 : 1e-6), "") << what;
    if (!exact || !is_floating(result)) continue;
    for (std::int64_t k = 0; k < count; ++k) {  // signs of zeros too
      const std::size_t bytes = element_bytes(result);
      const auto sign = [&](const Array& array) {
        return std::to_integer<int>(array.bytes()[static_cast<std::size_t>(k + 1) * bytes - 1]) >> 7;
      };
      const bool is_nan = testing::is_nan(want, static_cast<std::size_t>(k));
      ASSERT_TRUE(is_nan || sign(got) == sign(want)) << what << " element " << k;
    }
  }
}

class Operations : public ::testing::TestWithParam<DType> {};

TEST_P(Operations, Unary) {
  const DType dtype = GetParam();
  std::vector<Opcode> opcodes;
  if (is_floating(dtype))
    opcodes = {Opcode::neg,   Opcode::abs,        Opcode::floor, Opcode::ceil,
               Opcode::trunc, Opcode::round_even, Opcode::sqrt,  Opcode::is_nan};
  else if (is_integer(dtype))
    opcodes = {Opcode::neg, Opcode::abs, Opcode::bit_not, Opcode::population_count, Opcode::count_leading_zeros};
  else
    opcodes = {Opcode::bit_not};
  for (Opcode opcode : opcodes)
    check(
        std::string(name(opcode)), {dtype}, is_comparison(opcode) ? DType::boolean : dtype,
        [&](RegionBuilder& r, std::span<const OpId> a) { return r.unary(opcode, a[0]); }, opcode != Opcode::sqrt);
}

TEST_P(Operations, Binary) {
  const DType dtype = GetParam();
  std::vector<Opcode> opcodes = {Opcode::mul, Opcode::min, Opcode::max, Opcode::eq, Opcode::ne, Opcode::lt, Opcode::le};
  if (dtype != DType::boolean) opcodes.insert(opcodes.end(), {Opcode::add, Opcode::sub, Opcode::div, Opcode::rem});
  if (is_integer(dtype))
    opcodes.insert(opcodes.end(),
                   {Opcode::mul_high, Opcode::shift_left, Opcode::shift_right_logical, Opcode::shift_right_arithmetic});
  if (!is_floating(dtype)) opcodes.insert(opcodes.end(), {Opcode::bit_and, Opcode::bit_or, Opcode::bit_xor});
  for (Opcode opcode : opcodes)
    check(
        std::string(name(opcode)), {dtype, dtype}, is_comparison(opcode) ? DType::boolean : dtype,
        [&](RegionBuilder& r, std::span<const OpId> a) { return r.binary(opcode, a[0], a[1]); },
        opcode != Opcode::div || !is_floating(dtype));
}

TEST_P(Operations, Ternary) {
  const DType dtype = GetParam();
  check("select", {DType::boolean, dtype, dtype}, dtype,
        [](RegionBuilder& r, std::span<const OpId> a) { return r.select(a[0], a[1], a[2]); });
  if (!is_floating(dtype)) return;
  check(
      "mul_add", {dtype, dtype, dtype}, dtype,
      [](RegionBuilder& r, std::span<const OpId> a) { return r.mul_add(a[0], a[1], a[2]); }, false);
  check("fma", {dtype, dtype, dtype}, dtype,
        [](RegionBuilder& r, std::span<const OpId> a) { return r.fma(a[0], a[1], a[2]); });
}

TEST_P(Operations, Conversions) {
  const DType from = GetParam();
  for (DType to : dtypes) {
    check(fmt::format("convert to {}", name(to)), {from}, to,
          [&](RegionBuilder& r, std::span<const OpId> a) { return r.convert(to, a[0]); });
    if (element_bytes(from) == element_bytes(to) && from != DType::boolean && to != DType::boolean)
      check(fmt::format("bitcast to {}", name(to)), {from}, to,
            [&](RegionBuilder& r, std::span<const OpId> a) { return r.bitcast(to, a[0]); });
  }
}

INSTANTIATE_TEST_SUITE_P(All, Operations, ::testing::ValuesIn(dtypes),
                         [](const auto& dtype) { return std::string(name(dtype.param)); });

/// A branch whose sides are large enough to be skipped, and a loop whose lanes stop at different times.
TEST(ControlInScalars, BranchAndRepeat) {
  check("branch", {DType::f32, DType::f32}, DType::f32, [](RegionBuilder& r, std::span<const OpId> a) {
    const auto polynomial = [](double start) {
      RegionBuilder s;
      const OpId x = s.argument(DType::f32);
      const OpId y = s.argument(DType::f32);
      OpId sum = s.constant(DType::f32, start);
      for (int k = 0; k < 12; ++k)
        sum = s.binary(Opcode::add, s.binary(Opcode::mul, sum, s.constant(DType::f32, 0.5)), y);
      const OpId product = s.binary(Opcode::mul, sum, x);
      return s.finish({sum, product});
    };
    const OpId condition = r.binary(Opcode::lt, a[0], a[1]);
    const std::vector<OpId> results = r.branch(condition, std::array{a[0], a[1]}, polynomial(1), polynomial(-3));
    return r.select(r.binary(Opcode::lt, a[0], r.constant(DType::f32, 0)), results[0], results[1]);
  });
  check("repeat", {DType::u8, DType::i32}, DType::i32, [](RegionBuilder& r, std::span<const OpId> a) {
    RegionBuilder condition;
    const OpId left = condition.argument(DType::u8);
    condition.argument(DType::i32);
    const OpId goes_on = condition.binary(Opcode::lt, condition.integer(DType::u8, 3), left);
    RegionBuilder body;
    const OpId n = body.argument(DType::u8);
    const OpId sum = body.argument(DType::i32);
    const OpId less = body.binary(Opcode::sub, n, body.integer(DType::u8, 2));
    const OpId more = body.binary(Opcode::add, body.binary(Opcode::mul, sum, body.integer(DType::i32, 3)),
                                  body.convert(DType::i32, n));
    return r.repeat(100, std::array{a[0], a[1]}, condition.finish({goes_on}), body.finish({less, more}))[1];
  });
}

}  // namespace
}  // namespace jaxc::cpu
