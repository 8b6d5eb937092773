// Which nests run over one line, and which copies the nest that makes a value stores itself.
#include <gtest/gtest.h>

#include "compiler/lower/flatten.h"
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
  std::size_t axes;    ///< of the first nest
  std::size_t stores;  ///< that it makes
};

class Flatten : public testing::TestWithParam<Row> {};

TEST_P(Flatten, ArrangesTheFirstNest) {
  const ir::Jaxpr jaxpr = ir::parse(GetParam().text, "test");
  const ir::Program program = flatten(contract(fuse(lower(simplify(jaxpr), {}))));
  ir::verify(program);
  const ir::Nest* first = nullptr;
  ir::visit_nodes(program.body, [&](const ir::Node& node) {
    if (first == nullptr) first = std::get_if<ir::Nest>(&node.kind);
  });
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->axes.size(), GetParam().axes) << ir::print(program);
  EXPECT_EQ(first->outputs.size(), GetParam().stores) << ir::print(program);
}

std::string sum(const std::string& shape, const std::string& equation) {
  const std::string type = "f32[" + shape + "]";
  return "{ lambda ; a:" + type + " b:" + type + ". let c:" + type + " = " + equation + " in (c,) }";
}

std::string stacked_carry(const std::string& width) {
  const std::string row = "f32[" + width + "]";
  const std::string rows = "f32[5," + width + "]";
  return "{ lambda ; a:" + row + " b:" + rows + ". let p:" + row + " q:" + rows + " = scan[jaxpr={ lambda ; c:" + row +
         " x:" + row + ". let d:" + row + " = sin c; e:" + row +
         " = add d x in (e, e) } length=5 num_carry=1 num_consts=0 reverse=False unroll=1 linear=(False, False)] a b "
         "in (p, q) }";
}

const Row rows[] = {
    {"PointsInSpace", sum("512,3", "add a b"), 1, 1},
    {"NotFewPoints", sum("16,3", "add a b"), 2, 1},
    {"NotLongRows", sum("16,128", "add a b"), 2, 1},
    {"NotTransposedRows", sum("32,32,3", "rev[dimensions=(0,)] a"), 3, 1},
    {"ACarryThatIsStacked", stacked_carry("2048"), 1, 2},
    {"NotASmallCarryThatIsStacked", stacked_carry("16"), 1, 1},
};

INSTANTIATE_TEST_SUITE_P(Programs, Flatten, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc::compiler
