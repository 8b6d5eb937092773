// CompiledRunner: what the backends share that run a planned Program.
#pragma once

#include "compiler/pipeline.h"
#include "runtime/session/state.h"

namespace jaxc::session {

/// Runs the compiler's pipeline, reports its loops and times, and dumps its forms.
class CompiledRunner : public Runner {
 public:
  CompiledRunner(const Request& request, const std::function<ir::Plan(const ir::Program&)>& plan);

  std::string dump(Stage stage) const final;

 protected:
  const compiler::Compilation& compilation() const { return compilation_; }
  /// The forms that only this backend has.
  virtual std::string dump_own(Stage stage) const = 0;
  /// Records the time of a step of the backend's own.
  void record_time(std::string step, double milliseconds) { times.push_back({std::move(step), milliseconds}); }
  [[noreturn]] static void refuse(Backend backend, Stage stage);

 private:
  ir::Jaxpr jaxpr_;
  compiler::Compilation compilation_;
};

}  // namespace jaxc::session
