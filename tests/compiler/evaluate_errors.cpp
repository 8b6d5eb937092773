// What the naive evaluator says of programs that it cannot run.
#include <gtest/gtest.h>

#include "compiler/evaluate/evaluate.h"
#include "ir/parser.h"
#include "jaxc/error.h"

namespace jaxc {
namespace {

std::string complaint(const std::string& text, const std::vector<Array>& inputs) {
  try {
    compiler::evaluate(ir::parse(text, "test"), {}, inputs);
  } catch (const Error& error) {
    return error.what();
  }
  return "no complaint";
}

TEST(Evaluate, SaysWhichInputsItWants) {
  const Array scalar = Array::of<float>({}, {1.0f});
  EXPECT_EQ(complaint("{ lambda ; a:f32[3]. let  in (a,) }", {}), "evaluate: the program takes 1 input, got 0");
  EXPECT_EQ(complaint("{ lambda ; a:f32[3]. let  in (a,) }", {scalar}), "evaluate: input 0 must be f32[3], got f32[]");
}

TEST(Evaluate, NamesWhatIsNotInTheText) {
  const Array scalar = Array::of<float>({}, {1.0f});
  EXPECT_EQ(complaint("{ lambda ; a:f32[]. let b:f32[2] = add a [...]:f32[2] in (b,) }", {scalar}),
            "evaluate: the values of an array literal of type f32[2] are not in the text; export it as a constant");
  EXPECT_EQ(
      complaint(
          "{ lambda ; a:f32[]. let b:f32[] = jit[name=f jaxpr={ lambda c:f32[]; d:f32[]. let e:f32[] = add c d in "
          "(e,) }] a in (b,) }",
          {scalar}),
      "jit: its jaxpr has 1 constant without values; export them as operands");
}

}  // namespace
}  // namespace jaxc
