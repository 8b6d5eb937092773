// Large results are stored past the caches where their memory is aligned, and as ever where it is not.
#include <gtest/gtest.h>

#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

TEST(StreamedResults, AreTheSameAtEveryAlignment) {
  constexpr std::size_t rows = 1100003;
  const ir::Jaxpr jaxpr = ir::parse(
      "{ lambda ; a:f32[1100003,4] b:f32[4]. let c:f32[1100003,4] = add a 1.0:f32[]\n"
      "  d:f32[1100003,4] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(1100003, 4)] b\n"
      "  e:f32[1100003,4] = mul c d in (e,) }",
      "stream");
  const compiler::Compilation compiled = compiler::compile(
      jaxpr, {}, {}, [](const ir::Program& program) { return compiler::plan_cpu(program, {.vector_bits = 512}); });
  const CpuExecutable executable(compiled.program, compiled.plan);
  EXPECT_NE(llvm_ir(compiled.program, compiled.plan).find("!nontemporal"), std::string::npos);
  std::vector<float> a(rows * 4);
  for (std::size_t k = 0; k < a.size(); ++k) a[k] = static_cast<float>(k % 1000);
  const std::vector<float> b = {1, 2, 3, 4};
  std::vector<float> memory(rows * 4 + 64);
  for (const std::size_t shift : {0, 1, 4, 16}) {
    std::fill(memory.begin(), memory.end(), -1.0f);
    auto* start = memory.data();
    while (reinterpret_cast<std::uintptr_t>(start) % 64 != 0) ++start;
    float* result = start + shift;
    const std::vector<const void*> inputs = {a.data(), b.data()};
    const std::vector<void*> outputs = {result};
    executable.run(inputs, outputs);
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < a.size(); ++k) wrong += result[k] != (a[k] + 1) * b[k % 4] ? 1U : 0U;
    EXPECT_EQ(wrong, 0U) << "shifted by " << shift;
    EXPECT_EQ(result[a.size()], -1);
  }
}

}  // namespace
}  // namespace jaxc::cpu
