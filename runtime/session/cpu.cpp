// The session's CPU backend: native code through LLVM.
#include "compiler/plan/cpu.h"

#include "backends/llvm/llvm.h"
#include "runtime/session/compiled.h"

namespace jaxc::session {

namespace {

ir::Plan plan(const ir::Program& program) {
  compiler::CpuPlanOptions options;
  options.vector_bits = cpu::host_vector_bits();
  return compiler::plan_cpu(program, options);
}

class CpuRunner final : public CompiledRunner {
 public:
  explicit CpuRunner(const Request& request)
      : CompiledRunner(request, plan), executable_(compilation().program, compilation().plan) {
    const cpu::CompileStatistics& statistics = executable_.statistics();
    record_time("emit LLVM", statistics.emit_milliseconds);
    record_time("optimize LLVM", statistics.optimize_milliseconds);
    record_time("generate code", statistics.generate_milliseconds);
    record_time("link", statistics.link_milliseconds);
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    executable_.run(inputs, outputs);
  }

 private:
  std::string dump_own(Stage stage) const override {
    if (stage == Stage::llvm) return executable_.llvm_ir();
    if (stage == Stage::assembly) return executable_.assembly();
    refuse(Backend::cpu, stage);
  }

  cpu::CpuExecutable executable_;
};

}  // namespace

std::unique_ptr<Runner> make_cpu(const Request& request) {
  return std::make_unique<CpuRunner>(request);
}

}  // namespace jaxc::session
