// jaxc::compile and jaxc::Executable: chooses the backend and checks what callers give it.
#include <fmt/format.h>

#include <array>

#include "ir/counted.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "runtime/session/state.h"

namespace jaxc {

namespace {

struct BackendRow {
  Backend backend;
  std::string_view name;
  std::unique_ptr<session::Runner> (*make)(const session::Request&);
};

constexpr std::array backends = {
    BackendRow{Backend::cpu, "cpu", session::make_cpu},
    BackendRow{Backend::gpu, "gpu", session::make_gpu},
    BackendRow{Backend::reference, "reference", session::make_reference},
    BackendRow{Backend::evaluator, "eval", session::make_evaluator},
};

struct StageRow {
  Stage stage;
  std::string_view name;
};

constexpr std::array stages = {
    StageRow{Stage::jaxpr, "jaxpr"},     StageRow{Stage::simplified, "simplified"},
    StageRow{Stage::program, "program"}, StageRow{Stage::plan, "plan"},
    StageRow{Stage::llvm, "llvm"},       StageRow{Stage::assembly, "asm"},
    StageRow{Stage::spirv, "spirv"},
};

const BackendRow& row(Backend backend) {
  for (const BackendRow& candidate : backends)
    if (candidate.backend == backend) return candidate;
  throw InternalError("compile: a backend without a row");
}

void require_path(const CompileOptions& options, const std::vector<LoopReport>& loops) {
  if (options.require_path.empty()) return;
  for (const LoopReport& loop : loops)
    if (loop.is_loop() && loop.depth == 0 && loop.path != options.require_path)
      throw Error(
          fmt::format("compile: {} at line {} takes the path {} ({}), and {} is required; ask for {} or for "
                      "no path",
                      loop.primitive, loop.line, loop.path, loop.reason, options.require_path, loop.path));
}

void check_types(std::string_view what, std::span<const Type> want, std::span<const Array> got) {
  if (got.size() != want.size())
    throw Error(fmt::format("run: the program takes {}, got {}", ir::counted(want.size(), what), got.size()));
  for (std::size_t k = 0; k < want.size(); ++k)
    if (got[k].type() != want[k])
      throw Error(fmt::format("run: {} {} has type {}, got {}", what, k, to_string(want[k]), to_string(got[k].type())));
}

}  // namespace

std::string_view name(Backend backend) {
  return row(backend).name;
}

Backend backend_from_name(std::string_view name) {
  for (const BackendRow& candidate : backends)
    if (candidate.name == name) return candidate.backend;
  throw Error(fmt::format("backend: \"{}\" is none of cpu, gpu, reference, eval", name));
}

std::string_view name(Stage stage) {
  for (const StageRow& candidate : stages)
    if (candidate.stage == stage) return candidate.name;
  throw InternalError("a stage without a name");
}

Stage stage_from_name(std::string_view name) {
  for (const StageRow& candidate : stages)
    if (candidate.name == name) return candidate.stage;
  throw Error(fmt::format("stage: \"{}\" is none of jaxpr, simplified, program, plan, llvm, asm, spirv", name));
}

Executable compile(const Program& program, const CompileOptions& options) {
  const Program::State& source = program.state();
  ir::require_runnable(source.jaxpr);
  if (source.constant_values.size() != source.constants.size())
    throw Error(
        fmt::format("{}: the program has {} whose values are not given; load its .safetensors file "
                    "(Program::with_data) or give them (Program::with_constants)",
                    source.origin, ir::counted(source.constants.size(), "constant")));
  const session::Request request{source, options,
                                 options.threefry_partitionable.value_or(source.threefry_partitionable.value_or(true))};
  auto state = std::make_shared<Executable::State>();
  state->backend = options.backend;
  state->inputs = source.inputs;
  state->outputs = source.outputs;
  state->runner = row(options.backend).make(request);
  require_path(options, state->runner->loops);
  return Executable(std::move(state));
}

const std::vector<Type>& Executable::inputs() const {
  return state_->inputs;
}
const std::vector<Type>& Executable::outputs() const {
  return state_->outputs;
}
Backend Executable::backend() const {
  return state_->backend;
}
const std::vector<LoopReport>& Executable::loops() const {
  return state_->runner->loops;
}
MemoryReport Executable::memory() const {
  return state_->runner->memory();
}
const std::vector<PassTime>& Executable::compile_times() const {
  return state_->runner->times;
}
std::vector<StepTime> Executable::profile() const {
  return state_->runner->profile();
}
std::string Executable::dump(Stage stage) const {
  return state_->runner->dump(stage);
}

std::vector<Array> Executable::run(std::span<const Array> inputs) const {
  check_types("input", state_->inputs, inputs);
  std::vector<const void*> sources;
  for (const Array& input : inputs) sources.push_back(input.bytes().data());
  std::vector<Array> results;
  std::vector<void*> targets;
  for (const Type& type : state_->outputs) results.emplace_back(type);
  for (Array& result : results) targets.push_back(result.mutable_bytes().data());
  state_->runner->run(sources, targets);
  return results;
}

void Executable::run_into(std::span<const void* const> inputs, std::span<void* const> outputs) const {
  if (inputs.size() != state_->inputs.size() || outputs.size() != state_->outputs.size())
    throw Error(fmt::format("run_into: the program takes {} inputs and {} outputs, got {} and {}",
                            state_->inputs.size(), state_->outputs.size(), inputs.size(), outputs.size()));
  state_->runner->run(inputs, outputs);
}

namespace session {

std::vector<Array> to_arrays(std::span<const Type> types, std::span<const void* const> memory) {
  std::vector<Array> arrays;
  for (std::size_t k = 0; k < types.size(); ++k) {
    const auto bytes = static_cast<std::size_t>(byte_count(types[k]));
    arrays.emplace_back(types[k], std::span(static_cast<const std::byte*>(memory[k]), bytes));
  }
  return arrays;
}

void copy_out(std::span<const Array> arrays, std::span<void* const> memory) {
  for (std::size_t k = 0; k < arrays.size(); ++k)
    std::copy(arrays[k].bytes().begin(), arrays[k].bytes().end(), static_cast<std::byte*>(memory[k]));
}

}  // namespace session

}  // namespace jaxc
