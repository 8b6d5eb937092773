// Sums of very many numbers stay accurate: their parts are short, and are summed by themselves.
#include <gtest/gtest.h>

#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

TEST(LongSums, AreAccurate) {
  const ir::Jaxpr jaxpr = ir::parse(
      "{ lambda ; . let a:i32[67108865] = iota[dimension=0 dtype=int32 shape=(67108865,)]\n"
      "  b:i32[67108865] = rem a 7:i32[]\n"
      "  c:f32[67108865] = convert_element_type[new_dtype=float32 weak_type=False] b\n"
      "  d:f32[67108865] = mul c 0.1:f32[]\n"
      "  e:f32[] = reduce_sum[axes=(0,)] d in (e,) }",
      "sum");
  const compiler::Compilation compiled =
      compiler::compile(jaxpr, {}, {}, [](const ir::Program& program) { return compiler::plan_cpu(program); });
  const std::vector<Array> results = testing::run(compiled.program, compiled.plan, {});
  constexpr std::int64_t count = 67108865;
  const double exact = 0.1 * static_cast<double>(count / 7 * 21 + (count % 7) * (count % 7 - 1) / 2);
  EXPECT_NEAR(results[0].values<float>()[0], exact, 3e-6 * exact);
}

}  // namespace
}  // namespace jaxc::cpu
