// The session's evaluator backend: runs the jaxpr itself.
#include "compiler/evaluate/evaluate.h"

#include <fmt/format.h>

#include "ir/printer.h"
#include "runtime/session/state.h"

namespace jaxc::session {

namespace {

class EvaluatorRunner final : public Runner {
 public:
  explicit EvaluatorRunner(const Request& request)
      : program_(request.program), options_{.threefry_partitionable = request.threefry_partitionable} {}

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    copy_out(compiler::evaluate(program_.jaxpr, program_.constant_values, to_arrays(program_.inputs, inputs), options_),
             outputs);
  }

  std::string dump(Stage stage) const override {
    if (stage == Stage::jaxpr) return ir::print(program_.jaxpr);
    throw Error(fmt::format("dump: the backend eval makes no {}; ask for jaxpr, or for another backend", name(stage)));
  }

 private:
  Program::State program_;
  compiler::EvaluateOptions options_;
};

}  // namespace

std::unique_ptr<Runner> make_evaluator(const Request& request) {
  return std::make_unique<EvaluatorRunner>(request);
}

}  // namespace jaxc::session
