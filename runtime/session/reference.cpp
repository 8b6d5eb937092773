// The session's reference backend: interprets the CPU's plan for generated code, checking races and storage.
#include "backends/reference/reference.h"

#include "compiler/plan/cpu.h"
#include "runtime/session/compiled.h"

namespace jaxc::session {

namespace {

class ReferenceRunner final : public CompiledRunner {
 public:
  explicit ReferenceRunner(const Request& request)
      : CompiledRunner(request,
                       [](const ir::Program& program) { return compiler::plan_cpu(program, {.libraries = false}); }),
        inputs_(request.program.inputs),
        options_{.seed = request.options.seed},
        executable_(compilation().program, compilation().plan) {}

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    copy_out(executable_.run(to_arrays(inputs_, inputs), options_), outputs);
  }

 private:
  std::string dump_own(Stage stage) const override { refuse(Backend::reference, stage); }

  std::vector<Type> inputs_;
  reference::Options options_;
  reference::Executable executable_;
};

}  // namespace

std::unique_ptr<Runner> make_reference(const Request& request) {
  return std::make_unique<ReferenceRunner>(request);
}

}  // namespace jaxc::session
