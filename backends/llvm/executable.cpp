// Compiles a Program with its Plan, and calls the code.
#include <fmt/format.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <chrono>
#include <optional>
#include <vector>

#include "backends/llvm/jit.h"
#include "backends/llvm/program.h"
#include "backends/llvm/scratch.h"
#include "backends/llvm/target.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

double milliseconds_since(std::chrono::steady_clock::time_point& mark) {
  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double, std::milli>(now - mark).count();
  mark = now;
  return elapsed;
}

[[maybe_unused]] void verify(const llvm::Module& module) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  if (llvm::verifyModule(module, &stream)) throw InternalError(fmt::format("cpu: LLVM rejects the code: {}", message));
}

/// The module of a program, optimised.
std::unique_ptr<llvm::Module> make_module(llvm::LLVMContext& context, llvm::TargetMachine& target,
                                          const ir::Program& program, const ir::Plan& plan, const CpuOptions& options,
                                          CompileStatistics& statistics) {
  auto mark = std::chrono::steady_clock::now();
  auto module = std::make_unique<llvm::Module>("jaxc", context);
  module->setTargetTriple(target.getTargetTriple().str());
  module->setDataLayout(target.createDataLayout());
  const int bits = options.vector_bits > 0 ? options.vector_bits
                   : plan.vector_bits > 0  ? static_cast<int>(plan.vector_bits)
                                           : host_vector_bits();
  Code code(*module, program, plan, bits);
  ProgramEmitter(code).emit();
  statistics.emit_milliseconds = milliseconds_since(mark);
#ifndef NDEBUG
  verify(*module);
#endif
  optimize(*module, target, options.optimization);
  statistics.optimize_milliseconds = milliseconds_since(mark);
  statistics.ir_instructions = module->getInstructionCount();
  return module;
}

}  // namespace

struct CpuExecutable::State {
  CpuOptions options;
  CompileStatistics statistics;
  std::size_t input_count = 0;
  std::size_t output_count = 0;
  std::vector<Array> constants;
  std::vector<const void*> constant_pointers;
  std::optional<LoadedObject> object;
  EntryPoint entry = nullptr;
  std::optional<ScratchPool> scratch;
  std::optional<ir::Program> program;
  ir::Plan plan;
};

CpuExecutable::CpuExecutable(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options)
    : state_(std::make_unique<State>()) {
  if (plan.target != ir::Target::cpu) throw InternalError("cpu: the plan is for another target");
  State& state = *state_;
  state.options = options;
  state.input_count = program.inputs.size();
  state.output_count = program.outputs.size();
  for (const ir::ProgramConstant& constant : program.constants) state.constants.push_back(constant.value);
  for (const Array& constant : state.constants) state.constant_pointers.push_back(constant.bytes().data());
  state.scratch.emplace(static_cast<std::size_t>(plan.scratch_bytes));
  if (options.keep_sources) {
    state.program = program;
    state.plan = plan;
  }
  const std::unique_ptr<llvm::TargetMachine> target = make_target(options);
  llvm::LLVMContext context;
  const std::unique_ptr<llvm::Module> module = make_module(context, *target, program, plan, options, state.statistics);
  auto mark = std::chrono::steady_clock::now();
  const llvm::SmallVector<char, 0> object = generate_object(*module, *target);
  state.statistics.generate_milliseconds = milliseconds_since(mark);
  state.statistics.object_bytes = object.size();
  state.object.emplace(llvm::ArrayRef<char>(object));
  state.entry = state.object->entry();
  state.statistics.link_milliseconds = milliseconds_since(mark);
}

CpuExecutable::~CpuExecutable() = default;
CpuExecutable::CpuExecutable(CpuExecutable&&) noexcept = default;
CpuExecutable& CpuExecutable::operator=(CpuExecutable&&) noexcept = default;

void CpuExecutable::run(std::span<const void* const> inputs, std::span<void* const> outputs) const {
  State& state = *state_;
  if (inputs.size() != state.input_count || outputs.size() != state.output_count)
    throw Error(fmt::format("run: the program has {} inputs and {} outputs, got {} and {}", state.input_count,
                            state.output_count, inputs.size(), outputs.size()));
  const ScratchPool::Lease scratch(*state.scratch);
  state.entry(inputs.data(), outputs.data(), state.constant_pointers.data(), scratch.memory());
}

std::string CpuExecutable::llvm_ir() const {
  if (!state_->program) throw Error("llvm_ir: the program was compiled without keep_sources");
  const std::unique_ptr<llvm::TargetMachine> target = make_target(state_->options);
  llvm::LLVMContext context;
  CompileStatistics ignored;
  const auto module = make_module(context, *target, *state_->program, state_->plan, state_->options, ignored);
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, nullptr);
  return text;
}

std::string CpuExecutable::assembly() const {
  if (!state_->program) throw Error("assembly: the program was compiled without keep_sources");
  const std::unique_ptr<llvm::TargetMachine> target = make_target(state_->options);
  llvm::LLVMContext context;
  CompileStatistics ignored;
  const auto module = make_module(context, *target, *state_->program, state_->plan, state_->options, ignored);
  return generate_assembly(*module, *target);
}

const CompileStatistics& CpuExecutable::statistics() const {
  return state_->statistics;
}

}  // namespace jaxc::cpu
