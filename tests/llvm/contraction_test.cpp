// Contractions of any axes and convolutions of any kind: those that a library runs agree with the naive evaluator, and
// have the same bits in less memory and on any number of threads.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "compiler/evaluate/evaluate.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  template <typename T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<std::int64_t>(values.size()) - 1)];
  }
  std::vector<std::int64_t> order(std::int64_t count) {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
    std::shuffle(numbers.begin(), numbers.end(), engine_);
    return numbers;
  }
  /// Multiples of 1/128 in [-1, 1].
  Array array(const Type& type) {
    Array array(type);
    const bool is_single = real_dtype(type.dtype) == DType::f32;
    const std::size_t bytes = is_single ? sizeof(float) : sizeof(double);
    for (std::size_t place = 0; place < array.bytes().size(); place += bytes) {
      const double value = static_cast<double>(between(-128, 128)) / 128;
      const auto narrow = static_cast<float>(value);
      std::memcpy(array.mutable_bytes().data() + place, is_single ? static_cast<const void*>(&narrow) : &value, bytes);
    }
    return array;
  }

 private:
  std::mt19937_64 engine_;
};

std::string text(const Type& type) {
  return std::string(name(type.dtype)) + to_string(type.shape);
}

/// Runs a program of two inputs; whether a library ran it.
bool check(const std::string& program, const std::array<Type, 2>& types, Random& random) {
  const ir::Jaxpr jaxpr = ir::parse(program, "contraction");
  const std::vector<Array> inputs = {random.array(types[0]), random.array(types[1])};
  const compiler::Compilation compiled =
      compiler::compile(jaxpr, {}, {}, [](const ir::Program& lowered) { return compiler::plan_cpu(lowered); });
  const Array want = compiler::evaluate(jaxpr, {}, inputs)[0];
  const Array got = testing::run(compiled.program, compiled.plan, inputs)[0];
  EXPECT_EQ(testing::disagreement(got, want, real_dtype(types[0].dtype) == DType::f32 ? 2e-5 : 2e-13), "") << program;
  ir::Plan plan = compiled.plan;
  bool has_product = false;
  for (auto& [id, nest] : plan.nests) {
    if (!nest.product) continue;
    has_product = true;
    nest.product->bytes = std::min(nest.product->bytes, std::int64_t{1} << 19);
    nest.product->runs = std::min(nest.product->runs, std::int64_t{3});
    plan.scratch_bytes = nest.product->workspace + nest.product->runs * nest.product->bytes;
  }
  if (!has_product) return false;
  for (const int threads : {1, 3}) {
    CpuOptions options;
    options.threads = threads;
    EXPECT_EQ(testing::disagreement(testing::run(compiled.program, plan, inputs, options)[0], got, 0), "") << program;
  }
  return true;
}

DType dtype_of(Random& random) {
  return random.one_of({DType::f32, DType::f32, DType::f64, DType::c64});
}

TEST(Contraction, OfRandomAxesAgrees) {
  Random random(1);
  int products = 0;
  for (int round = 0; round < 60; ++round) {
    const DType dtype = dtype_of(random);
    // Axes of the batch, of each operand alone, and contracted ones.
    const std::array<std::int64_t, 4> counts = {random.between(0, 2), random.between(1, 2), random.between(1, 2),
                                                random.between(1, 3)};
    std::array<Shape, 4> extents;
    for (std::size_t group = 0; group < 4; ++group)
      for (std::int64_t k = 0; k < counts[group]; ++k) extents[group].push_back(random.between(1, group == 0 ? 3 : 11));
    std::array<Type, 2> types;
    std::array<std::array<std::vector<std::int64_t>, 2>, 2> numbers;  // of an operand, contracting and batch
    Shape result = extents[0];
    for (std::size_t operand = 0; operand < 2; ++operand) {
      std::vector<std::pair<std::size_t, std::size_t>> axes;  // group and number
      for (const std::size_t group : {std::size_t{0}, operand + 1, std::size_t{3}})
        for (std::size_t k = 0; k < extents[group].size(); ++k) axes.emplace_back(group, k);
      const auto order = random.order(static_cast<std::int64_t>(axes.size()));
      types[operand] = {dtype, Shape(axes.size())};
      numbers[operand] = {std::vector<std::int64_t>(extents[3].size()), std::vector<std::int64_t>(extents[0].size())};
      for (std::size_t k = 0; k < axes.size(); ++k) {
        const auto& [group, number] = axes[static_cast<std::size_t>(order[k])];
        types[operand].shape[k] = extents[group][number];
        if (group == 3) numbers[operand][0][number] = static_cast<std::int64_t>(k);
        if (group == 0) numbers[operand][1][number] = static_cast<std::int64_t>(k);
      }
      for (std::size_t k = 0; k < axes.size(); ++k) {
        const auto& [group, number] = axes[static_cast<std::size_t>(order[k])];
        if (group == operand + 1) result.push_back(extents[group][number]);
      }
    }
    const std::string program = fmt::format(
        "{{ lambda ; a:{} b:{}. let c:{} = dot_general[dimension_numbers=(([{}], [{}]), ([{}], [{}])) "
        "preferred_element_type={}] a b in (c,) }}",
        text(types[0]), text(types[1]), text({dtype, result}), fmt::join(numbers[0][0], ","),
        fmt::join(numbers[1][0], ","), fmt::join(numbers[0][1], ","), fmt::join(numbers[1][1], ","), numpy_name(dtype));
    products += check(program, types, random) ? 1 : 0;
  }
  EXPECT_GE(products, 10);
}

TEST(Convolution, OfRandomKindAgrees) {
  Random random(2);
  int products = 0;
  int dilated = 0;
  for (int round = 0; round < 80; ++round) {
    const DType dtype = dtype_of(random);
    const std::int64_t places = random.between(1, 3);
    const std::int64_t feature_groups = random.one_of({1, 1, 2});
    const std::int64_t batch_groups = feature_groups > 1 ? 1 : random.one_of({1, 1, 2});
    const std::int64_t inputs = random.one_of({1, 3, 16});
    const std::int64_t outputs = random.one_of({8, 12, 33}) * feature_groups * batch_groups;
    const std::int64_t batches = random.between(1, 2);
    Shape operand = {batches * batch_groups, inputs * feature_groups};
    Shape kernel = {outputs, inputs};
    Shape result = {batches, outputs};
    std::vector<std::int64_t> strides;
    std::vector<std::int64_t> bases;
    std::vector<std::int64_t> dilations;
    std::vector<std::string> padding;
    for (std::int64_t k = 0; k < places; ++k) {
      const std::int64_t extent = random.between(4, places == 3 ? 7 : 16);
      const std::int64_t window = random.between(1, 4);
      strides.push_back(random.one_of({1, 1, 2, 3}));
      bases.push_back(random.one_of({1, 1, 2, 3}));
      dilations.push_back(random.one_of({1, 1, 2}));
      const std::int64_t low = random.between(-1, 3);
      const std::int64_t high = random.between(-1, 3);
      padding.push_back(fmt::format("({}, {})", low, high));
      operand.push_back(extent);
      kernel.push_back(window);
      const std::int64_t room = (extent - 1) * bases.back() + 1 + low + high - (window - 1) * dilations.back() - 1;
      result.push_back(room < 0 ? 0 : room / strides.back() + 1);
    }
    if (element_count(result) == 0) continue;
    // The dimensions of an array, in an order of its own.
    const auto lay_out = [&](const Shape& shape) {
      const auto order = random.order(static_cast<std::int64_t>(shape.size()));
      Shape mixed(shape.size());
      for (std::size_t k = 0; k < shape.size(); ++k) mixed[static_cast<std::size_t>(order[k])] = shape[k];
      return std::pair(mixed, order);
    };
    const auto [operand_shape, operand_order] = lay_out(operand);
    const auto [kernel_shape, kernel_order] = lay_out(kernel);
    const auto [result_shape, result_order] = lay_out(result);
    const std::array<Type, 2> types = {Type{dtype, operand_shape}, Type{dtype, kernel_shape}};
    const auto tuple = [](const auto& values) {
      return fmt::format("({}{})", fmt::join(values, ", "), values.size() == 1 ? "," : "");
    };
    const std::string program = fmt::format(
        "{{ lambda ; a:{} b:{}. let c:{} = conv_general_dilated[batch_group_count={} "
        "dimension_numbers=ConvDimensionNumbers(lhs_spec={}, rhs_spec={}, out_spec={}) feature_group_count={} "
        "lhs_dilation={} padding={} precision=None preferred_element_type=None rhs_dilation={} window_strides={}] a b "
        "in (c,) }}",
        text(types[0]), text(types[1]), text({dtype, result_shape}), batch_groups, tuple(operand_order),
        tuple(kernel_order), tuple(result_order), feature_groups, tuple(bases), tuple(padding), tuple(dilations),
        tuple(strides));
    const bool has_product = check(program, types, random);
    products += has_product ? 1 : 0;
    dilated += has_product && *std::max_element(bases.begin(), bases.end()) > 1 ? 1 : 0;
  }
  EXPECT_GE(products, 15);
  EXPECT_GE(dilated, 5);
}

struct Row {
  std::string name;
  std::string program;
  std::array<Type, 2> types;
};

class BoundedContraction : public ::testing::TestWithParam<Row> {};

TEST_P(BoundedContraction, Agrees) {
  Random random(3);
  EXPECT_TRUE(check(GetParam().program, GetParam().types, random)) << "no library";
}

std::string convolution(const std::string& types, const std::string& result, const std::string& padding,
                        const std::string& base = "(1, 1)") {
  return "{ lambda ; " + types + ". let c:" + result +
         " = conv_general_dilated[batch_group_count=1 "
         "dimension_numbers=ConvDimensionNumbers(lhs_spec=(0, 3, 1, 2), rhs_spec=(3, 2, 0, 1), out_spec=(0, 3, 1, 2)) "
         "feature_group_count=1 lhs_dilation=" +
         base + " padding=" + padding +
         " precision=None preferred_element_type=None rhs_dilation=(1, 1) window_strides=(1, 1)] a b in (c,) }";
}

const Row rows[] = {
    {"WindowsOfManyShortColumns",
     convolution("a:f32[2,24,24,3] b:f32[11,11,3,24]", "f32[2,24,24,24]", "((5, 5), (5, 5))"),
     {Type{DType::f32, {2, 24, 24, 3}}, Type{DType::f32, {11, 11, 3, 24}}}},
    {"SumsOfNothing",
     convolution("a:c64[1,8,8,8] b:c64[2,2,8,24]", "c64[1,21,21,24]", "((0, 0), (0, 0))", "(3, 3)"),
     {Type{DType::c64, {1, 8, 8, 8}}, Type{DType::c64, {2, 2, 8, 24}}}},
    {"WindowsOfLongColumns",
     convolution("a:f64[1,20,20,24] b:f64[4,4,24,24]", "f64[1,21,21,24]", "((2, 2), (2, 2))"),
     {Type{DType::f64, {1, 20, 20, 24}}, Type{DType::f64, {4, 4, 24, 24}}}},
};

INSTANTIATE_TEST_SUITE_P(Rows, BoundedContraction, ::testing::ValuesIn(rows),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace jaxc::cpu
