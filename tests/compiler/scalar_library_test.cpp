// Checks the scalar library as a whole: names, calls, types, and threefry's known answers.
#include "compiler/scalar/library.h"

#include <gtest/gtest.h>

#include "jaxc/error.h"
#include "scalar_interpreter.h"

namespace jaxc::test {
namespace {

using compiler::add_function;
using compiler::library_names;

void for_each_operation(const ir::Region& region, const std::function<void(const ir::ScalarOp&)>& visit) {
  for (const ir::ScalarOp& op : region.ops) {
    visit(op);
    for (const ir::Region& inner : op.regions) for_each_operation(inner, visit);
  }
}

TEST(ScalarLibrary, EveryFunctionVerifies) {
  ir::Program program;
  for (const std::string& name : library_names()) add_function(program, name);
  EXPECT_EQ(program.functions.size(), library_names().size());
  ir::verify(program);
}

TEST(ScalarLibrary, AddsAFunctionAndItsCalleesOnce) {
  ir::Program program;
  const auto number = add_function(program, "polygamma_f32");
  EXPECT_EQ(program.functions[number].name, "polygamma_f32");
  const std::size_t count = program.functions.size();
  EXPECT_GT(count, 2U);
  EXPECT_EQ(add_function(program, "polygamma_f32"), number);
  add_function(program, "zeta_f32");
  EXPECT_EQ(program.functions.size(), count);
  for (std::size_t k = 0; k < count; ++k)
    for_each_operation(program.functions[k].region, [&](const ir::ScalarOp& op) {
      if (op.opcode == ir::Opcode::call) EXPECT_LT(op.immediate, k);
    });
}

TEST(ScalarLibrary, UnknownNamesAreInternalErrors) {
  ir::Program program;
  EXPECT_THROW(add_function(program, "exp_f16"), InternalError);
}

TEST(ScalarLibrary, SinglePrecisionUsesNoDoubles) {
  for (const std::string& name : library_names()) {
    if (name.find("f64") != std::string::npos) continue;
    for_each_operation(compiler::library_function(name).region,
                       [&](const ir::ScalarOp& op) { EXPECT_NE(op.dtype, DType::f64) << name; });
  }
}

// The known answers of Random123, threefry2x32 with 20 rounds.
TEST(ScalarLibrary, ThreefryGivesItsKnownAnswers) {
  struct Answer {
    std::uint32_t key[2];
    std::uint32_t counter[2];
    std::uint32_t hash[2];
  };
  const Answer answers[] = {
      {{0, 0}, {0, 0}, {0x6b200159, 0x99ba4efe}},
      {{0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x1cb996fc, 0xbb002be7}},
      {{0x13198a2e, 0x03707344}, {0x243f6a88, 0x85a308d3}, {0xc4923a9c, 0x483df7a0}},
  };
  const ScalarInterpreter interpreter("threefry2x32", true);
  for (const Answer& answer : answers) {
    std::vector<Lanes> words(4, Lanes(DType::u32, 1));
    for (std::size_t k = 0; k < 4; ++k) words[k].as<std::uint32_t>()[0] = k < 2 ? answer.key[k] : answer.counter[k - 2];
    const Lanes hash = interpreter.run({&words[0], &words[1], &words[2], &words[3]}, 1);
    EXPECT_EQ(hash.as<std::uint64_t>()[0], answer.hash[0] | std::uint64_t{answer.hash[1]} << 32);
  }
}

}  // namespace
}  // namespace jaxc::test
