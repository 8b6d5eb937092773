// Loops that the CPU's planner runs in vector lanes, against the evaluator: tails, strides, inner loops, dtypes.
#include <gtest/gtest.h>

#include <random>

#include "backends/reference/reference.h"
#include "compiler/evaluate/evaluate.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

struct Row {
  std::string_view name;
  std::string_view text;  ///< B stands for the number of lanes
};

const Row rows[] = {
    {"reversed_with_a_counter", R"(
{ lambda ; a:f32[B] b:f32[5,B]. let
    c:f32[B] d:i32[] e:f32[5,B] = scan[
      jaxpr={ lambda ; a:f32[B] b:i32[] c:f32[B]. let
          d:f32[B] = sin a
          e:f32[B] = add d c
          f:i32[] = add b 1:i32[]
          g:f32[] = convert_element_type[new_dtype=float32 weak_type=False] f
          h:f32[B] = mul e g
        in (e, f, h) }
      length=5
      num_carry=2
      num_consts=0
      reverse=True
      unroll=1
    ] a 0:i32[] b
  in (c, d, e) })"},
    {"mixed_dtypes", R"(
{ lambda ; a:f64[B] b:i32[B] c:bool[B] d:f64[7,B]. let
    e:f64[B] f:i32[B] g:bool[B] h:i32[7,B] i:bool[7,B] = scan[
      jaxpr={ lambda ; a:f64[B] b:i32[B] c:bool[B] d:f64[B]. let
          e:f64[B] = sin a
          f:f64[B] = add e d
          g:f64[B] = cos f
          h:f64[B] = exp g
          i:bool[B] = lt f h
          j:i32[B] = convert_element_type[new_dtype=int32 weak_type=False] i
          k:i32[B] = add b j
          l:bool[B] = ne i c
          m:f64[B] = select_n l f h
        in (m, k, l, k, c) }
      length=7
      num_carry=3
      num_consts=0
      reverse=False
      unroll=1
    ] a b c d
  in (e, f, g, h, i) })"},
    {"matrices_in_rows", R"(
{ lambda ; a:f32[B,3,3] b:f32[B,3,3] c:f32[6,B,3]. let
    d:f32[B,3,3] e:f32[6,B,3,3] f:f32[6,B,3] = scan[
      jaxpr={ lambda ; a:f32[B,3,3] b:f32[B,3,3] c:f32[B,3]. let
          d:f32[B,3,3] = dot_general[dimension_numbers=(([2], [1]), ([0], [0])) precision=None preferred_element_type=float32] a b
          e:f32[B,3,3] = dot_general[dimension_numbers=(([2], [2]), ([0], [0])) precision=None preferred_element_type=float32] d a
          f:f32[B,3,3] = tanh e
          g:f32[B,3] = dot_general[dimension_numbers=(([2], [1]), ([0], [0])) precision=None preferred_element_type=float32] f c
        in (f, f, g) }
      length=6
      num_carry=1
      num_consts=1
      reverse=False
      unroll=1
    ] b a c
  in (d, e, f) })"},
    {"loop_in_loop", R"(
{ lambda ; a:f32[B] b:f32[30,B]. let
    c:f32[B] d:f32[30,B] = scan[
      jaxpr={ lambda ; a:f32[B] b:f32[B]. let
          c:i32[] d:f32[B] = scan[
            jaxpr={ lambda ; a:i32[] b:f32[B]. let
                c:i32[] = add a 1:i32[]
                d:f32[B] = sin b
              in (c, d) }
            length=20
            num_carry=2
            num_consts=0
            reverse=False
            unroll=1
          ] 0:i32[] a
          e:f32[B] = add d b
          f:f32[B] = exp e
        in (e, f) }
      length=30
      num_carry=1
      num_consts=0
      reverse=False
      unroll=1
    ] a b
  in (c, d) })"},
    {"while_with_a_counter", R"(
{ lambda ; a:f32[B,2]. let
    b:i32[] c:f32[B,2] = while[
      body_jaxpr={ lambda ; a:i32[] b:f32[B,2]. let
          c:i32[] = add a 1:i32[]
          d:f32[B,2] = sin b
          e:f32[B,2] = rev[dimensions=(1,)] d
        in (c, e) }
      body_nconsts=0
      cond_jaxpr={ lambda ; a:i32[] b:f32[B,2]. let c:bool[] = lt a 9:i32[] in (c,) }
      cond_nconsts=0
    ] 0:i32[] a
  in (b, c) })"},
};

class Lanes : public ::testing::TestWithParam<Row> {};

Array random_array(const Type& type, std::mt19937& random) {
  Array array(type);
  std::normal_distribution<double> normal;
  const std::span<std::byte> bytes = array.mutable_bytes();
  for (std::int64_t k = 0; k < element_count(type.shape); ++k) {
    if (type.dtype == DType::f32)
      reinterpret_cast<float*>(bytes.data())[k] = static_cast<float>(normal(random)) * 0.5f;
    else if (type.dtype == DType::f64)
      reinterpret_cast<double*>(bytes.data())[k] = normal(random);
    else if (type.dtype == DType::i32)
      reinterpret_cast<std::int32_t*>(bytes.data())[k] = static_cast<std::int32_t>(random() % 100);
    else
      bytes[static_cast<std::size_t>(k)] = static_cast<std::byte>(random() % 2);
  }
  return array;
}

TEST_P(Lanes, AgreeWithTheEvaluatorForEveryTail) {
  std::mt19937 random(3);
  for (const std::int64_t lanes : {16, 17, 31, 64, 69}) {
    std::string text(GetParam().text);
    for (std::size_t at = text.find('B'); at != std::string::npos; at = text.find('B'))
      text.replace(at, 1, std::to_string(lanes));
    const ir::Jaxpr jaxpr = ir::parse(text, std::string(GetParam().name));
    for (const std::int64_t vector_bits : {128, 512}) {
      const auto plan = [&](const ir::Program& program) {
        return compiler::plan_cpu(program, {.vector_bits = vector_bits});
      };
      const compiler::Compilation compiled = compiler::compile(jaxpr, {}, {}, plan);
      const bool in_lanes = std::any_of(compiled.plan.loops.begin(), compiled.plan.loops.end(),
                                        [](const auto& loop) { return !loop.second.lane_extents.empty(); });
      ASSERT_TRUE(in_lanes) << print(compiled.program, compiled.plan);
      std::vector<Array> inputs;
      for (const ir::Interface& input : compiled.program.inputs) inputs.push_back(random_array(input.type, random));
      const std::vector<Array> want = compiler::evaluate(jaxpr, {}, inputs);
      const std::vector<Array> got = testing::run(compiled.program, compiled.plan, inputs);
      const std::vector<Array> checked = reference::Executable(compiled.program, compiled.plan).run(inputs);
      for (std::size_t k = 0; k < want.size(); ++k) {
        EXPECT_EQ(testing::disagreement(got[k], want[k], 2e-5), "") << lanes << " lanes, output " << k;
        EXPECT_EQ(testing::disagreement(checked[k], want[k], 2e-5), "") << lanes << " lanes interpreted, output " << k;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, Lanes, ::testing::ValuesIn(rows),
                         [](const auto& row) { return std::string(row.param.name); });

// What memory bounds, and what is too narrow to fill a vector, runs all elements step by step.
TEST(LanesThatDoNotPay, AreNotChosen) {
  const auto chosen = [](std::string_view text) {
    const compiler::Compilation compiled =
        compiler::compile(ir::parse(std::string(text), "test"), {}, {},
                          [](const ir::Program& program) { return compiler::plan_cpu(program, {.vector_bits = 512}); });
    return std::any_of(compiled.plan.loops.begin(), compiled.plan.loops.end(),
                       [](const auto& loop) { return !loop.second.lane_extents.empty(); });
  };
  EXPECT_FALSE(chosen(R"({ lambda ; a:f32[64] b:f32[5,64]. let
    c:f32[64] d:f32[5,64] = scan[jaxpr={ lambda ; a:f32[64] b:f32[64]. let c:f32[64] = add a b in (c, c) }
      length=5 num_carry=1 num_consts=0 reverse=False unroll=1] a b in (c, d) })"));
  EXPECT_FALSE(chosen(R"({ lambda ; a:f32[3] b:f32[5,3]. let
    c:f32[3] d:f32[5,3] = scan[jaxpr={ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = sin a d:f32[3] = add c b in (d, d) }
      length=5 num_carry=1 num_consts=0 reverse=False unroll=1] a b in (c, d) })"));
}

}  // namespace
}  // namespace jaxc::cpu
