// Hand-built kernels: loops in chunks, workgroups with shared memory, and every integer width.
#include "backends/spirv/module.h"

#include <bit>

#include "jaxc/error.h"
#include "tests/spirv/kernel_fixture.h"

namespace jaxc::spirv {
namespace {

Value element_address(Module& module, Value base, Value index, Kind kind) {
  const Value wide = module.resize_signed(index, Kind::i64);
  return module.binary(IntegerBinary::add, base,
                       module.binary(IntegerBinary::multiply, wide, module.integer(Kind::i64, kind_bytes(kind))));
}

/// c = 0.99 c + x[t] for t in [begin, end), one invocation, the carry kept in memory between dispatches. The
/// completion word counts dispatches that reached their end and could still loop afterwards.
std::vector<std::uint32_t> recurrence(const ModuleOptions& options) {
  Module module(options);
  const Value x = module.push_constant(0);
  const Value y = module.push_constant(1);
  const Value state = module.push_constant(2);
  const Value completion = module.push_constant(3);
  const Variable carry = module.variable(module.load(Kind::f32, state, Sharing::invocation), "carry");
  const Variable reached = module.variable(module.push_constant(4), "reached");
  const Value one = module.integer(Kind::i64, 1);
  module.loop_range(module.push_constant(4), module.push_constant(5), one, [&](Value t) {
    const Value input = module.load(Kind::f32, element_address(module, x, t, Kind::f32), Sharing::invocation);
    const Value scaled = module.binary(FloatBinary::multiply, module.read(carry), module.floating(Kind::f32, 0.99));
    module.write(carry, module.binary(FloatBinary::add, scaled, input));
    module.store(module.read(carry), element_address(module, y, t, Kind::f32), Sharing::invocation);
    module.write(reached, module.binary(IntegerBinary::add, t, one));
  });
  module.store(module.read(carry), state, Sharing::invocation);
  const Variable turns = module.variable(module.integer(Kind::i64, 0), "turns");
  module.loop_range(module.integer(Kind::i64, 0), module.push_constant(6), one,
                    [&](Value turn) { module.write(turns, module.binary(IntegerBinary::add, turn, one)); });
  const Value done = module.binary(LogicalBinary::logical_and,
                                   module.compare(IntegerCompare::equal, module.read(reached), module.push_constant(5)),
                                   module.compare(IntegerCompare::equal, module.read(turns), module.push_constant(6)));
  module.if_then(done, [&] { module.atomic_add(completion, module.integer(Kind::i32, 1)); });
  return module.finish();
}

class RecurrenceTest : public KernelTest {
 protected:
  /// Runs `steps` steps in dispatches of `chunk` in one submission; gives y and the completion count.
  std::pair<std::vector<float>, std::uint32_t> run(const std::vector<float>& x, std::int64_t chunk) {
    const auto steps = static_cast<std::int64_t>(x.size());
    const Memory input = upload(x);
    Memory output(*device, 4 * steps, MemoryUse::download);
    Memory device_output(*device, 4 * steps, MemoryUse::device);
    Memory state = upload(std::vector<std::uint32_t>{0, 0});
    const Kernel kernel(*device, recurrence(module_options(1, 7)), 7);
    Commands commands(*device);
    for (std::int64_t begin = 0; begin < steps; begin += chunk) {
      const std::vector<std::uint64_t> push{input.address(),
                                            device_output.address(),
                                            state.address(),
                                            state.address() + 4,
                                            static_cast<std::uint64_t>(begin),
                                            static_cast<std::uint64_t>(std::min(begin + chunk, steps)),
                                            2};
      commands.dispatch(kernel, push, 1);
    }
    commands.copy(device_output, 0, output, 0, 4 * steps);
    commands.submit_and_wait();
    return {download<float>(output, x.size()), download<std::uint32_t>(state, 2)[1]};
  }
};

TEST_F(RecurrenceTest, AMillionStepsInChunksOfOneSubmission) {
  const std::int64_t steps = 1'000'000;
  const std::int64_t chunk = 50'000;
  std::vector<float> x(steps);
  for (std::int64_t t = 0; t < steps; ++t) x[t] = static_cast<float>(t % 17) / 16.0F - 0.5F;
  const auto [y, completions] = run(x, chunk);
  EXPECT_EQ(completions, steps / chunk);
  float carry = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    const volatile float scaled = carry * 0.99F;
    carry = scaled + x[t];
    ASSERT_EQ(y[t], carry) << t;
  }
}

TEST_F(RecurrenceTest, TheCompletionWordTellsOfLoopsThatTheDeviceCutShort) {
  const std::int64_t limit = device->description().loop_limit;
  if (limit == 0) GTEST_SKIP() << "this device has no loop limit";
  EXPECT_EQ(run(std::vector<float>(limit + 10, 1.0F), limit + 10).second, 0U);
  EXPECT_EQ(run(std::vector<float>(limit, 1.0F), limit).second, 0U) << "no turn is left for another loop";
  EXPECT_EQ(run(std::vector<float>(limit - 10, 1.0F), limit).second, 1U);
}

using WorkgroupTest = KernelTest;

TEST_F(WorkgroupTest, SharedMemoryAndBarriersCarryAStencilThroughTime) {
  constexpr std::int64_t width = 128;
  constexpr std::int64_t steps = 300;
  Module module(module_options(width, 1));
  const LocalArray line = module.shared_array(Kind::f32, width);
  const Value i = module.local_index();
  const Value address = element_address(module, module.push_constant(0), i, Kind::f32);
  module.write(line, i, module.load(Kind::f32, address, Sharing::workgroup));
  module.barrier(BarrierScope::workgroup);
  const Value right =
      module.binary(IntegerBinary::bit_and, module.binary(IntegerBinary::add, i, module.integer(Kind::i32, 1)),
                    module.integer(Kind::i32, width - 1));
  module.loop_range(module.integer(Kind::i32, 0), module.integer(Kind::i32, steps), module.integer(Kind::i32, 1),
                    [&](Value) {
                      const Value sum = module.binary(FloatBinary::add, module.read(line, i), module.read(line, right));
                      module.barrier(BarrierScope::workgroup);
                      module.write(line, i, module.binary(FloatBinary::multiply, sum, module.floating(Kind::f32, 0.5)));
                      module.barrier(BarrierScope::workgroup);
                    });
  module.store(module.read(line, i), address, Sharing::workgroup);
  const Kernel kernel(*device, module.finish(), 1);

  std::vector<float> expected(width);
  for (std::int64_t k = 0; k < width; ++k) expected[k] = static_cast<float>(k * k % 31);
  const Memory memory = upload(expected);
  Commands commands(*device);
  commands.dispatch(kernel, std::vector<std::uint64_t>{memory.address()}, 1);
  commands.submit_and_wait();
  for (std::int64_t step = 0; step < steps; ++step) {
    std::vector<float> next(width);
    for (std::int64_t k = 0; k < width; ++k) next[k] = (expected[k] + expected[(k + 1) % width]) * 0.5F;
    expected = next;
  }
  EXPECT_EQ(download<float>(memory, width), expected);
}

TEST_F(WorkgroupTest, ScratchMemoryIsSharedThroughBarriers) {
  constexpr std::int64_t width = 64;
  Module module(module_options(width, 1));
  const Value i = module.local_index();
  const Value base = module.push_constant(0);
  module.store(module.binary(IntegerBinary::multiply, i, i), element_address(module, base, i, Kind::i32),
               Sharing::workgroup);
  module.barrier(BarrierScope::workgroup);
  const Value mirrored = module.binary(IntegerBinary::subtract, module.integer(Kind::i32, width - 1), i);
  const Value other = module.load(Kind::i32, element_address(module, base, mirrored, Kind::i32), Sharing::workgroup);
  module.barrier(BarrierScope::workgroup);
  module.store(other, element_address(module, base, i, Kind::i32), Sharing::workgroup);
  const Kernel kernel(*device, module.finish(), 1);
  const Memory memory = upload(std::vector<std::int32_t>(width));
  Commands commands(*device);
  commands.dispatch(kernel, std::vector<std::uint64_t>{memory.address()}, 1);
  commands.submit_and_wait();
  const auto values = download<std::int32_t>(memory, width);
  for (std::int32_t k = 0; k < width; ++k) EXPECT_EQ(values[k], (width - 1 - k) * (width - 1 - k));
}

template <typename T>
class IntegerTest : public KernelTest {};
using Integers = testing::Types<std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(IntegerTest, Integers);

TYPED_TEST(IntegerTest, ArithmeticWrapsAndBitsAreCounted) {
  constexpr Kind kind = sizeof(TypeParam) == 1   ? Kind::i8
                        : sizeof(TypeParam) == 2 ? Kind::i16
                        : sizeof(TypeParam) == 4 ? Kind::i32
                                                 : Kind::i64;
  using Unsigned = std::make_unsigned_t<TypeParam>;
  std::vector<TypeParam> input{
      0, 1, 2, -1, 7, 100, std::numeric_limits<TypeParam>::min(), std::numeric_limits<TypeParam>::max()};
  Module module(this->module_options(8, 2));
  const Value i = module.local_index();
  const Value a = module.load(kind, element_address(module, module.push_constant(0), i, kind), Sharing::invocation);
  const auto put = [&](int row, Value value) {
    const Value slot = module.binary(IntegerBinary::add, i, module.integer(Kind::i32, 8 * row));
    module.store(value, element_address(module, module.push_constant(1), slot, kind), Sharing::invocation);
  };
  put(0, module.binary(IntegerBinary::multiply, a, a));
  put(1, module.population_count(a));
  put(2, module.count_leading_zeros(a));
  put(3, module.binary(IntegerBinary::shift_right_arithmetic, a, module.integer(kind, 3)));
  put(4, module.binary(IntegerBinary::shift_right_logical, a, module.integer(kind, 3)));
  put(5, module.boolean_to_integer(module.compare(IntegerCompare::less_signed, a, module.integer(kind, 2)), kind));
  const Kernel kernel(*this->device, module.finish(), 2);
  const Memory in = this->upload(input);
  const Memory out = this->upload(std::vector<TypeParam>(48));
  Commands commands(*this->device);
  commands.dispatch(kernel, std::vector<std::uint64_t>{in.address(), out.address()}, 1);
  commands.submit_and_wait();
  const auto values = this->template download<TypeParam>(out, 48);
  for (std::size_t k = 0; k < 8; ++k) {
    const auto x = static_cast<Unsigned>(input[k]);
    EXPECT_EQ(values[k], static_cast<TypeParam>(static_cast<std::uint64_t>(x) * x));
    EXPECT_EQ(values[8 + k], std::popcount(x));
    EXPECT_EQ(values[16 + k], std::countl_zero(x));
    EXPECT_EQ(values[24 + k], static_cast<TypeParam>(input[k] >> 3));
    EXPECT_EQ(values[32 + k], static_cast<TypeParam>(x >> 3));
    EXPECT_EQ(values[40 + k], input[k] < 2);
  }
}

TEST(ModuleTest, OperandsOfDifferentKindsAreRefused) {
  Module module(ModuleOptions{});
  EXPECT_THROW(module.binary(IntegerBinary::add, module.integer(Kind::i32, 1), module.integer(Kind::i64, 1)),
               InternalError);
  EXPECT_THROW(module.binary(FloatBinary::add, module.floating(Kind::f32, 1), module.floating(Kind::f64, 1)),
               InternalError);
  EXPECT_THROW(module.load(Kind::f32, module.integer(Kind::i32, 0), Sharing::invocation), InternalError);
  EXPECT_THROW(module.push_constant(5), InternalError);
}

TEST(ModuleTest, IndexArithmeticOnConstantsIsFolded) {
  Module module(ModuleOptions{});
  const Value product =
      module.binary(IntegerBinary::multiply, module.integer(Kind::i64, -6), module.integer(Kind::i64, 7));
  EXPECT_EQ(module.constant_of(product), -42);
  EXPECT_EQ(module.constant_of(module.resize_unsigned(module.integer(Kind::i8, -1), Kind::i64)), 255);
}

TEST(ModuleTest, FunctionsAndOptimisationKeepModulesValid) {
  ModuleOptions options;
  Module module(options);
  const Function square = module.function("square", {Kind::f32}, Kind::f32, [&](std::span<const Value> arguments) {
    return module.binary(FloatBinary::multiply, arguments[0], arguments[0]);
  });
  const Value address = module.push_constant(0);
  const Variable result = module.variable(module.load(Kind::f32, address, Sharing::invocation));
  module.write(result, module.call(square, std::vector<Value>{module.read(result)}));
  module.store(module.read(result), address, Sharing::invocation);
  const auto words = module.finish();
  const auto smaller = optimize(words);
  EXPECT_LT(smaller.size(), words.size());
  EXPECT_NE(disassemble(words).find("OpFunctionCall"), std::string::npos);
  auto broken = words;
  broken.resize(broken.size() - 3);
  EXPECT_THROW(validate(broken), InternalError);
}

}  // namespace
}  // namespace jaxc::spirv
