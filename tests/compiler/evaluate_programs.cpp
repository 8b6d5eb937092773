// The naive evaluator against what JAX computed, on whole programs that JAX printed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agreement.h"
#include "compiler/evaluate/evaluate.h"
#include "ir/parser.h"
#include "ir/prims/type_rules.h"
#include "jaxc/safetensors.h"

namespace jaxc {
namespace {

std::vector<std::string> programs() {
  std::vector<std::string> paths;
  for (const char* folder : {"/conformance", "/extra", "/routines"}) {
    const std::filesystem::path directory = std::string(JAXC_TEST_DATA) + folder;
    if (!std::filesystem::exists(directory)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().extension() == ".jaxpr") paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

ir::Jaxpr parse_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return ir::parse(text.str(), path);
}

std::vector<Array> numbered(const Safetensors& data, const std::string& prefix) {
  std::vector<Array> arrays;
  while (data.arrays.contains(prefix + std::to_string(arrays.size()))) {
    arrays.push_back(data.arrays.at(prefix + std::to_string(arrays.size())));
  }
  return arrays;
}

// bfloat16 and keys are stored as the integers of their bits.
std::vector<Array> with_types(std::vector<Array> arrays, const std::vector<Type>& types) {
  for (std::size_t i = 0; i < arrays.size() && i < types.size(); ++i) {
    if (arrays[i].type() != types[i] && byte_count(arrays[i].type()) == byte_count(types[i])) {
      arrays[i] = Array(types[i], arrays[i].bytes());
    }
  }
  return arrays;
}

class Program : public ::testing::TestWithParam<std::string> {};

TEST_P(Program, EvaluatesAsInJax) {
  const ir::Jaxpr jaxpr = parse_file(GetParam());
  const Safetensors data = Safetensors::load(std::filesystem::path(GetParam()).replace_extension(".safetensors"));
  const auto inputs = with_types(numbered(data, "in"), jaxpr.input_types());
  const auto want = with_types(numbered(data, "out"), jaxpr.output_types());
  compiler::EvaluateOptions options;
  const auto threefry = data.metadata.find("threefry_partitionable");
  if (threefry != data.metadata.end()) options.threefry_partitionable = threefry->second == "true";
  const auto got = compiler::evaluate(jaxpr, numbered(data, "const"), inputs, options);
  ASSERT_EQ(got.size(), want.size());
  const double rtol = std::stod(data.metadata.at("rtol"));
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(testing::disagreement(got[i], want[i], rtol), "") << "output " << i;
  }
}

// Every equation, inner jaxprs included.
void expect_declared_types(const ir::Jaxpr& jaxpr);

void expect_declared_types(const ir::Parameter& parameter) {
  if (const auto* inner = std::get_if<ir::JaxprPointer>(&parameter.value)) {
    expect_declared_types(**inner);
  } else if (const auto* tuple = std::get_if<ir::Parameter::Tuple>(&parameter.value)) {
    for (const auto& item : tuple->items) expect_declared_types(item);
  } else if (const auto* call = std::get_if<ir::Parameter::Call>(&parameter.value)) {
    for (const auto& argument : call->arguments) expect_declared_types(argument.value);
  }
}

void expect_declared_types(const ir::Jaxpr& jaxpr) {
  for (const ir::Equation& equation : jaxpr.equations) {
    std::vector<Type> operands;
    std::vector<Type> declared;
    for (const ir::Atom& atom : equation.inputs) operands.push_back(jaxpr.type(atom));
    for (ir::Variable variable : equation.outputs) declared.push_back(jaxpr.type(variable));
    EXPECT_EQ(ir::infer_types(equation, operands, declared), declared) << ir::name(equation.primitive);
    for (const auto& entry : equation.parameters.entries) expect_declared_types(entry.value);
  }
}

TEST_P(Program, HasTheTypesThatJaxDeclares) {
  expect_declared_types(parse_file(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Jax, Program, ::testing::ValuesIn(programs()),
                         [](const auto& info) { return std::filesystem::path(info.param).stem().string(); });

}  // namespace
}  // namespace jaxc
