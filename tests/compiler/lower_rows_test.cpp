// Which nests become a loop over rows, and what the loop takes in and gives out.
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
  std::size_t loops;   ///< over rows
  std::size_t inputs;  ///< slices that they take, together
  std::size_t outputs;
};

class GroupRows : public testing::TestWithParam<Row> {};

TEST_P(GroupRows, MakesLoops) {
  const ir::Jaxpr jaxpr = ir::parse(GetParam().text, "test");
  const ir::Program program = group_rows(contract(fuse(lower(simplify(jaxpr), {}))));
  ir::verify(program);
  std::size_t loops = 0;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  ir::visit_nodes(program.body, [&](const ir::Node& node) {
    const auto* loop = std::get_if<ir::Loop>(&node.kind);
    if (loop == nullptr) return;
    ++loops;
    inputs += loop->inputs.size();
    outputs += loop->outputs.size();
  });
  EXPECT_EQ(loops, GetParam().loops) << ir::print(program);
  EXPECT_EQ(inputs, GetParam().inputs);
  EXPECT_EQ(outputs, GetParam().outputs);
}

/// exp of an array of that shape over its sums along axis 1.
std::string shares(const std::string& rows, const std::string& columns) {
  const std::string type = "f32[" + rows + "," + columns + "]";
  return "{ lambda ; a:" + type + ". let b:" + type + " = exp a; c:f32[" + rows +
         "] = reduce_sum[axes=(1,)] b\nd:" + type + " = broadcast_in_dim[broadcast_dimensions=(0,) shape=(" + rows +
         ", " + columns + ") sharding=None] c; e:" + type + " = div b d in (e,) }";
}

const Row rows[] = {
    {"OfALargeArray", shares("512", "1024"), 1, 1, 1},
    {"NotOfASmallArray", shares("32", "1024"), 0, 0, 0},
    {"NotOfShortRows", shares("65536", "16"), 0, 0, 0},
    {"NotWhereTheRowsAreTooLong", shares("4", "1048576"), 0, 0, 0},
    {"NotWhereARowReadsAnother",
     "{ lambda ; a:f32[512,1024]. let b:f32[512,1024] = exp a; c:f32[512,1024] = rev[dimensions=(0,)] b\n"
     "d:f32[512,1024] = mul b c; e:f32[512,1024] = sin d in (e,) }",
     0, 0, 0},
    {"KeepsWhatLaterNodesRead",
     "{ lambda ; a:f32[512,1024]. let b:f32[512,1024] = exp a; c:f32[512] = reduce_sum[axes=(1,)] b\n"
     "d:f32[512,1] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(512, 1) sharding=None] c\n"
     "e:f32[512,1024] = div b d; f:f32[1024] = reduce_max[axes=(0,)] b in (e, f) }",
     1, 1, 2},
};

INSTANTIATE_TEST_SUITE_P(Programs, GroupRows, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc::compiler
