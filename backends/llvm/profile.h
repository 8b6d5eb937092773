// Profile: how often, and for how many cycles, the steps of a program run.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include "ir/program.h"

namespace jaxc::cpu {

/// The name, in the object file, of a table of two i64 a node: calls and cycles. The whole program's are behind the
/// last node's.
inline constexpr const char* profile_name = "jaxc_profile";

/// Emits the counting. Runs at one time add up.
class Profile {
 public:
  Profile(llvm::Module& module, ir::NodeId nodes);

  /// The time now.
  llvm::Value* start(llvm::IRBuilder<>& builder) const;
  /// Counts a call that began at `started` and ends now.
  void stop(ir::NodeId node, llvm::Value* started, llvm::IRBuilder<>& builder) const;

 private:
  llvm::GlobalVariable* table_;
};

}  // namespace jaxc::cpu
