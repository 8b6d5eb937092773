// The times of steps: which steps are counted, how often, and that they fit into the runs.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

constexpr std::string_view nested =
    "{ lambda ; a:f32[5,4]. let\n"
    "  b:f32[] = scan[jaxpr={ lambda ; d:f32[] e:f32[4]. let\n"
    "      f:f32[] = scan[jaxpr={ lambda ; g:f32[] h:f32[]. let i:f32[] = mul g 0.5:f32[]; j:f32[] = add i h in (j,) "
    "}\n"
    "        length=4 linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] d e\n"
    "    in (f,) } length=5 linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] 0.0:f32[] a\n"
    "in (b,) }";

TEST(Profile, CountsLoops) {
  const Executable executable = compile(Program::parse(nested), {.profile = true});
  EXPECT_TRUE(executable.profile().empty());
  const std::vector<Array> inputs = {Array({DType::f32, {5, 4}})};
  const auto start = std::chrono::steady_clock::now();
  for (int run = 0; run < 3; ++run) executable.run(inputs);
  const double elapsed = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  std::vector<StepTime> loops;
  for (const StepTime& step : executable.profile())
    if (step.name == "scan") loops.push_back(step);
  ASSERT_FALSE(loops.empty());
  EXPECT_EQ(loops[0].calls, 3U);
  EXPECT_EQ(loops[0].depth, 0);
  EXPECT_EQ(loops[0].equation.substr(0, 9), "line 2:3:") << loops[0].equation;
  EXPECT_GT(loops[0].milliseconds, 0);
  EXPECT_LE(loops[0].milliseconds, elapsed);
  // The inner loop, unless it was unrolled.
  if (loops.size() > 1) {
    EXPECT_EQ(loops[1].calls, 15U);
    EXPECT_EQ(loops[1].depth, 1);
    EXPECT_LE(loops[1].milliseconds, loops[0].milliseconds);
  }
}

TEST(Profile, CountsRunsOnManyThreads) {
  const Executable executable = compile(Program::parse(nested), {.profile = true});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      const std::vector<Array> inputs = {Array({DType::f32, {5, 4}})};
      for (int run = 0; run < 100; ++run) executable.run(inputs);
    });
  for (std::thread& thread : threads) thread.join();
  for (const StepTime& step : executable.profile())
    if (step.name == "scan" && step.depth == 0) EXPECT_EQ(step.calls, 400U);
}

TEST(Profile, IsEmptyUnlessAskedFor) {
  const Executable executable = compile(Program::parse(nested));
  executable.run(std::vector{Array({DType::f32, {5, 4}})});
  EXPECT_TRUE(executable.profile().empty());
}

}  // namespace
}  // namespace jaxc
