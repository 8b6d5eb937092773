// Whole programs that JAX printed, on a Vulkan device, against what JAX computed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "backends/reference/reference.h"
#include "backends/spirv/codegen.h"
#include "backends/spirv/spirv.h"
#include "compiler/pipeline.h"
#include "compiler/plan/gpu.h"
#include "ir/parser.h"
#include "jaxc/error.h"
#include "jaxc/safetensors.h"
#include "tests/compiler/agreement.h"

namespace jaxc::spirv {
namespace {

std::vector<std::string> programs() {
  std::vector<std::string> paths;
  for (const char* folder : {"/conformance", "/routines"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(JAXC_TEST_DATA) + folder)) {
      if (entry.path().extension() == ".jaxpr") paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<Array> numbered(const Safetensors& data, const std::string& prefix, const std::vector<Type>& types) {
  std::vector<Array> arrays;
  while (data.arrays.contains(prefix + std::to_string(arrays.size()))) {
    Array array = data.arrays.at(prefix + std::to_string(arrays.size()));
    // bfloat16 and keys are stored as the integers of their bits.
    if (arrays.size() < types.size() && array.type() != types[arrays.size()]) {
      array = Array(types[arrays.size()], array.bytes());
    }
    arrays.push_back(std::move(array));
  }
  return arrays;
}

/// One device for all programs, with validation.
class ProgramTest : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { device_ = open_device({.index = std::nullopt, .validation = true}); }
  static void TearDownTestSuite() { device_.reset(); }
  static std::shared_ptr<const Device> device_;
};
std::shared_ptr<const Device> ProgramTest::device_;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A program that JAX printed, compiled for a GPU, with its inputs and JAX's outputs.
struct Case {
  compiler::Compilation compiled;
  std::vector<Array> inputs;
  std::vector<Array> want;
  double rtol = 0;

  Case(const std::string& path, const compiler::GpuPlanOptions& plan_options) {
    const ir::Jaxpr jaxpr = ir::parse(text_of(path), path);
    const Safetensors data = Safetensors::load(std::filesystem::path(path).replace_extension(".safetensors"));
    inputs = numbered(data, "in", jaxpr.input_types());
    want = numbered(data, "out", jaxpr.output_types());
    rtol = std::stod(data.metadata.at("rtol"));
    compiler::LowerOptions options;
    options.for_caches = false;
    const auto threefry = data.metadata.find("threefry_partitionable");
    if (threefry != data.metadata.end()) options.threefry_partitionable = threefry->second == "true";
    compiled = compiler::compile(jaxpr, numbered(data, "const", {}), options,
                                 [&](const ir::Program& program) { return compiler::plan_gpu(program, plan_options); });
  }

  void expect(const std::vector<Array>& got) const {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(jaxc::testing::disagreement(got[i], want[i], rtol), "") << "output " << i;
    }
  }
};

std::vector<Array> run(const std::shared_ptr<const Device>& device, const compiler::Compilation& compiled,
                       const std::vector<Array>& inputs) {
  const GpuExecutable executable(device, compiled.program, compiled.plan);
  std::vector<const void*> sources;
  std::vector<void*> targets;
  std::vector<Array> outputs;
  for (const Array& input : inputs) sources.push_back(input.bytes().data());
  for (const ir::Interface& output : compiled.program.outputs) outputs.emplace_back(output.type);
  for (Array& array : outputs) targets.push_back(array.mutable_bytes().data());
  executable.run(sources, targets);
  for (const std::string& message : validation_messages(*device)) ADD_FAILURE() << message;
  return outputs;
}

TEST_P(ProgramTest, AgreesWithJax) {
  const Case program(GetParam(), {});
  program.expect(run(device_, program.compiled, program.inputs));
}

/// The same with every loop shared by a workgroup.
using WorkgroupProgramTest = ProgramTest;

TEST_P(WorkgroupProgramTest, AgreesWithJax) {
  compiler::GpuPlanOptions options;
  options.registers_work = -1;
  options.workgroup_size = 64;
  const Case program(GetParam(), options);
  program.expect(run(device_, program.compiled, program.inputs));
}

/// The interpreter obeys the GPU's plans and finds races and storage that is used again too early.
TEST_P(ProgramTest, ThePlanHasNoRaces) {
  const Case program(GetParam(), {});
  const reference::Executable executable(program.compiled.program, program.compiled.plan);
  program.expect(executable.run(program.inputs, {.seed = 7}));
}

TEST_P(WorkgroupProgramTest, ThePlanHasNoRaces) {
  compiler::GpuPlanOptions options;
  options.registers_work = -1;
  const Case program(GetParam(), options);
  const reference::Executable executable(program.compiled.program, program.compiled.plan);
  program.expect(executable.run(program.inputs, {.seed = 8}));
}

std::vector<std::string> programs_with_loops() {
  std::vector<std::string> paths = programs();
  std::erase_if(paths, [](const std::string& path) {
    const std::string text = text_of(path);
    return text.find("scan[") == std::string::npos && text.find("while[") == std::string::npos;
  });
  return paths;
}

TEST(CodegenTest, ADeviceWithoutTheTypeOfAProgramIsNamed) {
  const ir::Jaxpr jaxpr = ir::parse("{ lambda ; a:f64[3]. let b:f64[3] = add a 1.0:f64[] in (b,) }", "<test>");
  const auto compiled =
      compiler::compile(jaxpr, {}, {}, [](const ir::Program& program) { return compiler::plan_gpu(program); });
  DeviceDescription device;
  device.name = "A small GPU";
  device.workgroup_size = 128;
  device.group_count = 65535;
  try {
    generate(compiled.program, compiled.plan, device);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "gpu: the program uses 64-bit floats, got A small GPU without them; use the cpu backend or "
                 "another device");
  }
}

std::string stem(const ::testing::TestParamInfo<std::string>& info) {
  return std::filesystem::path(info.param).stem().string();
}

/// Runs a program's text; gives the outputs.
std::vector<Array> run_text(const std::shared_ptr<const Device>& device, const std::string& text,
                            const std::vector<Array>& inputs, const compiler::GpuPlanOptions& plan_options) {
  const ir::Jaxpr jaxpr = ir::parse(text, "<test>");
  const auto compiled = compiler::compile(
      jaxpr, {}, {}, [&](const ir::Program& program) { return compiler::plan_gpu(program, plan_options); });
  return run(device, compiled, inputs);
}

/// Loops that take more steps than lavapipe allows in one dispatch, by either path.
class LongLoopTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  LongLoopTest() : device(open_device({.index = std::nullopt, .validation = true})) {
    options.registers_work = GetParam();
    options.workgroup_size = 32;
  }
  std::shared_ptr<const Device> device;
  compiler::GpuPlanOptions options;
};

TEST_P(LongLoopTest, AScanOfAMillionSteps) {
  constexpr std::int64_t steps = 1'000'000;
  std::vector<double> x(steps);
  for (std::int64_t t = 0; t < steps; ++t) x[t] = static_cast<double>(t % 23) / 8.0 - 1.0;
  const auto outputs = run_text(device, R"({ lambda ; a:f64[1000000]. let
    b:f64[] c:f64[1000000] = scan[
      _split_transpose=False
      jaxpr={ lambda ; d:f64[] e:f64[]. let
          f:f64[] = mul d 0.99:f64[]
          g:f64[] = add f e
        in (g, g) }
      length=1000000
      linear=(False, False)
      num_carry=1
      num_consts=0
      reverse=False
      unroll=1
    ] 0.5:f64[] a
  in (b, c) })",
                                {Array::of<double>({steps}, std::span<const double>(x))}, options);
  const auto last = outputs[0].values<double>();
  const auto all = outputs[1].values<double>();
  double carry = 0.5;
  for (std::int64_t t = 0; t < steps; ++t) {
    carry = carry * 0.99 + x[t];
    ASSERT_NEAR(all[t], carry, 1e-11) << t;
  }
  EXPECT_EQ(last[0], all[steps - 1]);
}

TEST_P(LongLoopTest, AWhileOfAHundredThousandSteps) {
  const auto outputs = run_text(device, R"({ lambda ; a:i32[]. let
    b:i32[] c:i32[] = while[
      body_jaxpr={ lambda ; d:i32[] e:i32[]. let
          f:i32[] = add d 1:i32[]
          g:i32[] = mul e 3:i32[]
          h:i32[] = add g d
        in (f, h) }
      body_nconsts=0
      cond_jaxpr={ lambda ; i:i32[] j:i32[]. let k:bool[] = lt i 100000:i32[] in (k,) }
      cond_nconsts=0
    ] a 7:i32[]
  in (b, c) })",
                                {Array::of<std::int32_t>({}, {0})}, options);
  std::uint32_t value = 7;
  for (std::uint32_t i = 0; i < 100000; ++i) value = value * 3 + i;
  EXPECT_EQ(outputs[0].values<std::int32_t>()[0], 100000);
  EXPECT_EQ(outputs[1].values<std::int32_t>()[0], static_cast<std::int32_t>(value));
}

TEST_P(LongLoopTest, InnerLoopsCountTowardsTheChunk) {
  const auto outputs = run_text(device, R"({ lambda ; a:i32[]. let
    b:i32[] = scan[
      _split_transpose=False
      jaxpr={ lambda ; c:i32[]. let
          d:i32[] = scan[
            _split_transpose=False
            jaxpr={ lambda ; e:i32[]. let
                f:i32[] = mul e 5:i32[]
                g:i32[] = add f 1:i32[]
              in (g,) }
            length=1000
            linear=(False,)
            num_carry=1
            num_consts=0
            reverse=False
            unroll=1
          ] c
        in (d,) }
      length=300
      linear=(False,)
      num_carry=1
      num_consts=0
      reverse=False
      unroll=1
    ] a
  in (b,) })",
                                {Array::of<std::int32_t>({}, {3})}, options);
  std::uint32_t value = 3;
  for (int i = 0; i < 300000; ++i) value = value * 5 + 1;
  EXPECT_EQ(outputs[0].values<std::int32_t>()[0], static_cast<std::int32_t>(value));
}

INSTANTIATE_TEST_SUITE_P(Paths, LongLoopTest, ::testing::Values(4096, -1),
                         [](const auto& info) { return std::string(info.param > 0 ? "registers" : "workgroup"); });
INSTANTIATE_TEST_SUITE_P(Jax, ProgramTest, ::testing::ValuesIn(programs()), stem);
INSTANTIATE_TEST_SUITE_P(Jax, WorkgroupProgramTest, ::testing::ValuesIn(programs_with_loops()), stem);

}  // namespace
}  // namespace jaxc::spirv
