// Every program that JAX printed, planned for the CPU and run natively, against the values that JAX computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>

#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "jaxc/error.h"
#include "jaxc/safetensors.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

const std::string directory = JAXC_TEST_DATA "/";

std::vector<std::string> programs() {
  std::vector<std::string> names;
  for (const std::string folder : {"conformance", "routines"})
    for (const auto& entry : std::filesystem::directory_iterator(directory + folder))
      if (entry.path().extension() == ".jaxpr") names.push_back(folder + "/" + entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Plans that differ in what is unrolled, how wide vectors are, and what stays in private memory.
struct Variant {
  const char* name;
  compiler::CpuPlanOptions options;
};
const std::vector<Variant> variants = {
    {"default plan", {}},
    {"narrow vectors, counted loops", {.vector_bits = 128, .unrolled_operations = 8, .loop_operations = 64}},
    {"everything unrolled, little private memory",
     {.vector_bits = 256, .private_bytes = 64, .unrolled_operations = 3000}},
};

class Conformance : public ::testing::TestWithParam<std::string> {};

TEST_P(Conformance, AgreesWithJax) {
  std::ifstream file(directory + GetParam() + ".jaxpr");
  std::stringstream text;
  text << file.rdbuf();
  const Safetensors data = Safetensors::load(directory + GetParam() + ".safetensors");
  const ir::Jaxpr jaxpr = ir::parse(text.str(), GetParam());
  const auto numbered = [&](const std::string& prefix) {
    std::vector<Array> arrays;
    for (int k = 0; data.arrays.contains(prefix + std::to_string(k)); ++k)
      arrays.push_back(data.arrays.at(prefix + std::to_string(k)));
    return arrays;
  };
  compiler::LowerOptions options;
  if (const auto flag = data.metadata.find("threefry_partitionable"); flag != data.metadata.end())
    options.threefry_partitionable = flag->second != "0" && flag->second != "false" && flag->second != "False";
  const std::vector<Array> want = numbered("out");
  std::vector<Type> types;
  for (const Array& output : want) types.push_back(output.type());
  const std::vector<Array> inputs = numbered("in");
  const double rtol = std::stod(data.metadata.at("rtol"));
  // The many small programs of routines differ in what they compute, not in how they are planned.
  const bool is_routine = GetParam().starts_with("routines/");
  for (const Variant& variant : std::span(variants).first(is_routine ? 1 : variants.size())) {
    const compiler::Compilation compiled =
        compiler::compile(jaxpr, numbered("const"), options,
                          [&](const ir::Program& program) { return compiler::plan_cpu(program, variant.options); });
    const CpuExecutable executable(compiled.program, compiled.plan);
    ASSERT_EQ(inputs.size(), compiled.program.inputs.size());
    ASSERT_EQ(want.size(), compiled.program.outputs.size());
    const std::vector<Array> got = testing::run(executable, types, inputs);
    for (std::size_t k = 0; k < want.size(); ++k)
      EXPECT_EQ(testing::disagreement(got[k], want[k], rtol), "") << variant.name << ", output " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Conformance, ::testing::ValuesIn(programs()), [](const auto& program) {
  std::string name = program.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

}  // namespace
}  // namespace jaxc::cpu
