// Code grows with the program: what is emitted, and the length of one function, counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "backends/llvm/llvm.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"

namespace jaxc::cpu {
namespace {

struct CodeSize {
  std::int64_t lines = 0;
  std::int64_t longest_function = 0;
};

CodeSize code_size(const std::string& text) {
  const compiler::Compilation compiled =
      compiler::compile(ir::parse(text, "growth"), {}, {},
                        [](const ir::Program& program) { return compiler::plan_cpu(program, {.vector_bits = 512}); });
  const std::string code = llvm_ir(compiled.program, compiled.plan);
  CodeSize size;
  std::int64_t begin = 0;
  for (std::size_t at = 0; at < code.size(); at = code.find('\n', at) + 1, ++size.lines) {
    if (code.compare(at, 7, "define ") == 0) begin = size.lines;
    if (code.compare(at, 2, "}\n") == 0) size.longest_function = std::max(size.longest_function, size.lines - begin);
  }
  return size;
}

/// `count` equations in a row: number k makes v<k + 1> from v<k>.
std::string chain(int count, const std::string& before, const std::string& after) {
  std::string text = "{ lambda ; v0:f32[8]. let";
  for (int k = 0; k < count; ++k)
    text += "\n v" + std::to_string(k + 1) + ":f32[8] = " + before + std::to_string(k + 2) + after + " v" +
            std::to_string(k);
  return text + " in (v" + std::to_string(count) + ",) }";
}

std::string scans(int count) {
  return chain(count, "scan[length=",
               " num_carry=1 num_consts=0 reverse=False jaxpr={ lambda ; a:f32[8]. let "
               "b:f32[8] = sin a in (b,) }]");
}

std::string whiles(int count) {
  return chain(count, "while[body_jaxpr={ lambda ; a:f32[8]. let b:f32[8] = mul a ",
               ".0:f32[] in (b,) } body_nconsts=0 cond_jaxpr={ lambda ; a:f32[8]. let b:f32[] = reduce_sum[axes=(0,)] "
               "a; c:bool[] = lt b 100.0:f32[] in (c,) } cond_nconsts=0]");
}

std::string inputs_and_outputs(int count) {
  std::string inputs;
  std::string equations;
  std::string outputs;
  for (int k = 0; k < count; ++k) {
    const std::string number = std::to_string(k);
    inputs += " a" + number + ":f32[8]";
    equations += "\n b" + number + ":f32[8] = neg a" + number;
    outputs += "b" + number + ", ";
  }
  return "{ lambda ;" + inputs + ". let" + equations + " in (" + outputs + ") }";
}

class Growth : public testing::TestWithParam<std::function<std::string(int)>> {};

TEST_P(Growth, CodeIsLinearAndFunctionsAreBounded) {
  const CodeSize small = code_size(GetParam()(300));
  const CodeSize large = code_size(GetParam()(1200));
  EXPECT_LT(large.lines, 5 * small.lines);
  EXPECT_LT(large.longest_function, small.longest_function + 300) << "calls of functions are one each";
}

INSTANTIATE_TEST_SUITE_P(All, Growth, testing::Values(scans, whiles, inputs_and_outputs));

}  // namespace
}  // namespace jaxc::cpu
