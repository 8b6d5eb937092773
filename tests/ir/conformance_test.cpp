// Every conformance program, and programs that older versions of JAX printed, parses, verifies, and prints to a text
// that parses back.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verify.h"

namespace jaxc::ir {
namespace {

std::vector<std::filesystem::path> programs() {
  std::vector<std::filesystem::path> paths;
  for (const char* folder : {"conformance", "versions"}) {
    const std::filesystem::path data = JAXC_TEST_DATA;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data / folder)) {
      if (entry.path().extension() == ".jaxpr") paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Conformance : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Conformance, PrintsToATextThatParsesBack) {
  const Jaxpr jaxpr = parse(read(GetParam()), GetParam().filename().string());
  const std::string printed = print(jaxpr);
  const Jaxpr again = parse(printed, "printed");
  EXPECT_TRUE(structurally_equal(jaxpr, again)) << printed;
  EXPECT_EQ(print(again), printed);
}

TEST_P(Conformance, Verifies) {
  const Jaxpr jaxpr = parse(read(GetParam()), GetParam().filename().string());
  EXPECT_NO_THROW(require_runnable(jaxpr));
  EXPECT_NO_THROW(verify(jaxpr));
}

/// "0_4_30_relu": the file's path below the data folder, in letters that a test's name may have.
std::string test_name(const testing::TestParamInfo<std::filesystem::path>& info) {
  std::string name = info.param.parent_path().filename().string() + "_" + info.param.stem().string();
  std::replace_if(name.begin(), name.end(), [](char character) { return std::isalnum(character) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Programs, Conformance, testing::ValuesIn(programs()), test_name);

}  // namespace
}  // namespace jaxc::ir
