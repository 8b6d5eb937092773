// Which outputs are stored past the caches.
#include <gtest/gtest.h>

#include "compiler/lower/fuse.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/simplify.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"

namespace jaxc::compiler {
namespace {

struct Row {
  std::string name;
  std::string text;
  std::vector<bool> streamed;  ///< by output
};

class Streaming : public testing::TestWithParam<Row> {};

TEST_P(Streaming, MarksOutputs) {
  const ir::Program program = contract(fuse(lower(simplify(ir::parse(GetParam().text, "test")), {})));
  const ir::Plan plan = plan_cpu(program, {});
  std::vector<bool> streamed;
  for (const ir::Interface& output : program.outputs)
    streamed.push_back(plan.buffers[plan.placements[output.array].buffer].streamed);
  EXPECT_EQ(streamed, GetParam().streamed) << ir::print(program, plan);
}

std::string elementwise(const std::string& count) {
  return "{ lambda ; a:f32[" + count + "]. let b:f32[" + count + "] = mul a a in (b,) }";
}

/// Sums of 1024 rows, of which `length` are stacked.
std::string scan(const std::string& length) {
  const std::string rows = "f32[" + length + ",1024]";
  return "{ lambda ; a:f32[1024] b:" + rows + ". let c:f32[1024] d:" + rows +
         " = scan[_split_transpose=False jaxpr={ lambda ; e:f32[1024] f:f32[1024]. let g:f32[1024] = add e f in (g, g) "
         "} length=" +
         length + " linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] a b in (c, d) }";
}

const Row rows[] = {
    {"Large", elementwise("4194304"), {true}},
    {"Small", elementwise("4194303"), {false}},
    {"StacksOfLoops", scan("8192"), {false, true}},
    {"SmallStacksOfLoops", scan("8191"), {false, false}},
    {"NotCarries",
     "{ lambda ; a:f32[8388608]. let b:f32[8388608] = scan[_split_transpose=False jaxpr={ lambda ; c:f32[8388608]. let "
     "d:f32[8388608] = mul c c in (d,) } length=9 linear=(False,) num_carry=1 num_consts=0 reverse=False unroll=1] a "
     "in "
     "(b,) }",
     {false}},
};

INSTANTIATE_TEST_SUITE_P(Programs, Streaming, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc::compiler
