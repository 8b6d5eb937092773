// Which nests read transposed copies, and what sums over pairs of points take in.
#include <gtest/gtest.h>

#include "compiler/lower/fuse.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/pack.h"
#include "compiler/lower/simplify.h"
#include "ir/parser.h"
#include "ir/verify.h"

namespace jaxc::compiler {
namespace {

struct Row {
  std::string name;
  std::string text;
  std::size_t nests;   ///< after fusion
  std::size_t packed;  ///< transpositions among those after packing
};

class Pack : public testing::TestWithParam<Row> {};

TEST_P(Pack, TransposesWhatLanesReadAgain) {
  const ir::Jaxpr jaxpr = ir::parse(GetParam().text, "test");
  const ir::Program fused = contract(fuse(lower(simplify(jaxpr), {})));
  EXPECT_EQ(fused.body.nodes.size(), GetParam().nests) << ir::print(fused);
  const ir::Program program = pack(fused);
  ir::verify(program);
  EXPECT_EQ(program.body.nodes.size() - fused.body.nodes.size(), GetParam().packed) << ir::print(program);
}

/// Sums over pairs of points of `coordinates` coordinates: of their distances, divided by the distances' squares.
std::string pulls(const std::string& points, const std::string& coordinates) {
  const std::string all = points + "," + points;
  const std::string wide = "f32[" + all + "," + coordinates + "]";
  return "{ lambda ; a:f32[" + points + "," + coordinates + "]. let c:f32[1," + points + "," + coordinates +
         "] = broadcast_in_dim[broadcast_dimensions=(1, 2) shape=(1, " + points + ", " + coordinates + ")] a\nd:f32[" +
         points + ",1," + coordinates + "] = broadcast_in_dim[broadcast_dimensions=(0, 2) shape=(" + points + ", 1, " +
         coordinates + ")] a; e:" + wide + " = sub c d; f:" + wide + " = integer_pow[y=2] e; g:f32[" + all +
         "] = reduce_sum[axes=(2,)] f; i:f32[" + all + ",1] = broadcast_in_dim[broadcast_dimensions=(0, 1) shape=(" +
         points + ", " + points + ", 1)] g; k:" + wide + " = div e i; l:f32[" + points + "," + coordinates +
         "] = reduce_sum[axes=(1,)] k in (l,) }";
}

const Row rows[] = {
    {"PointsInSpace", pulls("512", "3"), 1, 1},
    {"NotFewPoints", pulls("16", "3"), 2, 0},
    {"NotManyCoordinates", pulls("512", "32"), 2, 0},
};

INSTANTIATE_TEST_SUITE_P(Programs, Pack, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc::compiler
