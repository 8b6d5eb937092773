// ProgramEmitter: the entry function of a whole Program, block by block.
#pragma once

#include <span>
#include <vector>

#include "backends/llvm/arrays.h"
#include "backends/llvm/code.h"
#include "backends/llvm/forms.h"
#include "backends/llvm/mover.h"
#include "backends/llvm/nest.h"
#include "backends/llvm/prefix.h"

namespace jaxc::cpu {

/// Emits the function `jaxc_program(inputs, outputs, constants, scratch, runtime)` into the module.
class ProgramEmitter {
 public:
  explicit ProgramEmitter(Code& code) : code_(code), arrays_(code), forms_(code, arrays_), mover_(code, arrays_) {}

  void emit();

 private:
  static constexpr unsigned entry_parameters = 5;

  /// The buffers that nodes, and those inside them, use.
  std::vector<ir::BufferId> buffers_of(std::span<const ir::Node> nodes) const;
  /// A function with the entry point's parameters and `more`; code goes to its first block.
  llvm::Function* begin_function(const char* name, llvm::GlobalValue::LinkageTypes linkage,
                                 llvm::ArrayRef<llvm::Type*> more = {});
  /// The entry point's parameters, as a function that has them passes them on.
  static Values entry_arguments(llvm::Function* function);
  void block(const ir::Block& block);
  void node(const ir::Node& node);
  /// A profile times the outermost nodes, loops and routines; what is inside a routine is part of it.
  bool is_timed(const ir::Node& node) const;
  void nest(const ir::Node& node, const ir::Nest& nest);
  /// One nest, past the caches where that saves reading lines.
  void nest_points(const ir::Nest& nest, const ir::NestPlan& plan, std::optional<AxisPart> part);
  /// Emits a function of its own, and its call for each part below `count` by the threads of the runtime. `body` gets
  /// the part's number, and finds no array in registers; inside loops it finds only the given arrays.
  void in_parts(std::int64_t count, std::vector<ir::ArrayId> arrays, llvm::function_ref<void(llvm::Value*)> body);
  /// In each part, `body` for the run of `length` of `extent` positions that begins at its second argument.
  void in_runs(std::int64_t extent, std::int64_t length, std::vector<ir::ArrayId> arrays,
               llvm::function_ref<void(std::int64_t count, llvm::Value* begin)> body);
  /// The nest writes a large result of the program that it does not read.
  bool streams(const ir::Nest& nest) const;
  void branch(const ir::Branch& branch);
  /// The expansion, or the call of a library (routine.cpp).
  void routine(const ir::Node& node, const ir::Routine& routine);
  void sort(const ir::Routine& routine, const ir::RoutinePlan& plan);
  /// Prefixes in tiles, which threads share (prefix.cpp).
  void prefix(const ir::Routine& routine, const ir::RoutinePlan& plan);
  void shared_prefix(PrefixEmitter& emitter, const ir::RoutinePlan& plan);
  void matrix(const ir::Routine& routine, const ir::RoutinePlan& plan);
  void product(const ir::ProductPlan& plan);
  /// Calls an entry of the runtime with a constant request and pointers; the last one is the runtime itself.
  void call_library(const char* entry, llvm::ArrayRef<std::uint64_t> request, llvm::ArrayRef<llvm::Value*> pointers);
  /// The byte of the scratch arena where a library's memory begins.
  llvm::Value* library_memory(std::int64_t workspace);

  // ---- Loops (loop.cpp).

  void loop(const ir::Node& node, const ir::Loop& loop);
  /// Positions of a lane axis from `begin` (null: 0) on.
  struct LaneRun {
    std::int64_t extent = 0;
    llvm::Value* begin = nullptr;
  };
  void loop_in_lanes(const ir::Node& node, const ir::Loop& loop, const ir::LoopPlan& plan, std::size_t axis,
                     LaneRun run, LoopLanes& lanes);
  void loop_steps(const ir::Node& node, const ir::Loop& loop, const ir::LoopPlan& plan, llvm::Value* first);

  Code& code_;
  Arrays arrays_;
  Forms forms_;
  Mover mover_;
  int depth_ = 0;     ///< loops around
  int routines_ = 0;  ///< routines around
  int parts_ = 0;     ///< functions of parts around: their times are not taken
};

}  // namespace jaxc::cpu
