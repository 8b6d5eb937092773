// Generates machine code with LLVM's passes for it, without those that code of whole loops and vectors never needs.
#include <llvm/Analysis/ScopedNoAliasAA.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/Scalar.h>

#include <algorithm>

#include "backends/llvm/code.h"
#include "backends/llvm/target.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

/// Reaches the step of LLVM's configuration that selects instructions, which is for derived classes.
struct InstructionSelection : llvm::TargetPassConfig {
  static bool add(llvm::TargetPassConfig& config) { return (config.*&InstructionSelection::addCoreISelPasses)(); }
};

/// Leaves out passes whose absence no workload's run time shows (duplicated tails, spilled values that share memory,
/// and scheduling unless the module asks for it: other code is emitted in an order that needs few registers, and
/// processors reorder the rest), and those for what the code never has (garbage collection, debug values, funclets,
/// tracing hooks).
void leave_out_passes(llvm::TargetPassConfig& config, const llvm::Module& module) {
  if (module.getNamedMetadata(scheduled) == nullptr) config.disablePass(&llvm::MachineSchedulerID);
  for (llvm::AnalysisID pass : std::initializer_list<llvm::AnalysisID>{&llvm::EarlyTailDuplicateID,
                                                                       &llvm::OptimizePHIsID,
                                                                       &llvm::StackColoringID,
                                                                       &llvm::EarlyIfConverterID,
                                                                       &llvm::MachineCombinerID,
                                                                       &llvm::RemoveRedundantDebugValuesID,
                                                                       &llvm::FixupStatepointCallerSavedID,
                                                                       &llvm::StackSlotColoringID,
                                                                       &llvm::PostRAMachineSinkingID,
                                                                       &llvm::ShrinkWrapID,
                                                                       &llvm::TailDuplicateID,
                                                                       &llvm::PostRASchedulerID,
                                                                       &llvm::GCMachineCodeAnalysisID,
                                                                       &llvm::FEntryInserterID,
                                                                       &llvm::XRayInstrumentationID,
                                                                       &llvm::PatchableFunctionID,
                                                                       &llvm::FuncletLayoutID,
                                                                       &llvm::StackMapLivenessID,
                                                                       &llvm::LiveDebugValuesID,
                                                                       &llvm::MachineSanitizerBinaryMetadataID,
                                                                       &llvm::StackFrameLayoutAnalysisPassID})
    config.disablePass(pass);
}

/// Cuts very long blocks, and those of many shuffles of shuffles: instruction selection compares the operations of a
/// block with each other, and tries to merge each shuffle with all those behind its operands.
class CutLongBlocks : public llvm::FunctionPass {
 public:
  static inline char identity = 0;  ///< LLVM knows passes by addresses

  CutLongBlocks() : llvm::FunctionPass(identity) {}

  bool runOnFunction(llvm::Function& function) override {
    constexpr std::size_t longest = 1024;
    constexpr std::ptrdiff_t many_shuffles = 96;
    constexpr int deepest_shuffles = 2;
    bool changed = false;
    for (auto block = function.begin(); block != function.end(); ++block) {
      // What is allocated in the first block stays there.
      std::size_t count = 0;
      const auto shuffles = std::count_if(block->begin(), block->end(), [](const llvm::Instruction& instruction) {
        return llvm::isa<llvm::ShuffleVectorInst>(instruction);
      });
      llvm::DenseMap<const llvm::Value*, int> depths;
      for (llvm::Instruction& instruction : *block) {
        if (llvm::isa<llvm::PHINode>(instruction) || llvm::isa<llvm::AllocaInst>(instruction)) continue;
        int depth = 0;
        if (shuffles >= many_shuffles && llvm::isa<llvm::ShuffleVectorInst>(instruction))
          depth = depths[&instruction] =
              1 + std::max(depths.lookup(instruction.getOperand(0)), depths.lookup(instruction.getOperand(1)));
        if ((++count <= longest && depth <= deepest_shuffles) || instruction.isTerminator()) continue;
        block->splitBasicBlock(&instruction);  // the rest is the next block
        changed = true;
        break;
      }
    }
    return changed;
  }
};

/// The few passes over LLVM's own form that instruction selection relies on. Addresses are simple when they are
/// emitted, so that loops need no strength reduction.
bool add_selection_passes(llvm::legacy::PassManager& passes, llvm::TargetMachine& target,
                          llvm::TargetPassConfig& config) {
  passes.add(llvm::createTargetTransformInfoWrapperPass(target.getTargetIRAnalysis()));
  passes.add(llvm::createScopedNoAliasAAWrapperPass());
  passes.add(llvm::createAtomicExpandLegacyPass());
  passes.add(llvm::createUnreachableBlockEliminationPass());
  passes.add(llvm::createScalarizeMaskedMemIntrinLegacyPass());
  passes.add(llvm::createExpandReductionsPass());
  config.addCodeGenPrepare();
  passes.add(new CutLongBlocks);  // the pass manager owns it
  config.addISelPrepare();
  return !InstructionSelection::add(config);
}

std::string generate(llvm::Module& module, llvm::TargetMachine& target, llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  auto& machine = static_cast<llvm::LLVMTargetMachine&>(target);
  llvm::legacy::PassManager passes;
  // The pass manager owns both.
  auto* info = new llvm::MachineModuleInfoWrapperPass(&machine);
  llvm::TargetPassConfig* config = machine.createPassConfig(passes);
  config->setDisableVerify(true);
  leave_out_passes(*config, module);
  passes.add(config);
  passes.add(info);
  const bool selects = add_selection_passes(passes, target, *config);
  config->addMachinePasses();
  config->setInitialized();
  if (!selects || machine.addAsmPrinter(passes, stream, nullptr, type, info->getMMI().getContext()))
    throw InternalError("llvm: the target emits no such file");
  passes.add(llvm::createFreeMachineFunctionPass());
  passes.run(module);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string generate_object(llvm::Module& module, llvm::TargetMachine& target) {
  return generate(module, target, llvm::CodeGenFileType::ObjectFile);
}

std::string generate_assembly(llvm::Module& module, llvm::TargetMachine& target) {
  target.Options.MCOptions.AsmVerbose = true;
  std::string text = generate(module, target, llvm::CodeGenFileType::AssemblyFile);
  target.Options.MCOptions.AsmVerbose = false;
  return text;
}

}  // namespace jaxc::cpu
