// Large results are stored past the caches where their memory is aligned, and as ever where it is not.
#include <gtest/gtest.h>

#include <complex>

#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "tests/llvm/run.h"

namespace jaxc::cpu {
namespace {

compiler::Compilation compile_for_long_vectors(const ir::Jaxpr& jaxpr) {
  return compiler::compile(
      jaxpr, {}, {}, [](const ir::Program& program) { return compiler::plan_cpu(program, {.vector_bits = 512}); });
}

TEST(StreamedResults, AreTheSameAtEveryAlignment) {
  constexpr std::size_t rows = 1100003;
  const ir::Jaxpr jaxpr = ir::parse(
      "{ lambda ; a:f32[1100003,4] b:f32[4]. let c:f32[1100003,4] = add a 1.0:f32[]\n"
      "  d:f32[1100003,4] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(1100003, 4)] b\n"
      "  e:f32[1100003,4] = mul c d in (e,) }",
      "stream");
  const compiler::Compilation compiled = compile_for_long_vectors(jaxpr);
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

// Rows of vectors whose lanes lie apart are transposed and stored where the program stores a neighbour already.
TEST(StreamedResults, MayBeTransposed) {
  const ir::Jaxpr jaxpr = ir::parse(
      "{ lambda ; a:c128[9,113,2,9] b:c128[9,17,16,2,9]. let\n"
      "  c:c128[9,9,17,16,113] = dot_general[dimension_numbers=(([3], [2]), ([0, 4], [0, 3]))] b a\n"
      "  d:c128[9,9,113,16,17] = transpose[permutation=(0, 1, 4, 3, 2)] c in (d,) }",
      "transposed");
  const compiler::Compilation compiled = compile_for_long_vectors(jaxpr);
  const CpuExecutable executable(compiled.program, compiled.plan);
  const std::size_t left = std::size_t{9} * 17 * 16 * 2 * 9;
  const std::size_t right = std::size_t{9} * 113 * 2 * 9;
  std::vector<std::complex<double>> a(right);
  std::vector<std::complex<double>> b(left);
  for (std::size_t k = 0; k < right; ++k) a[k] = {static_cast<double>(k % 7), static_cast<double>(k % 5)};
  for (std::size_t k = 0; k < left; ++k) b[k] = {static_cast<double>(k % 11), static_cast<double>(k % 3)};
  std::vector<std::complex<double>> results(std::size_t{9} * 9 * 113 * 16 * 17);
  const std::vector<const void*> inputs = {a.data(), b.data()};
  const std::vector<void*> outputs = {results.data()};
  executable.run(inputs, outputs);
  std::size_t wrong = 0;
  for (std::size_t k = 0; k < results.size(); ++k) {
    const std::size_t s = k % 17;
    const std::size_t t = k / 17 % 16;
    const std::size_t m = k / (std::size_t{17} * 16) % 113;
    const std::size_t j = k / (std::size_t{17} * 16 * 113) % 9;
    const std::size_t i = k / (std::size_t{17} * 16 * 113 * 9);
    std::complex<double> sum = 0;
    for (std::size_t f = 0; f < 2; ++f)
      sum += b[(((i * 17 + s) * 16 + t) * 2 + f) * 9 + j] * a[((i * 113 + m) * 2 + f) * 9 + j];
    wrong += results[k] != sum ? 1U : 0U;
  }
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace jaxc::cpu
