// The session's CPU backend: native code through LLVM.
#include <chrono>

#include "backends/llvm/llvm.h"
#include "compiler/plan/cpu.h"
#include "jaxc/error.h"
#include "runtime/session/code_cache.h"
#include "runtime/session/compiled.h"

namespace jaxc::session {

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

ir::Plan plan(const ir::Program& program) {
  compiler::CpuPlanOptions options;
  options.vector_bits = cpu::host_vector_bits();
  return compiler::plan_cpu(program, options);
}

std::string step_name(const ir::Node& node) {
  if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) return loop->name;
  if (const auto* routine = std::get_if<ir::Routine>(&node.kind)) return routine->name;
  if (std::holds_alternative<ir::Branch>(node.kind)) return "branch";
  return std::holds_alternative<ir::Reshape>(node.kind) ? "reshape" : "nest";
}

class CpuRunner final : public CompiledRunner {
 public:
  CpuRunner(const Request& request, const cpu::CpuOptions& options, const std::optional<CodeCache>& cache)
      : CompiledRunner(request, plan), options_(options) {
    if (!request.options.make_code) return;
    cpu::CompileStatistics statistics;
    cpu::CpuObject object = cpu::compile(compilation().program, compilation().plan, options, &statistics);
    record_time("emit LLVM", statistics.emit_milliseconds);
    record_time("optimize LLVM", statistics.optimize_milliseconds);
    record_time("generate code", statistics.generate_milliseconds);
    if (cache) cache->store({object, loops});
    link(std::move(object));
  }

  CpuRunner(const Request& request, const cpu::CpuOptions& options, StoredProgram stored, double milliseconds)
      : CompiledRunner(request, plan, std::move(stored.loops)), options_(options) {
    record_time("read cache", milliseconds);
    link(std::move(stored.object));
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (!executable_) throw Error("run: the program was compiled without make_code; compile it with make_code");
    executable_->run(inputs, outputs);
  }

  std::vector<StepTime> profile() const override {
    std::vector<StepTime> steps;
    if (executable_) {
      const std::vector<cpu::NodeTime> times = executable_->profile();
      if (!times.empty()) append_steps(compilation().program.body, times, 0, steps);
    }
    return steps;
  }

 private:
  void append_steps(const ir::Block& block, std::span<const cpu::NodeTime> times, int depth,
                    std::vector<StepTime>& steps) const {
    for (const ir::Node& node : block.nodes) {
      const cpu::NodeTime& time = times[node.id];
      const int inside = depth + (time.calls > 0 ? 1 : 0);
      if (time.calls > 0)
        steps.push_back({step_name(node), describe(node.location), depth, time.calls, time.milliseconds});
      if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
        if (loop->condition) append_steps(*loop->condition, times, inside, steps);
        append_steps(loop->body, times, inside, steps);
      } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
        for (const ir::Block& side : branch->blocks) append_steps(side, times, inside, steps);
      }
    }
  }

  void link(cpu::CpuObject object) {
    const Clock::time_point start = Clock::now();
    executable_.emplace(std::move(object), options_.threads);
    record_time("link", milliseconds_since(start));
  }

  std::string dump_own(Stage stage) const override {
    if (stage == Stage::llvm) return cpu::llvm_ir(compilation().program, compilation().plan, options_);
    if (stage == Stage::assembly)
      return cpu::assembly(compilation().program, compilation().plan, options_,
                           [this](ir::Location location) { return describe(location); });
    refuse(Backend::cpu, stage);
  }

  cpu::CpuOptions options_;
  std::optional<cpu::CpuExecutable> executable_;
};

}  // namespace

std::unique_ptr<Runner> make_cpu(const Request& request) {
  cpu::CpuOptions options;
  options.profile = request.options.profile;
  options.threads = request.options.threads;
  const Clock::time_point start = Clock::now();
  const std::optional<CodeCache> cache = request.options.make_code ? CodeCache::of(request, options) : std::nullopt;
  if (cache)
    if (std::optional<StoredProgram> stored = cache->find())
      return std::make_unique<CpuRunner>(request, options, std::move(*stored), milliseconds_since(start));
  return std::make_unique<CpuRunner>(request, options, cache);
}

}  // namespace jaxc::session
