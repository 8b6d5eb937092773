// Every scalar opcode on every type, at the values where instructions are not defined, against the interpreter.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>

#include "backends/reference/reference.h"
#include "backends/spirv/spirv.h"
#include "compiler/plan/gpu.h"
#include "ir/region_builder.h"

namespace jaxc::spirv {
namespace {

using ir::Opcode;

/// Bit patterns of a dtype's numbers at the edges, and some between.
std::vector<std::uint64_t> edges(DType dtype) {
  const auto f32 = [](float value) { return std::uint64_t{std::bit_cast<std::uint32_t>(value)}; };
  const auto f64 = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  if (dtype == DType::boolean) return {0, 1};
  if (dtype == DType::f32) {
    std::vector<std::uint64_t> bits;
    for (const float value : {0.0F,
                              -0.0F,
                              1.0F,
                              -1.0F,
                              0.5F,
                              2.5F,
                              -3.5F,
                              7.25F,
                              1e-20F,
                              3e38F,
                              -127.6F,
                              255.9F,
                              32768.0F,
                              2147483520.0F,
                              2147483648.0F,
                              -2147483648.0F,
                              4294967296.0F,
                              9.3e18F,
                              2e19F,
                              -1e30F,
                              std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::quiet_NaN(),
                              0.1F,
                              1e10F}) {
      bits.push_back(f32(value));
    }
    return bits;
  }
  if (dtype == DType::f64) {
    std::vector<std::uint64_t> bits;
    for (const double value : {0.0,
                               -0.0,
                               1.0,
                               -1.0,
                               0.5,
                               2.5,
                               -3.5,
                               7.25,
                               1e-200,
                               1e300,
                               -127.6,
                               255.9,
                               32768.0,
                               2147483647.5,
                               2147483648.0,
                               -2147483649.0,
                               4294967296.0,
                               9223372036854775808.0,
                               -9223372036854775808.0,
                               18446744073709551616.0,
                               std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN(),
                               0.1,
                               1e10}) {
      bits.push_back(f64(value));
    }
    return bits;
  }
  const int width = 8 * static_cast<int>(element_bytes(dtype));
  const std::uint64_t mask = ~std::uint64_t{0} >> (64 - width);
  std::vector<std::uint64_t> bits;
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{7}, ~std::uint64_t{0}, ~std::uint64_t{6},
        std::uint64_t{1} << (width - 1), mask >> 1, std::uint64_t{0x35}, static_cast<std::uint64_t>(width),
        static_cast<std::uint64_t>(width) + 1, std::uint64_t{0x123456789abcdef1}}) {
    bits.push_back(value & mask);
  }
  return bits;
}

Array array_of(DType dtype, const std::vector<std::uint64_t>& bits) {
  Array array(Type{dtype, {static_cast<std::int64_t>(bits.size())}});
  const std::size_t bytes = element_bytes(dtype);
  for (std::size_t i = 0; i < bits.size(); ++i) std::memcpy(array.mutable_bytes().data() + i * bytes, &bits[i], bytes);
  return array;
}

struct Row {
  Opcode opcode;
  std::vector<DType> operands;
  DType result;
  int ulps = 0;  ///< how far floats may differ
};

constexpr DType all_types[] = {DType::boolean, DType::i8,  DType::i16, DType::i32, DType::i64, DType::u8,
                               DType::u16,     DType::u32, DType::u64, DType::f32, DType::f64};

std::vector<Row> rows() {
  std::vector<Row> table;
  for (const DType dtype : all_types) {
    const bool floats = is_floating(dtype);
    const bool integers = is_integer(dtype);
    const auto add = [&](Opcode opcode, std::size_t arity, DType result, int ulps = 0) {
      table.push_back({opcode, std::vector<DType>(arity, dtype), result, ulps});
    };
    for (const Opcode opcode : {Opcode::eq, Opcode::ne, Opcode::lt, Opcode::le}) add(opcode, 2, DType::boolean);
    for (const Opcode opcode : {Opcode::mul, Opcode::min, Opcode::max}) add(opcode, 2, dtype);
    for (const DType to : all_types) {
      if (to != dtype) add(Opcode::convert, 1, to);
    }
    table.push_back({Opcode::select, {DType::boolean, dtype, dtype}, dtype});
    if (dtype == DType::boolean || integers) {
      add(Opcode::bit_not, 1, dtype);
      for (const Opcode opcode : {Opcode::bit_and, Opcode::bit_or, Opcode::bit_xor}) add(opcode, 2, dtype);
    }
    if (dtype == DType::boolean) continue;
    for (const Opcode opcode : {Opcode::neg, Opcode::abs}) add(opcode, 1, dtype);
    for (const Opcode opcode : {Opcode::add, Opcode::sub, Opcode::rem}) add(opcode, 2, dtype);
    add(Opcode::div, 2, dtype, floats ? 2 : 0);
    if (integers) {
      for (const Opcode opcode : {Opcode::population_count, Opcode::count_leading_zeros}) add(opcode, 1, dtype);
      for (const Opcode opcode :
           {Opcode::mul_high, Opcode::shift_left, Opcode::shift_right_logical, Opcode::shift_right_arithmetic}) {
        add(opcode, 2, dtype);
      }
    }
    if (floats) {
      for (const Opcode opcode : {Opcode::floor, Opcode::ceil, Opcode::trunc, Opcode::round_even})
        add(opcode, 1, dtype);
      add(Opcode::sqrt, 1, dtype, 1);
      add(Opcode::is_nan, 1, DType::boolean);
      add(Opcode::fma, 3, dtype);
    }
  }
  for (const auto& [from, to] : {std::pair(DType::f32, DType::i32), std::pair(DType::u64, DType::f64),
                                 std::pair(DType::i8, DType::u8), std::pair(DType::u16, DType::i16)}) {
    table.push_back({Opcode::bitcast, {from}, to});
  }
  return table;
}

/// result[i, j, ...] = opcode(a[i], b[j], ...), for all combinations.
ir::Program program_of(const Row& row, const std::vector<Array>& inputs) {
  ir::Program program;
  ir::Nest nest;
  ir::RegionBuilder builder;
  std::vector<ir::OpId> operands;
  std::vector<ir::Index> indices;
  Shape shape;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Type& type = inputs[i].type();
    program.arrays.push_back({type.dtype, type.shape});
    program.inputs.push_back({static_cast<ir::ArrayId>(i), type});
    nest.axes.push_back({type.shape[0], ir::AxisKind::parallel});
    shape.push_back(type.shape[0]);
    indices.push_back(ir::Index{0, {{1, builder.axis(static_cast<int>(i))}}});
    operands.push_back(builder.read(type.dtype, static_cast<ir::ArrayId>(i), {indices.back()}));
  }
  ir::ScalarOp op;
  op.opcode = row.opcode;
  op.dtype = row.result;
  op.arguments = operands;
  const ir::OpId result = builder.append(op);
  nest.body = builder.finish({result});
  const auto output = static_cast<ir::ArrayId>(program.arrays.size());
  program.arrays.push_back({row.result, shape});
  program.outputs.push_back({output, {row.result, shape}});
  nest.outputs.emplace_back();
  nest.outputs[0].result = output;
  nest.outputs[0].indices = indices;
  program.body.nodes.emplace_back();
  program.body.nodes[0].kind = std::move(nest);
  program.body.results = {output};
  program.node_count = 1;
  ir::verify(program);
  return program;
}

/// Distance in representable numbers; 0 between NaNs and between zeros of one sign.
template <typename T, typename Bits>
std::int64_t distance(const std::byte* left, const std::byte* right) {
  T a;
  T b;
  std::memcpy(&a, left, sizeof(T));
  std::memcpy(&b, right, sizeof(T));
  if (std::isnan(a) && std::isnan(b)) return 0;
  if (std::isnan(a) || std::isnan(b) || std::signbit(a) != std::signbit(b))
    return std::numeric_limits<std::int64_t>::max();
  return std::abs(static_cast<std::int64_t>(std::bit_cast<Bits>(a)) -
                  static_cast<std::int64_t>(std::bit_cast<Bits>(b)));
}

TEST(OpcodesTest, EveryOpcodeIsTotal) {
  const auto device = open_device({.index = std::nullopt, .validation = true});
  for (const Row& row : rows()) {
    std::vector<Array> inputs;
    for (const DType dtype : row.operands) inputs.push_back(array_of(dtype, edges(dtype)));
    const ir::Program program = program_of(row, inputs);
    const ir::Plan plan = compiler::plan_gpu(program);
    const Array want = reference::Executable(program, plan).run(inputs)[0];
    Array got(want.type());
    std::vector<const void*> sources;
    for (const Array& input : inputs) sources.push_back(input.bytes().data());
    std::vector<void*> targets{got.mutable_bytes().data()};
    GpuExecutable(device, program, plan).run(sources, targets);
    const std::size_t bytes = element_bytes(row.result);
    int shown = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(element_count(want.type().shape)) && shown < 3; ++i) {
      const std::byte* left = got.bytes().data() + i * bytes;
      const std::byte* right = want.bytes().data() + i * bytes;
      const std::int64_t apart = row.result == DType::f32   ? distance<float, std::uint32_t>(left, right)
                                 : row.result == DType::f64 ? distance<double, std::uint64_t>(left, right)
                                                            : std::memcmp(left, right, bytes);
      if (row.result != DType::f32 && row.result != DType::f64 ? apart == 0 : apart <= row.ulps) continue;
      ++shown;
      std::string operands;
      std::size_t rest = i;
      for (std::size_t k = inputs.size(); k-- > 0;) {
        const auto all = edges(row.operands[k]);
        operands = fmt::format("{}:{:#x} ", name(row.operands[k]), all[rest % all.size()]) + operands;
        rest /= all.size();
      }
      std::uint64_t got_bits = 0;
      std::uint64_t want_bits = 0;
      std::memcpy(&got_bits, left, bytes);
      std::memcpy(&want_bits, right, bytes);
      ADD_FAILURE() << fmt::format("{} {}-> {}: {:#x} instead of {:#x}", ir::name(row.opcode), operands,
                                   name(row.result), got_bits, want_bits);
    }
  }
  for (const std::string& message : validation_messages(*device)) ADD_FAILURE() << message;
}

}  // namespace
}  // namespace jaxc::spirv
