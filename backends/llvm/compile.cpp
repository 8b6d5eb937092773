// Compiles a Program with its Plan to machine code, and shows the code.
#include <fmt/format.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/Support/raw_ostream.h>

#include <chrono>

#include "backends/llvm/program.h"
#include "backends/llvm/source_lines.h"
#include "backends/llvm/target.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

double milliseconds_since(std::chrono::steady_clock::time_point& mark) {
  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double, std::milli>(now - mark).count();
  mark = now;
  return elapsed;
}

[[maybe_unused]] void verify(const llvm::Module& module) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  if (llvm::verifyModule(module, &stream)) throw InternalError(fmt::format("cpu: LLVM rejects the code: {}", message));
}

/// The module of one program, optimised, with what it stands on.
struct Compilation {
  llvm::TargetMachine& target;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  CompileStatistics statistics;

  Compilation(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options, bool with_lines = false)
      : target(target_machine(options)) {
    if (plan.target != ir::Target::cpu) throw InternalError("cpu: the plan is for another target");
    auto mark = std::chrono::steady_clock::now();
    module = std::make_unique<llvm::Module>("jaxc", context);
    module->setTargetTriple(target.getTargetTriple().str());
    module->setDataLayout(target.createDataLayout());
    const int bits = options.vector_bits > 0 ? options.vector_bits
                     : plan.vector_bits > 0  ? static_cast<int>(plan.vector_bits)
                                             : host_vector_bits();
    Code code(*module, program, plan, bits);
    code.permutes_two =
        target.getTargetTriple().isX86() && target.getMCSubtargetInfo()->checkFeatures("+avx512f,+avx512vl");
    if (with_lines) code.lines.emplace(*module);
    if (options.profile) code.profile.emplace(*module, program.node_count);
    ProgramEmitter(code).emit();
    if (with_lines) code.lines->finish();
    statistics.emit_milliseconds = milliseconds_since(mark);
#ifndef NDEBUG
    verify(*module);
#endif
    optimize(*module, target, options.optimization);
    statistics.optimize_milliseconds = milliseconds_since(mark);
  }
};

}  // namespace

CpuObject compile(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options,
                  CompileStatistics* statistics) {
  Compilation compilation(program, plan, options);
  CpuObject object;
  auto mark = std::chrono::steady_clock::now();
  object.code = generate_object(*compilation.module, compilation.target);
  compilation.statistics.generate_milliseconds = milliseconds_since(mark);
  object.input_count = program.inputs.size();
  object.output_count = program.outputs.size();
  object.scratch_bytes = plan.scratch_bytes;
  if (options.profile) object.profiled_nodes = program.node_count;
  for (const ir::ProgramConstant& constant : program.constants) object.constants.push_back(constant.value);
  if (statistics != nullptr) *statistics = compilation.statistics;
  return object;
}

std::string llvm_ir(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options) {
  const Compilation compilation(program, plan, options);
  std::string text;
  llvm::raw_string_ostream stream(text);
  compilation.module->print(stream, nullptr);
  return text;
}

std::string assembly(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options,
                     const std::function<std::string(ir::Location)>& describe) {
  const Compilation compilation(program, plan, options, /*with_lines=*/true);
  return with_comments(generate_assembly(*compilation.module, compilation.target), describe);
}

}  // namespace jaxc::cpu
