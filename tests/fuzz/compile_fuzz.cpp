// Any program that parses either is refused with an Error, or compiles to verified plans for the CPU and the GPU, LLVM
// IR and SPIR-V.
#include "backends/llvm/llvm.h"
#include "backends/spirv/codegen.h"
#include "compiler/pipeline.h"
#include "compiler/plan/cpu.h"
#include "compiler/plan/gpu.h"
#include "ir/parser.h"
#include "ir/verify.h"
#include "jaxc/error.h"

namespace {

using jaxc::compiler::Compilation;

/// The size of scalar code; programs of more are planned, but no code is made for them.
constexpr std::size_t most_operations = 600;
constexpr std::int64_t most_constant_bytes = 1 << 16;

std::size_t operation_count(const jaxc::ir::Program& program) {
  std::size_t count = 0;
  jaxc::ir::visit_nodes(program.body, [&](const jaxc::ir::Node& node) {
    const auto* nest = std::get_if<jaxc::ir::Nest>(&node.kind);
    count += 10 + (nest == nullptr ? 0 : nest->body.ops.size());
  });
  return count;
}

/// A device of the least that is needed, or one that has all.
jaxc::spirv::DeviceDescription device(bool is_complete) {
  jaxc::spirv::DeviceDescription device;
  device.int8 = device.int16 = device.float64 = device.fused_multiply_add = is_complete;
  device.round_to_nearest_f32 = device.round_to_nearest_f64 = is_complete;
  device.preserve_special_f32 = device.preserve_special_f64 = is_complete;
  device.shared_bytes = 32768;
  device.workgroup_size = 256;
  device.group_count = 65535;
  device.subgroup_size = is_complete ? 32 : 1;
  device.fixed_subgroup_size = is_complete;
  device.allocation_bytes = std::int64_t{1} << 32;
  device.loop_limit = is_complete ? 0 : 65535;
  return device;
}

void compile_for_cpu(const jaxc::ir::Jaxpr& jaxpr, const std::vector<jaxc::Array>& constants) {
  const Compilation compilation = jaxc::compiler::compile(
      jaxpr, constants, {}, [](const jaxc::ir::Program& program) { return jaxc::compiler::plan_cpu(program); });
  if (operation_count(compilation.program) > most_operations) return;
  jaxc::cpu::CpuOptions options;
  options.optimization = 0;
  jaxc::cpu::llvm_ir(compilation.program, compilation.plan, options);
}

void compile_for_gpu(const jaxc::ir::Jaxpr& jaxpr, const std::vector<jaxc::Array>& constants, bool is_complete) {
  const Compilation compilation = jaxc::compiler::compile(
      jaxpr, constants, {}, [](const jaxc::ir::Program& program) { return jaxc::compiler::plan_gpu(program); });
  if (operation_count(compilation.program) > most_operations) return;
  jaxc::spirv::generate(compilation.program, compilation.plan, device(is_complete));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  jaxc::ir::Jaxpr jaxpr;
  std::vector<jaxc::Array> constants;
  try {
    jaxpr = jaxc::ir::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    jaxc::ir::require_runnable(jaxpr);
    jaxc::ir::verify(jaxpr);
    for (jaxc::ir::Variable constant : jaxpr.constants) {
      if (jaxc::byte_count(jaxpr.type(constant)) > most_constant_bytes) return 0;
      constants.emplace_back(jaxpr.type(constant));
    }
  } catch (const jaxc::Error&) {
    return 0;
  }
  try {
    compile_for_cpu(jaxpr, constants);
  } catch (const jaxc::Error&) {
  }
  try {
    compile_for_gpu(jaxpr, constants, size % 2 == 0);
  } catch (const jaxc::Error&) {
  }
  return 0;
}
