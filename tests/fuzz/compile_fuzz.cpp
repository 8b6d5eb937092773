// Any program that parses either is refused with an Error, or compiles to a verified plan for the CPU.
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "ir/parser.h"
#include "ir/verify.h"
#include "jaxc/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t most_constant_bytes = 1 << 16;
  try {
    const jaxc::ir::Jaxpr jaxpr = jaxc::ir::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    jaxc::ir::require_runnable(jaxpr);
    jaxc::ir::verify(jaxpr);
    std::vector<jaxc::Array> constants;
    for (jaxc::ir::Variable constant : jaxpr.constants) {
      if (jaxc::byte_count(jaxpr.type(constant)) > most_constant_bytes) return 0;
      constants.emplace_back(jaxpr.type(constant));
    }
    jaxc::compiler::compile(jaxpr, constants, {},
                            [](const jaxc::ir::Program& program) { return jaxc::compiler::plan_cpu(program); });
  } catch (const jaxc::Error&) {
  }
  return 0;
}
