// What simplify and fuse leave of small programs: rows of text and the nodes that remain.
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
  std::size_t nodes;  ///< of the fused program, inner ones included
};

ir::Program fused(std::string_view text) {
  const ir::Jaxpr jaxpr = ir::parse(text, "test");
  ir::verify(jaxpr);
  const ir::Jaxpr simplified = simplify(jaxpr);
  ir::verify(simplified);
  const ir::Program program = contract(fuse(lower(simplified, {})));
  ir::verify(program);
  return program;
}

std::size_t node_count(const ir::Program& program) {
  std::size_t count = 0;
  ir::visit_nodes(program.body, [&](const ir::Node&) { ++count; });
  return count;
}

class Fuse : public testing::TestWithParam<Row> {};

TEST_P(Fuse, LeavesAsManyNodes) {
  const ir::Program program = fused(GetParam().text);
  EXPECT_EQ(node_count(program), GetParam().nodes) << ir::print(program);
  EXPECT_EQ(program.node_count, GetParam().nodes);
}

const Row rows[] = {
    {"ChainIsOneNest",
     "{ lambda ; a:f32[8]. let b:f32[8] = mul a 2.0:f32[]; c:f32[8] = sin b; d:f32[8] = add c a in (d,) }", 1},
    {"ViewsAreIndices",
     "{ lambda ; a:f32[4,6]. let b:f32[6,4] = transpose[permutation=(1, 0)] a; c:f32[6,4] = rev[dimensions=(0,)] b\n"
     "d:f32[3,4] = slice[start_indices=(0, 0) limit_indices=(6, 4) strides=(2, 1)] c; e:f32[3,4] = neg d in (e,) }",
     1},
    {"ProducerOfAReductionIsItsBody",
     "{ lambda ; a:f32[4,6]. let b:f32[4,6] = exp a; c:f32[4] = reduce_sum[axes=(1,)] b in (c,) }", 1},
    {"ExpensiveValueReadTwiceStays",
     "{ lambda ; a:f32[8]. let b:f32[8] = exp a; c:f32[8] = rev[dimensions=(0,)] b; d:f32[8] = mul b c in (d,) }", 2},
    {"ExpensiveOperandOfAProductStays",
     "{ lambda ; a:f32[4,4] b:f32[4,4]. let c:f32[4,4] = exp a\n"
     "d:f32[4,4] = dot_general[dimension_numbers=(([1], [0]), ([], []))] c b in (d,) }",
     2},
    {"ReductionStoresThroughAView",
     "{ lambda ; a:f32[4,6]. let b:f32[4] = reduce_max[axes=(1,)] a\n"
     "c:f32[4,1] = broadcast_in_dim[broadcast_dimensions=(0,)] b in (c,) }",
     1},
    {"ReductionStoresThroughAMerge",
     "{ lambda ; a:f32[4,6,2]. let b:f32[4,6] = reduce_max[axes=(2,)] a\n"
     "c:f32[24] = reshape[dimensions=None new_sizes=(24,)] b in (c,) }",
     1},
    {"UnchangedCarryIsAConstant",
     "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] d:f32[3] = scan[jaxpr={ lambda ; e:f32[3] f:f32[3]. let\n"
     "g:f32[3] = add e f in (e, g) } length=4 linear=(False, False) num_carry=2 num_consts=0 reverse=False unroll=1\n"
     "_split_transpose=False] a b in (d,) }",
     2},
    {"ConstantWorkLeavesTheLoop",
     "{ lambda ; a:f32[3] b:f32[3]. let d:f32[3] = scan[jaxpr={ lambda ; e:f32[3] f:f32[3]. let\n"
     "h:f32[3] = exp e; g:f32[3] = add h f in (g,) } length=4 num_carry=1 num_consts=1 reverse=False unroll=1]\n"
     "a b in (d,) }",
     3},
    {"UnusedCarryAndOutputGo",
     "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] d:f32[3] _:f32[4,3] = scan[jaxpr={ lambda ; e:f32[3] f:f32[3]. let\n"
     "g:f32[3] = add e e; h:f32[3] = mul f g; k:f32[3] = exp h in (g, h, k) } length=4 num_carry=2 num_consts=0\n"
     "reverse=False unroll=1] a b in (c,) }",
     2},
    {"SwappedCarriesAreCopied",
     "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] d:f32[3] = scan[jaxpr={ lambda ; e:f32[3] f:f32[3]. let  in (f, e) }\n"
     "length=4 num_carry=2 num_consts=0 reverse=False unroll=1] a b in (c, d) }",
     3},
    {"UpdateKeepsItsOldValueUnread",
     "{ lambda ; a:f32[8] i:i32[]. let b:f32[8] = mul a 2.0:f32[]; c:f32[1] = dynamic_slice[slice_sizes=(1,)] b i\n"
     "d:f32[1] = mul c 3.0:f32[]; e:f32[8] = dynamic_update_slice b d i in (e,) }",
     3},
    {"EmptyArraysHaveNests", "{ lambda ; a:f32[0,3]. let b:f32[3] = reduce_sum[axes=(0,)] a in (b,) }", 1},
};

INSTANTIATE_TEST_SUITE_P(Rows, Fuse, testing::ValuesIn(rows), [](const auto& row) { return row.param.name; });

TEST(Contract, SumsOfProductsAreMulAdd) {
  const ir::Program program = fused(
      "{ lambda ; a:f32[4,4] b:f32[4]. let c:f32[4] = dot_general[dimension_numbers=(([1], [0]), ([], []))] a b\n"
      "in (c,) }");
  const auto& nest = std::get<ir::Nest>(program.body.nodes.at(0).kind);
  EXPECT_EQ(nest.body.results.size(), 2U);
  const ir::Region& step = nest.reduction.value().step;
  EXPECT_EQ(step.ops[step.results[0]].opcode, ir::Opcode::mul_add);
}

TEST(Contract, IntegersStayApart) {
  const ir::Program program =
      fused("{ lambda ; a:i32[4] b:i32[4]. let c:i32[4] = mul a b; d:i32[4] = add c a in (d,) }");
  const auto& nest = std::get<ir::Nest>(program.body.nodes.at(0).kind);
  EXPECT_EQ(nest.body.ops[nest.body.results[0]].opcode, ir::Opcode::add);
}

}  // namespace
}  // namespace jaxc::compiler
