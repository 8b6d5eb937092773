// Which products in loops begin their sums with what is added to them, and the order of a step's nodes.
#include <gtest/gtest.h>

#include "compiler/lower/fuse.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/simplify.h"
#include "ir/parser.h"
#include "ir/verify.h"

namespace jaxc::compiler {
namespace {

/// A scan over 4 x 4 matrices whose body is `equations` from constants k, carries c and e and a slice x to carries d
/// and f and an output y.
std::string scan(const std::string& equations, const std::string& type = "f32") {
  const auto matrix = [&](const std::string& shape) { return ":" + type + "[" + shape + "4,4] "; };
  const std::string one = matrix("");
  return "{ lambda ; k" + one + "a" + one + "b" + one + "xs" + matrix("9,") + ". let p" + one + "q" + one + "r" +
         matrix("9,") + "= scan[jaxpr={ lambda ; k" + one + "c" + one + "e" + one + "x" + one + ". let " + equations +
         " in (d, f, y) } length=9 num_carry=2 num_consts=1 reverse=False unroll=1 linear=(False, False, False, "
         "False)] k a b xs in (p, q, r) }";
}

const std::string dot =
    " = dot_general[dimension_numbers=(([1], [0]), ([], [])) precision=None "
    "preferred_element_type=float32] ";
const std::string unused = "; f:f32[4,4] = neg e; y:f32[4,4] = neg f";

struct Row {
  std::string name;
  std::string text;
  int accumulating;  ///< sums that begin with a value
};

ir::Program lowered(const std::string& text) {
  const ir::Jaxpr jaxpr = ir::parse(text, "test");
  ir::verify(jaxpr);
  return lower(simplify(jaxpr), {});
}

int accumulating_sums(const ir::Program& program) {
  int count = 0;
  ir::visit_nodes(program.body, [&](const ir::Node& node) {
    const auto* nest = std::get_if<ir::Nest>(&node.kind);
    count += nest != nullptr && nest->reduction && nest->body.results.size() == 3 ? 1 : 0;
  });
  return count;
}

class Accumulate : public testing::TestWithParam<Row> {};

TEST_P(Accumulate, BeginsSumsWithWhatIsThere) {
  const ir::Program program = accumulate(lowered(GetParam().text));
  ir::verify(program);
  EXPECT_EQ(accumulating_sums(program), GetParam().accumulating) << ir::print(program);
}

const Row rows[] = {
    {"AConstant", scan("g:f32[4,4]" + dot + "c x; d:f32[4,4] = add g k" + unused), 1},
    {"ASlice", scan("g:f32[4,4]" + dot + "c k; d:f32[4,4] = add x g" + unused), 1},
    {"ACarry", scan("g:f32[4,4]" + dot + "c k; d:f32[4,4] = sub e g" + unused), 1},
    {"ALiteral", scan("g:f32[4,4]" + dot + "c k; d:f32[4,4] = sub g 0.5:f32[]" + unused), 1},
    {"TheFirstOfTwoProducts", scan("g:f32[4,4]" + dot + "c k; h:f32[4,4]" + dot + "e k; d:f32[4,4] = add g h" + unused),
     0},
    {"NotALaterValue", scan("h:f32[4,4] = exp c; g:f32[4,4]" + dot + "c k; d:f32[4,4] = add g h" + unused), 0},
    {"NotASumThatIsReadTwice",
     scan("g:f32[4,4]" + dot +
          "c k; d:f32[4,4] = add g x; f:f32[4,4] = neg g; "
          "y:f32[4,4] = neg e"),
     0},
    {"NotAcrossAnUpdate",
     scan("g:f32[4,4]" + dot +
          "c k; r:f32[1,4] = slice[limit_indices=(1, 4) start_indices=(0, 0) strides=None] x; "
          "f:f32[4,4] = dynamic_update_slice c r 0:i32[] 0:i32[]; d:f32[4,4] = add g x; y:f32[4,4] = neg f"),
     0},
    {"NotTwiceTheSum", scan("g:f32[4,4]" + dot + "c k; d:f32[4,4] = add g g" + unused), 0},
    {"NotTransposed",
     scan("g:f32[4,4]" + dot + "c k; h:f32[4,4] = transpose[permutation=(1, 0)] g; d:f32[4,4] = add h x" + unused), 0},
    {"NotIntegers",
     scan("g:i32[4,4] = dot_general[dimension_numbers=(([1], [0]), ([], [])) precision=None "
          "preferred_element_type=int32] c x; d:i32[4,4] = add g k; f:i32[4,4] = neg e; y:i32[4,4] = neg f",
          "i32"),
     0},
    {"NotHalves",
     scan("g:f16[4,4] = dot_general[dimension_numbers=(([1], [0]), ([], [])) precision=None "
          "preferred_element_type=float16] c x; d:f16[4,4] = add g k; f:f16[4,4] = neg e; y:f16[4,4] = neg f",
          "f16"),
     0},
    {"NotOutsideLoops",
     "{ lambda ; a:f32[4,4] b:f32[4,4]. let g:f32[4,4]" + dot + "a b; d:f32[4,4] = add g b in (d,) }", 0},
};

INSTANTIATE_TEST_SUITE_P(Programs, Accumulate, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

/// The loop of a program's body.
const ir::Loop& only_loop(const ir::Program& program) {
  for (const ir::Node& node : program.body.nodes)
    if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) return *loop;
  throw std::logic_error("no loop");
}

/// The place of the node that makes a carry's next value, among the body's nodes.
std::size_t place(const ir::Loop& loop, std::size_t carry) {
  for (std::size_t k = 0; k < loop.body.nodes.size(); ++k)
    for (ir::ArrayId array : ir::arrays_assigned(loop.body.nodes[k]))
      if (array == loop.carries[carry].next) return k;
  return loop.body.nodes.size();
}

ir::Program contracted(const std::string& equations) {
  return contract(fuse(lowered(scan(equations))));
}

TEST(OrderSteps, LongChainsComeFirst) {
  const ir::Program written =
      contracted("d:f32[4,4]" + dot + "c c; g:f32[4,4]" + dot + "e e; f:f32[4,4]" + dot + "g e; y:f32[4,4] = neg d");
  const ir::Program ordered = order_steps(written);
  ir::verify(ordered);
  EXPECT_EQ(place(only_loop(written), 0), 0);
  EXPECT_EQ(place(only_loop(ordered), 0), 1) << ir::print(ordered);
  EXPECT_EQ(place(only_loop(ordered), 1), 2) << ir::print(ordered);
}

/// A long chain to an output alone comes behind what it reads, and old values are read before new ones are there.
TEST(OrderSteps, OldValuesAreReadFirst) {
  const std::string bodies[] = {
      "g:f32[4,4]" + dot + "e e; h:f32[4,4]" + dot + "c g; d:f32[4,4]" + dot + "c c; f:f32[4,4]" + dot +
          "h k; y:f32[4,4]" + dot + "h x",
      "h:f32[4,4]" + dot + "e e; y:f32[4,4]" + dot + "c h; d:f32[4,4]" + dot + "c k; f:f32[4,4]" + dot + "d h",
  };
  for (const std::string& body : bodies) {
    const ir::Program program = order_steps(contracted(body));
    ir::verify(program);
    const ir::Loop& loop = only_loop(program);
    for (std::size_t carry = 0; carry < 2; ++carry)
      for (std::size_t k = place(loop, carry) + 1; k < loop.body.nodes.size(); ++k)
        for (ir::ArrayId array : ir::arrays_read(loop.body.nodes[k]))
          EXPECT_NE(array, loop.carries[carry].argument) << ir::print(program);
  }
}

TEST(OrderSteps, LargeNestsStay) {
  const std::string text =
      "{ lambda ; a:f32[64,64] b:f32[64,64]. let p:f32[64,64] q:f32[64,64] = scan[jaxpr={ lambda ; c:f32[64,64] "
      "e:f32[64,64]. let d:f32[64,64]" +
      dot + "c c; g:f32[64,64]" + dot + "e e; f:f32[64,64]" + dot +
      "g e in (d, f) } length=9 num_carry=2 num_consts=0 reverse=False unroll=1 linear=(False, False)] a b in (p, q) }";
  EXPECT_EQ(place(only_loop(order_steps(contract(fuse(lowered(text))))), 0), 0);
}

}  // namespace
}  // namespace jaxc::compiler
