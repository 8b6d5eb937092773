// SourceLines: which equation of the source each instruction comes from, as LLVM's debug locations.
#pragma once

#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <string>

#include "ir/jaxpr.h"

namespace jaxc::cpu {

class SourceLines {
 public:
  explicit SourceLines(llvm::Module& module);

  /// Names the function a part of the source; what the builder makes from now on belongs to no equation.
  void begin(llvm::Function& function, llvm::IRBuilder<>& builder);
  /// What the builder makes from now on, in a function that was begun, comes from the equation at this place.
  void set(ir::Location location, llvm::IRBuilder<>& builder) const;
  /// To be called when the module is complete.
  void finish() { debug_.finalize(); }

 private:
  llvm::DIBuilder debug_;
  llvm::DIFile* file_;
};

/// Assembly text with each change of place as a comment, describe(place), and without the assembler's own directives
/// for debuggers.
std::string with_comments(const std::string& assembly, const std::function<std::string(ir::Location)>& describe);

}  // namespace jaxc::cpu
