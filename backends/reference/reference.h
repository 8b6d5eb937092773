// The reference backend: an interpreter that obeys a Program and its Plan and checks both as it goes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ir/plan.h"
#include "ir/program.h"
#include "jaxc/array.h"

namespace jaxc::reference {

/// What runs have done.
struct Work {
  std::int64_t stored = 0;  ///< elements that nests stored
  std::int64_t moved = 0;   ///< elements that were copied because two arrays lie in different places
};

struct Options {
  /// Decides the order of parallel points and lanes, and the grouping of reductions that merge.
  std::uint64_t seed = 0;
  /// Reports two parallel points of a nest, or two lanes of a loop, that meet at one element when one writes.
  bool check_races = true;
  /// Reports a read that finds another value than its array's: a plan that reuses memory too early.
  bool check_placement = true;
  /// Where to add the work of the run; null: nowhere.
  Work* work = nullptr;
};

/// A Program made ready to run. Immutable: several threads may run it at once.
class Executable {
 public:
  /// Throws InternalError where the plan lacks a node.
  Executable(ir::Program program, ir::Plan plan);
  ~Executable();
  Executable(Executable&&) noexcept;
  Executable& operator=(Executable&&) noexcept;

  const ir::Program& program() const;
  const ir::Plan& plan() const;

  /// The outputs. Throws Error when `inputs` do not fit the Program's, and InternalError, naming the node, when
  /// the Program or the Plan breaks its rules.
  std::vector<Array> run(std::span<const Array> inputs, const Options& options = {}) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace jaxc::reference
