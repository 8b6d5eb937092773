// RegionEmitter: scalar code of the Program for one lane width; written once per point or vector of lanes.
#pragma once

#include "backends/llvm/code.h"

namespace jaxc::cpu {

/// Emits Regions. Operations whose operands agree in all lanes stay scalar. `mask` (or null) tells which lanes
/// count: no side of a branch runs, and no repetition goes on, for the others alone.
class RegionEmitter {
 public:
  /// Gives the value of an `axis` or `read`; the values of earlier operations are its second argument.
  using Leaf = llvm::function_ref<llvm::Value*(const ir::ScalarOp&, llvm::ArrayRef<llvm::Value*>)>;

  RegionEmitter(Code& code, int width, llvm::Value* mask) : code_(code), width_(width), mask_(mask) {}

  /// The values of every operation of a nest's body.
  Values emit_operations(const ir::Region& region, llvm::ArrayRef<llvm::Value*> arguments, Leaf leaf);
  /// The results of a region without axes and reads.
  Values emit(const ir::Region& region, llvm::ArrayRef<llvm::Value*> arguments);

 private:
  llvm::Value* call(const ir::ScalarOp& op, Values arguments);
  llvm::Function* function(std::uint64_t number, int width);
  Values branch(const ir::ScalarOp& op, llvm::ArrayRef<llvm::Value*> arguments);
  Values repeat(const ir::ScalarOp& op, Values arguments);
  /// Makes all values vectors when one is.
  void equalize(llvm::MutableArrayRef<llvm::Value*> values);
  /// The mask's lanes where `condition` holds, in the condition's form.
  llvm::Value* active(llvm::Value* condition);

  Code& code_;
  int width_;
  llvm::Value* mask_;
};

}  // namespace jaxc::cpu
