// Where loops in lanes stack their steps.
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

}  // namespace
}  // namespace jaxc::compiler
