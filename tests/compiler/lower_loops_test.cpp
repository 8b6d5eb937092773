// Where loops in lanes stack their steps, and which loops are cut in two.
#include "compiler/lower/loops.h"

#include <gtest/gtest.h>

#include "compiler/lower/fuse.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/simplify.h"
#include "ir/parser.h"
#include "ir/verify.h"

namespace jaxc::compiler {
namespace {

struct Row {
  std::string name;
  std::string text;
  std::vector<int> axes;  ///< that the loop stacks along, by output
  std::size_t nodes;      ///< outside the loop
};

class SinkTransposes : public testing::TestWithParam<Row> {};

TEST_P(SinkTransposes, ChoosesAxes) {
  const ir::Jaxpr jaxpr = ir::parse(GetParam().text, "test");
  const ir::Program program = sink_transposes(contract(fuse(lower(simplify(jaxpr), {}))));
  ir::verify(program);
  std::vector<int> axes;
  for (const ir::Node& node : program.body.nodes)
    if (const auto* loop = std::get_if<ir::Loop>(&node.kind))
      for (const ir::StackedOutput& output : loop->outputs) axes.push_back(output.axis);
  EXPECT_EQ(axes, GetParam().axes) << ir::print(program);
  EXPECT_EQ(program.body.nodes.size() - 1, GetParam().nodes) << ir::print(program);
}

/// A scan of 20 steps over vectors of 64 rows, whose stacked states f32[20,64,n] `after` turns into results.
std::string scan(const std::string& n, const std::string& step, const std::string& after) {
  const std::string state = "f32[64," + n + "]";
  const std::string steps = "f32[20,64," + n + "]";
  return "{ lambda ; a:" + state + " b:" + steps + ". let c:" + state + " d:" + steps +
         " = scan[_split_transpose=False jaxpr={ lambda ; e:" + state + " f:" + state + ". let " + step +
         " in (h, h) } length=20 linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] a b\n" + after +
         " }";
}

std::string apart(const std::string& n) {
  const std::string state = "f32[64," + n + "]";
  return "g:" + state + " = sin e; h:" + state + " = add g f";
}

const Row rows[] = {
    {"Batch", scan("4", apart("4"), "g:f32[64,20,4] = transpose[permutation=(1, 0, 2)] d in (c, g)"), {1}, 0},
    {"NotWhereStepsAreSingleElements",
     scan("4", apart("4"), "g:f32[64,4,20] = transpose[permutation=(1, 2, 0)] d in (c, g)"),
     {0},
     1},
    {"NotWhereAStepIsTransposedToo",
     scan("4", apart("4"), "g:f32[4,20,64] = transpose[permutation=(2, 0, 1)] d in (c, g)"),
     {0},
     1},
    {"NotOfAResultThatIsWantedAsItIs",
     scan("4", apart("4"), "g:f32[64,20,4] = transpose[permutation=(1, 0, 2)] d in (c, d, g)"),
     {0},
     1},
    {"NotWhereElementsInteract",
     scan("4", "g:f32[64,4] = rev[dimensions=(0,)] e; i:f32[64,4] = rev[dimensions=(1,)] g; h:f32[64,4] = add i f",
          "g:f32[64,20,4] = transpose[permutation=(1, 0, 2)] d in (c, g)"),
     {0},
     1},
};

INSTANTIATE_TEST_SUITE_P(Programs, SinkTransposes, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

struct Cut {
  std::string name;
  std::string text;
  std::vector<std::size_t> carries;  ///< of each loop
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
};

class SplitLoops : public testing::TestWithParam<Cut> {};

TEST_P(SplitLoops, MakesLoops) {
  const ir::Jaxpr jaxpr = ir::parse(GetParam().text, "test");
  const ir::Program program = split_loops(contract(fuse(lower(simplify(jaxpr), {}))));
  ir::verify(program);
  std::vector<std::size_t> carries;
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
  for (const ir::Node& node : program.body.nodes)
    if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      carries.push_back(loop->carries.size());
      inputs.push_back(loop->inputs.size());
      outputs.push_back(loop->outputs.size());
    }
  EXPECT_EQ(carries, GetParam().carries) << ir::print(program);
  EXPECT_EQ(inputs, GetParam().inputs) << ir::print(program);
  EXPECT_EQ(outputs, GetParam().outputs) << ir::print(program);
}

/// A scan over a batch's vectors e and a matrix f that all of them share, with slices g and h of their own.
std::string shared(const std::string& batch, const std::string& step, const std::string& steps = "20") {
  const std::string states = "f32[" + batch + ",4]";
  const std::string slices = "f32[" + steps + "," + batch + ",4]";
  return "{ lambda ; a:" + states + " b:f32[4,4] c:" + slices + " d:f32[" + steps + ",4]. let p:" + states +
         " q:f32[4,4] r:" + slices + " s:f32[" + steps +
         ",4,4] = scan[_split_transpose=False jaxpr={ lambda ; e:" + states + " f:f32[4,4] g:" + states +
         " h:f32[4]. let " + step + " in (y, x, y, x) } length=" + steps +
         " linear=(False, False, False, False) num_carry=2 num_consts=0 reverse=True "
         "unroll=1] a b c d in (p, q, r, s) }";
}

const std::string product = "dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] ";

std::string matrix_first(const std::string& batch) {
  const std::string states = "f32[" + batch + ",4]";
  return "w:f32[4,4] = " + product + "f f; v:f32[4,4] = sin w; u:f32[4,4] = add f v; t:f32[4,4] = " + product +
         "u v; z:f32[4,4] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(4, 4) sharding=None] h; "
         "i:f32[4,4] = add t z; x:f32[4,4] = add i v; y0:" +
         states + " = " + product + "e f; y:" + states + " = add y0 g";
}

/// A scan without results of its own, where the matrix of each step is handed on.
std::string without_results(const std::string& steps) {
  return "{ lambda ; a:f32[64,15] b:f32[15,15] c:f32[" + steps +
         ",15]. let p:f32[64,15] q:f32[15,15] = scan[_split_transpose=False jaxpr={ lambda ; e:f32[64,15] f:f32[15,15] "
         "h:f32[15]. let x:f32[15,15] = " +
         product + "f f; y0:f32[64,15] = " + product +
         "e f; z:f32[64,15] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(64, 15) sharding=None] h; "
         "y:f32[64,15] = add y0 z in (y, x) } length=" +
         steps + " linear=(False, False, False) num_carry=2 num_consts=0 reverse=False unroll=1] a b c in (p, q) }";
}

const Cut cuts[] = {
    // The matrix before a step is handed on.
    {"ASharedMatrix", shared("64", matrix_first("64")), {1, 1}, {1, 2}, {2, 1}},
    {"ALongBatchThatStacksMore", shared("64", matrix_first("64"), "1000000"), {1, 1}, {1, 2}, {2, 1}},
    {"AShortLoopWithoutResults", without_results("1000"), {1, 1}, {0, 2}, {1, 0}},
    {"NotALongLoopWithoutResults", without_results("100000"), {2}, {1}, {0}},
    {"NotForAFew", shared("8", matrix_first("8")), {2}, {2}, {2}},
    {"NotWhereTheMatrixNeedsTheBatch",
     shared("64",
            "w:f32[4] = reduce_sum[axes=(0,)] e; v:f32[4,4] = broadcast_in_dim[broadcast_dimensions=(1,) "
            "shape=(4, 4) sharding=None] w; x:f32[4,4] = add v f; y0:f32[64,4] = " +
                product + "e f; y:f32[64,4] = add y0 g"),
     {2},
     {1},
     {2}},
};

INSTANTIATE_TEST_SUITE_P(Programs, SplitLoops, testing::ValuesIn(cuts),
                         [](const testing::TestParamInfo<Cut>& cut) { return cut.param.name; });

}  // namespace
}  // namespace jaxc::compiler
