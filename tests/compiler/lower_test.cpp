// Lowers every conformance program: each stage's result passes its verifier.
#include "compiler/lower/lower.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/lower/fuse.h"
#include "compiler/lower/simplify.h"
#include "ir/parser.h"
#include "ir/verify.h"
#include "jaxc/error.h"

namespace jaxc::compiler {
namespace {

std::vector<std::string> programs() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(JAXC_TEST_DATA "/conformance"))
    if (entry.path().extension() == ".jaxpr") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

ir::Jaxpr read(const std::string& program) {
  const std::string path = std::string(JAXC_TEST_DATA "/conformance/") + program + ".jaxpr";
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return ir::parse(text.str(), path);
}

ir::Program lower_text(std::string_view text) {
  const ir::Jaxpr jaxpr = ir::parse(text, "test");
  const ir::Program program = lower(simplify(jaxpr), {}, {});
  ir::verify(program);
  return program;
}

class Conformance : public testing::TestWithParam<std::string> {};

TEST_P(Conformance, LowersAndVerifies) {
  const ir::Jaxpr jaxpr = read(GetParam());
  ir::verify(jaxpr);
  const ir::Jaxpr simplified = simplify(jaxpr);
  ir::verify(simplified);
  EXPECT_EQ(simplified.input_types(), jaxpr.input_types());
  EXPECT_EQ(simplified.output_types(), jaxpr.output_types());
  std::vector<Array> constants;
  for (ir::Variable constant : jaxpr.constants) constants.emplace_back(jaxpr.type(constant));
  const ir::Program unsimplified = lower(jaxpr, constants);
  ir::verify(unsimplified);
  const ir::Program program = lower(simplified, constants);
  ir::verify(program);
  const ir::Program fused = fuse(program);
  ir::verify(fused);
  EXPECT_LE(fused.node_count, program.node_count);
}

INSTANTIATE_TEST_SUITE_P(All, Conformance, testing::ValuesIn(programs()),
                         [](const auto& program) { return program.param; });

std::size_t count_nodes(const ir::Program& program) {
  std::size_t count = 0;
  ir::visit_nodes(program.body, [&](const ir::Node&) { ++count; });
  return count;
}

TEST(Lower, OutputsAreArraysOfTheirOwn) {
  const ir::Program program = lower_text("{ lambda ; a:f32[3]. let  in (a, a, 1.0:f32[]) }");
  EXPECT_EQ(program.outputs.size(), 3U);
  EXPECT_EQ(count_nodes(program), 3U);
}

TEST(Lower, ComplexArraysHaveATrailingPair) {
  const ir::Program program = lower_text("{ lambda ; a:c64[3]. let b:c64[3] = mul a a in (b,) }");
  const ir::ProgramArray& output = program.arrays[program.outputs[0].array];
  EXPECT_EQ(output.dtype, DType::f32);
  EXPECT_EQ(output.shape, (Shape{3, 2}));
}

TEST(Lower, RefusesEightBitFloatsByName) {
  try {
    lower_text("{ lambda ; a:f8_e4m3fn[3]. let b:f8_e4m3fn[3] = neg a in (b,) }");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("f8_e4m3fn"), std::string::npos) << error.what();
  }
}

TEST(Simplify, InlinesCallsAndDropsWhatIsUnused) {
  const ir::Jaxpr jaxpr = simplify(ir::parse(R"({ lambda ; a:f32[3]. let
      b:f32[3] _:f32[3] = jit[name=f jaxpr={ lambda ; c:f32[3]. let d:f32[3] = sin c; e:f32[3] = cos c in (d, e) }] a
      f:f32[3] = sin a
      g:f32[3] = exp a
    in (b, f) })",
                                             "test"));
  ASSERT_EQ(jaxpr.equations.size(), 1U);
  EXPECT_EQ(jaxpr.equations[0].primitive, ir::Primitive::sin);
  EXPECT_EQ(jaxpr.outputs[0], jaxpr.outputs[1]);
}

}  // namespace
}  // namespace jaxc::compiler
