// Which nodes of a loop's body move behind the loop, and what the loop then stacks for them.
#include <gtest/gtest.h>

#include "compiler/lower/fuse.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/postpone.h"
#include "compiler/lower/simplify.h"
#include "ir/parser.h"
#include "ir/verify.h"

namespace jaxc::compiler {
namespace {

struct Row {
  std::string name;
  std::string text;
  std::size_t behind;   ///< nodes after the loop
  std::size_t stacked;  ///< outputs of the loop
};

class Postpone : public testing::TestWithParam<Row> {};

TEST_P(Postpone, MovesWhatNoCarryNeeds) {
  const ir::Jaxpr jaxpr = ir::parse(GetParam().text, "test");
  const ir::Program program = postpone(contract(fuse(lower(simplify(jaxpr), {}))));
  ir::verify(program);
  const auto is_loop = [](const ir::Node& node) { return std::holds_alternative<ir::Loop>(node.kind); };
  const auto loop = std::find_if(program.body.nodes.begin(), program.body.nodes.end(), is_loop);
  ASSERT_NE(loop, program.body.nodes.end());
  EXPECT_EQ(program.body.nodes.end() - loop - 1, GetParam().behind) << ir::print(program);
  EXPECT_EQ(std::get<ir::Loop>(loop->kind).outputs.size(), GetParam().stacked) << ir::print(program);
}

/// A scan over numbers whose body is `equations` from a carry c and a slice x to a carry d and an output y.
std::string scan(const std::string& steps, const std::string& equations) {
  return "{ lambda ; a:f32[] b:f32[" + steps + "]. let p:f32[] q:f32[" + steps +
         "] = scan[jaxpr={ lambda ; c:f32[] x:f32[]. let " + equations + " in (d, y) } length=" + steps +
         " num_carry=1 num_consts=0 reverse=False unroll=1 linear=(False, False)] a b in (p, q) }";
}

/// A scan over 3 x 3 matrices.
std::string scan_matrices(const std::string& equations) {
  return "{ lambda ; a:f32[3,3] b:f32[300,3,3]. let p:f32[3,3] q:f32[300,3,3] = scan[jaxpr={ lambda ; c:f32[3,3] "
         "x:f32[3,3]. let " +
         equations +
         " in (d, y) } length=300 num_carry=1 num_consts=0 reverse=False unroll=1 linear=(False, False)] a b in (p, q) "
         "}";
}

/// A scan over 3 x 3 matrices whose factors each make a matrix of 3 x 500.
std::string scan_products(const std::string& steps) {
  return "{ lambda ; a:f32[3] b:f32[" + steps + ",3,3] k:f32[3,500]. let p:f32[3] q:f32[" + steps +
         "] = scan[jaxpr={ lambda ; w:f32[3,500] c:f32[3] x:f32[3,3]. let d:f32[3] = sin c; e:f32[3,3] = cholesky x; "
         "f:f32[3,500] = dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] e w; "
         "g:f32[3,500] = cumsum[axis=1 reverse=False] f; y:f32[] = reduce_max[axes=(0, 1)] g in (d, y) } length=" +
         steps + " num_carry=1 num_consts=1 reverse=False unroll=1 linear=(False, False, False)] k a b in (p, q) }";
}

const Row rows[] = {
    {"TheLogarithmOfACarry", scan("300", "d:f32[] = mul c x; y:f32[] = log d"), 1, 1},
    {"WhatReadsTheLogarithm", scan("300", "d:f32[] = mul c x; e:f32[] = log d; y:f32[] = mul e x"), 1, 1},
    {"NotInAShortLoop", scan("30", "d:f32[] = mul c x; y:f32[] = log d"), 0, 1},
    {"NotWhatTheCarryNeeds", scan("300", "d:f32[] = log c; y:f32[] = mul d x"), 0, 1},
    {"NotCheapArithmetic", scan("300", "d:f32[] = mul c x; y:f32[] = add d x"), 0, 1},
    {"AFactorization",
     scan_matrices("d:f32[3,3] = dot_general[dimension_numbers=(([1], [0]), ([], [])) "
                   "precision=None preferred_element_type=float32] c x; y:f32[3,3] = cholesky d"),
     1, 1},
    {"WhatMakesAFewLargerMatrices", scan_products("256"), 5, 0},
    {"NotWhatMakesManyLargerMatrices", scan_products("170000"), 0, 1},
    {"NotWhatMakesMoreThanCanBeCounted", scan_products("30000000000"), 0, 1},
    {"NotAFactorizationOfTheCarry", scan_matrices("d:f32[3,3] = cholesky c; y:f32[3,3] = add d x"), 0, 1},
};

INSTANTIATE_TEST_SUITE_P(Programs, Postpone, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc::compiler
