// Whole programs that JAX printed, on a Vulkan device, against what JAX computed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

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
  for (const auto& entry : std::filesystem::directory_iterator(std::string(JAXC_TEST_DATA) + "/conformance")) {
    if (entry.path().extension() == ".jaxpr") paths.push_back(entry.path().string());
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

TEST_P(ProgramTest, AgreesWithJax) {
  std::ifstream file(GetParam());
  std::stringstream text;
  text << file.rdbuf();
  const ir::Jaxpr jaxpr = ir::parse(text.str(), GetParam());
  const Safetensors data = Safetensors::load(std::filesystem::path(GetParam()).replace_extension(".safetensors"));
  const std::vector<Array> inputs = numbered(data, "in", jaxpr.input_types());
  const std::vector<Array> want = numbered(data, "out", jaxpr.output_types());
  compiler::LowerOptions options;
  const auto threefry = data.metadata.find("jax_threefry_partitionable");
  if (threefry != data.metadata.end()) options.threefry_partitionable = threefry->second == "true";
  const std::vector<Array> constants = numbered(data, "const", {});
  const auto compiled = compiler::compile(jaxpr, constants, options,
                                          [](const ir::Program& program) { return compiler::plan_gpu(program); });
  const GpuExecutable executable(device_, compiled.program, compiled.plan);
  std::vector<const void*> sources;
  std::vector<void*> targets;
  std::vector<Array> got;
  for (const Array& input : inputs) sources.push_back(input.bytes().data());
  for (const Type& type : jaxpr.output_types()) got.emplace_back(type);
  for (Array& array : got) targets.push_back(array.mutable_bytes().data());
  executable.run(sources, targets);
  ASSERT_EQ(got.size(), want.size());
  const double rtol = std::stod(data.metadata.at("rtol"));
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(jaxc::testing::disagreement(got[i], want[i], rtol), "") << "output " << i;
  }
  for (const std::string& message : validation_messages(*device_)) ADD_FAILURE() << message;
}

INSTANTIATE_TEST_SUITE_P(Jax, ProgramTest, ::testing::ValuesIn(programs()),
                         [](const auto& info) { return std::filesystem::path(info.param).stem().string(); });

}  // namespace
}  // namespace jaxc::spirv
