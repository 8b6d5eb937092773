// Every conformance program parses, verifies, and prints to a text that parses back.
#include <gtest/gtest.h>

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
  for (const auto& entry : std::filesystem::directory_iterator(JAXC_TEST_DATA "/conformance")) {
    if (entry.path().extension() == ".jaxpr") paths.push_back(entry.path());
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

INSTANTIATE_TEST_SUITE_P(Programs, Conformance, testing::ValuesIn(programs()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace jaxc::ir
