// ProgramEmitter: the entry function of a whole Program, block by block.
#pragma once

#include "backends/llvm/arrays.h"
#include "backends/llvm/code.h"
#include "backends/llvm/forms.h"
#include "backends/llvm/mover.h"

namespace jaxc::cpu {

/// Emits the function `jaxc_program(inputs, outputs, constants, scratch)` into the module.
class ProgramEmitter {
 public:
  explicit ProgramEmitter(Code& code) : code_(code), arrays_(code), forms_(code, arrays_), mover_(code, arrays_) {}

  void emit();

 private:
  /// A function with the entry point's parameters; code goes to its first block.
  llvm::Function* begin_function(const char* name, llvm::GlobalValue::LinkageTypes linkage);
  void block(const ir::Block& block);
  void node(const ir::Node& node);
  /// A profile times the outermost nodes, loops and routines; what is inside a routine is part of it.
  bool is_timed(const ir::Node& node) const;
  void nest(const ir::Node& node, const ir::Nest& nest);
  /// The nest writes a large result of the program that it does not read.
  bool streams(const ir::Nest& nest) const;
  void branch(const ir::Branch& branch);

  // ---- Loops (loop.cpp).

  void loop(const ir::Node& node, const ir::Loop& loop);
  void loop_in_lanes(const ir::Node& node, const ir::Loop& loop, const ir::LoopPlan& plan, std::size_t axis,
                     LoopLanes& lanes);
  void loop_steps(const ir::Node& node, const ir::Loop& loop, const ir::LoopPlan& plan);

  Code& code_;
  Arrays arrays_;
  Forms forms_;
  Mover mover_;
  int depth_ = 0;     ///< loops around
  int routines_ = 0;  ///< routines around
};

}  // namespace jaxc::cpu
