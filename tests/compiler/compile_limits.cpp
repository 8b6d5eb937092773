// Programs of extreme size or nesting either compile to a plan or are refused, soon.
#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "compiler/lower/simplify.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "ir/verify.h"
#include "jaxc/error.h"

namespace jaxc::compiler {
namespace {

Compilation plan(const std::string& text) {
  const ir::Jaxpr jaxpr = ir::parse(text, "test");
  ir::verify(jaxpr);
  return compile(jaxpr, {}, {}, [](const ir::Program& program) { return plan_cpu(program); });
}

/// `depth` equations, each within the last one's body.
std::string nested(const std::string& before, const std::string& after, int depth) {
  std::string inner = "{ lambda ; a:f32[]. let b:f32[] = sin a in (b,) }";
  for (int k = 0; k < depth; ++k)
    inner = "{ lambda ; a:f32[]. let b:f32[] = " + before + inner + after + " a in (b,) }";
  return inner;
}

constexpr int deep = 999;  // the most that parse

TEST(CompileLimits, DeepNestsOfLoopsAndCalls) {
  const std::string condition = "{ lambda ; a:f32[]. let c:bool[] = lt a 0.1:f32[] in (c,) }";
  EXPECT_NO_THROW(plan(nested("jit[name=f jaxpr=", "]", deep)));
  EXPECT_NO_THROW(plan(nested("scan[length=2 num_carry=1 num_consts=0 reverse=False jaxpr=", "]", deep)));
  EXPECT_NO_THROW(
      plan(nested("while[cond_nconsts=0 body_nconsts=0 cond_jaxpr=" + condition + " body_jaxpr=", "]", deep)));
}

TEST(CompileLimits, ProgramsThatDoubleAtEveryCall) {
  for (const std::string call :
       {"jit[name=f jaxpr=f", "scan[length=2 num_carry=1 num_consts=0 reverse=False jaxpr=f"}) {
    std::string text = "let f0 = { lambda ; a:f32[]. let b:f32[] = sin a in (b,) } in\n";
    for (int k = 1; k < 40; ++k) {
      const std::string callee = call + std::to_string(k - 1) + "]";
      text += "let f" + std::to_string(k) + " = { lambda ; a:f32[]. let b:f32[] = " + callee +
              " a; c:f32[] = " + callee + " b in (c,) } in\n";
    }
    EXPECT_THROW(plan(text + "{ lambda ; a:f32[]. let b:f32[] = jit[name=f jaxpr=f39] a in (b,) }"), Error);
  }
}

/// Seconds that simplify takes for a scan whose body computes `count` values of a constant, each but once.
double hoisting_seconds(int count) {
  std::string body = "{ lambda ; k:f32[8] a:f32[8]. let v0:f32[8] = add a k";
  for (int k = 0; k < count; ++k) {
    const std::string number = std::to_string(k);
    const std::string next = std::to_string(k + 1);
    body += "; h" + number + ":f32[8] = mul k " + number + ".5:f32[]";
    body += "; v" + next + ":f32[8] = add v" + number + " h" + number;
  }
  const ir::Jaxpr jaxpr = ir::parse(
      "{ lambda ; a:f32[8] k:f32[8]. let r:f32[8] = scan[length=100 num_carry=1 num_consts=1 reverse=False jaxpr=" +
          body + " in (v" + std::to_string(count) + ",) }] k a in (r,) }",
      "test");
  const auto start = std::chrono::steady_clock::now();
  const ir::Jaxpr simplified = simplify(jaxpr);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(simplified.equations.size(), static_cast<std::size_t>(count) + 1);
  return seconds.count();
}

/// 64 times the equations take about 64 times as long; 4096 times would be quadratic.
TEST(CompileLimits, HoistingTakesTimeInProportion) {
  double least = std::numeric_limits<double>::infinity();
  for (int attempt = 0; attempt < 5 && least >= 300; ++attempt)
    least = std::min(least, hoisting_seconds(32'000) / hoisting_seconds(500));
  EXPECT_LT(least, 300);
}

/// Each element of a join passes few bounds tests, however many operands there are.
TEST(CompileLimits, ManyOperandsAreJoinedByGroups) {
  std::string text = "{ lambda ; a:f32[2]. let b:f32[40000] = concatenate[dimension=0]";
  for (int k = 0; k < 20'000; ++k) text += " a";
  const Compilation compilation = plan(text + " in (b,) }");
  std::size_t largest = 0;
  std::size_t nests = 0;
  ir::visit_nodes(compilation.program.body, [&](const ir::Node& node) {
    largest = std::max(largest, std::get<ir::Nest>(node.kind).body.ops.size());
    ++nests;
  });
  EXPECT_LT(largest, 400u);
  EXPECT_LT(nests, 700u);
}

class Extreme : public testing::TestWithParam<const char*> {};

TEST_P(Extreme, CompilesOrIsRefused) {
  try {
    plan(GetParam());
  } catch (const Error&) {
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Extreme,
    testing::Values(
        "{ lambda ; a:f32[34359738368]. let b:f32[137438953472] = concatenate[dimension=0] a a a a in (b,) }",
        "{ lambda ; a:bool[1048576,1048576]. let b:bool[1048576,1048576] = dot_general[dimension_numbers=(([1], [0]), "
        "([], [])) precision=None preferred_element_type=None] a a in (b,) }",
        "{ lambda ; a:f32[]. let b:f32[] = scan[length=9223372036854775807 num_carry=1 num_consts=0 reverse=True "
        "jaxpr={ lambda ; a:f32[]. let b:f32[] = sin a in (b,) }] a in (b,) }",
        "{ lambda ; a:f32[3]. let b:f32[3] = pad[padding_config=((9223372036854775807, -9223372036854775807, 0),)] a "
        "0.0:f32[] in (b,) }",
        "{ lambda ; a:f32[3]. let b:f32[2199023255553] = pad[padding_config=((0, 0, 1099511627775),)] a 0.0:f32[] in "
        "(b,) }",
        "{ lambda ; a:f32[8]. let b:f32[1] = reduce_window_sum[base_dilation=(4611686018427387904,) "
        "padding=((0, 0),) window_dilation=(1,) window_dimensions=(1,) window_strides=(9223372036854775807,)] a in "
        "(b,) }",
        "{ lambda ; a:f32[8]. let b:f32[8] = integer_pow[y=-9223372036854775808] a in (b,) }",
        "{ lambda ; a:f32[8]. let b:f32[1] = slice[limit_indices=(8,) start_indices=(0,) "
        "strides=(9223372036854775807,)] a in (b,) }",
        "{ lambda ; . let b:i32[268435456,1024] = iota[dimension=0 dtype=int32 shape=(268435456, 1024)]; c:i32[1024] = "
        "reduce_sum[axes=(0,)] b in (c,) }"));

}  // namespace
}  // namespace jaxc::compiler
