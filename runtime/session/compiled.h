// CompiledRunner: what the backends share that run a planned Program.
#pragma once

#include <map>
#include <mutex>

#include "compiler/pipeline.h"
#include "runtime/session/state.h"

namespace jaxc::session {

/// Runs the compiler's pipeline, reports its loops and times, and dumps its forms.
class CompiledRunner : public Runner {
 public:
  using Planner = std::function<ir::Plan(const ir::Program&)>;

  CompiledRunner(const Request& request, Planner plan);

  std::string dump(Stage stage) const final;
  MemoryReport memory() const final;

 protected:
  /// For a program whose code and loops are known: the pipeline runs when a form is asked for.
  CompiledRunner(const Request& request, Planner plan, std::vector<LoopReport> known_loops);

  const compiler::Compilation& compilation() const;
  /// The equation at that place of the source, as text; empty where there is none.
  std::string describe(ir::Location location) const;
  /// The forms that only this backend has.
  virtual std::string dump_own(Stage stage) const = 0;
  /// Records the time of a step of the backend's own.
  void record_time(std::string step, double milliseconds) { times.push_back({std::move(step), milliseconds}); }
  [[noreturn]] static void refuse(Backend backend, Stage stage);

 private:
  ir::Jaxpr jaxpr_;
  std::vector<Array> constants_;
  compiler::LowerOptions options_;
  Planner plan_;
  mutable std::mutex mutex_;  ///< guards compilation_ while it is made
  mutable std::optional<compiler::Compilation> compilation_;
};

}  // namespace jaxc::session
