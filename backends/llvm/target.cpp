// Makes the host's target machine, and runs a short list of passes: vectors and loops are already explicit.
#include "backends/llvm/target.h"

#include <fmt/format.h>
#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/ADCE.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

/// Registers LLVM's native target once in this process.
void initialize_target() {
  static const bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
    return true;
  }();
  static_cast<void>(initialized);
}

/// This processor; asking for it takes time that counts beside a cached program's.
struct Host {
  std::string name = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  std::string feature_string;

  Host() {
    for (const auto& feature : features)
      feature_string += fmt::format("{}{}{}", feature_string.empty() ? "" : ",", feature.getValue() ? "+" : "-",
                                    feature.getKey().str());
  }
};

const Host& host() {
  static const Host described;
  return described;
}

std::string processor(const CpuOptions& options) {
  return options.cpu.empty() ? host().name : options.cpu;
}

std::string features(const CpuOptions& options) {
  return options.features.empty() && options.cpu.empty() ? host().feature_string : options.features;
}

llvm::CodeGenOptLevel code_generation_level(int optimization) {
  if (optimization <= 0) return llvm::CodeGenOptLevel::None;
  if (optimization == 1) return llvm::CodeGenOptLevel::Less;
  return optimization == 2 ? llvm::CodeGenOptLevel::Default : llvm::CodeGenOptLevel::Aggressive;
}

/// The machine that `options` ask for.
std::unique_ptr<llvm::TargetMachine> make_target(const CpuOptions& options) {
  initialize_target();
  const std::string triple = llvm::sys::getProcessTriple();
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (target == nullptr) throw Error(fmt::format("llvm: no target for {}: {}", triple, message));
  const std::string cpu = processor(options);
  llvm::TargetOptions target_options;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, cpu, features(options), target_options, llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, code_generation_level(options.optimization), /*JIT=*/true));
  if (!machine || !machine->getMCSubtargetInfo()->isCPUStringValid(cpu))
    throw Error(fmt::format("llvm: unknown processor {}", cpu));
  return machine;
}

}  // namespace

std::string host_name() {
  return host().name;
}

std::string target_name(const CpuOptions& options) {
  return fmt::format("LLVM {} {} {} {}", LLVM_VERSION_STRING, llvm::sys::getProcessTriple(), processor(options),
                     features(options));
}

int host_vector_bits() {
  const llvm::StringMap<bool>& features = host().features;
  if (features.lookup("avx512f") && features.lookup("avx512dq") && features.lookup("avx512vl")) return 512;
  return features.lookup("avx2") ? 256 : 128;
}

llvm::TargetMachine& target_machine(const CpuOptions& options) {
  // What a machine knows of a processor's features takes as long to look up as a small program's code takes to make.
  thread_local std::pair<std::string, std::unique_ptr<llvm::TargetMachine>> last;
  std::string wanted = fmt::format("{} {} {}", processor(options), features(options), options.optimization);
  if (last.second == nullptr || last.first != wanted) last = {std::move(wanted), make_target(options)};
  return *last.second;
}

void optimize(llvm::Module& module, llvm::TargetMachine& target, int optimization) {
  if (optimization <= 0) return;
  llvm::PassBuilder builder(&target);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::LoopPassManager loop_passes;
  loop_passes.addPass(llvm::LICMPass(llvm::LICMOptions()));
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loop_passes), /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::ADCEPass());
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) passes.run(function, functions);
}

}  // namespace jaxc::cpu
