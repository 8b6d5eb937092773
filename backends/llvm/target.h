// Target: LLVM's description of the processor that code is made for, and the passes and code generation for it.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <string>

#include "backends/llvm/llvm.h"

namespace jaxc::cpu {

/// The machine that `options` ask for, this thread's until it asks for another one. Throws Error when LLVM does not
/// know it.
llvm::TargetMachine& target_machine(const CpuOptions& options);
/// Runs the function passes that emitted code needs, in place.
void optimize(llvm::Module& module, llvm::TargetMachine& target, int optimization);
/// Machine code as an object file in memory.
std::string generate_object(llvm::Module& module, llvm::TargetMachine& target);
/// Machine code as assembly text.
std::string generate_assembly(llvm::Module& module, llvm::TargetMachine& target);

}  // namespace jaxc::cpu
