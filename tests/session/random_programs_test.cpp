// Random bits of programs that JAX printed, in both of its forms: every backend gives JAX's bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

std::vector<std::string> programs() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(JAXC_TEST_DATA "/random"))
    if (entry.path().extension() == ".jaxpr") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class RandomProgram : public testing::TestWithParam<std::tuple<std::string, Backend>> {};

TEST_P(RandomProgram, GivesTheBitsOfJax) {
  const std::string path = std::string(JAXC_TEST_DATA "/random/") + std::get<0>(GetParam());
  const Safetensors data = Safetensors::load(path + ".safetensors");
  const Program program = Program::load(path + ".jaxpr").with_data(data);
  const auto numbered = [&](const std::string& prefix, const std::vector<Type>& types) {
    std::vector<Array> arrays;
    for (std::size_t k = 0; k < types.size(); ++k)
      arrays.emplace_back(types[k], data.arrays.at(prefix + std::to_string(k)).bytes());
    return arrays;
  };
  const Executable executable = compile(program, {.backend = std::get<1>(GetParam())});
  const std::vector<Array> got = executable.run(numbered("in", program.inputs()));
  const std::vector<Array> want = numbered("out", program.outputs());
  for (std::size_t k = 0; k < want.size(); ++k)
    EXPECT_TRUE(std::ranges::equal(got[k].bytes(), want[k].bytes())) << "output " << k;
}

INSTANTIATE_TEST_SUITE_P(All, RandomProgram,
                         testing::Combine(testing::ValuesIn(programs()),
                                          testing::Values(Backend::evaluator, Backend::reference, Backend::cpu)),
                         [](const auto& parameters) {
                           return std::get<0>(parameters.param) + "_" +
                                  std::string(name(std::get<1>(parameters.param)));
                         });

}  // namespace
}  // namespace jaxc
