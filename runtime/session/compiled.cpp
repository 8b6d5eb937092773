// Implements what compiled backends share.
#include "runtime/session/compiled.h"

#include <fmt/format.h>

#include "compiler/plan/memory_use.h"
#include "ir/printer.h"
#include "ir/source.h"

namespace jaxc::session {

namespace {

// Loops, and products and routines that a library runs or that are large and it does not.
void report_loops(const ir::Block& block, const ir::Plan& plan, int depth, std::vector<LoopReport>& reports) {
  for (const ir::Node& node : block.nodes) {
    const auto* named = std::get_if<ir::Routine>(&node.kind);
    const std::string name = named == nullptr ? "product" : named->name;
    if (const auto refusal = plan.refusals.find(node.id); refusal != plan.refusals.end())
      reports.push_back({name, node.location.line, depth, "generated", refusal->second});
    if (const auto nest = plan.nests.find(node.id); nest != plan.nests.end() && nest->second.product)
      reports.push_back({name, node.location.line, depth, "library", nest->second.product->reason});
    if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      const ir::LoopPlan& loop_plan = plan.loops.at(node.id);
      reports.push_back(
          {loop->name, node.location.line, depth, std::string(ir::name(loop_plan.path)), loop_plan.reason});
      report_loops(loop->body, plan, depth + 1, reports);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const ir::Block& inner : branch->blocks) report_loops(inner, plan, depth, reports);
    } else if (const auto* routine = std::get_if<ir::Routine>(&node.kind)) {
      const auto found = plan.routines.find(node.id);
      if (found != plan.routines.end() && found->second.path == ir::RoutinePath::library)
        reports.push_back({name, node.location.line, depth, "library", found->second.reason});
      else if (found != plan.routines.end() && found->second.path == ir::RoutinePath::prefix)
        reports.push_back(
            {name, node.location.line, depth, std::string(ir::name(ir::LoopPath::fused)), found->second.reason});
      else
        report_loops(routine->expansion, plan, depth, reports);
    }
  }
}

}  // namespace

CompiledRunner::CompiledRunner(const Request& request, Planner plan) : CompiledRunner(request, std::move(plan), {}) {
  compilation_ = compiler::compile(jaxpr_, constants_, options_, plan_, request.options.observe_passes);
  report_loops(compilation_->program.body, compilation_->plan, 0, loops);
  for (const compiler::PassDuration& pass : compilation_->times) record_time(std::string(pass.pass), pass.time.count());
}

CompiledRunner::CompiledRunner(const Request& request, Planner plan, std::vector<LoopReport> known_loops)
    : jaxpr_(request.program.jaxpr),
      constants_(request.program.constant_values),
      options_{.threefry_partitionable = request.threefry_partitionable,
               .for_caches = request.options.backend != Backend::gpu},
      plan_(std::move(plan)) {
  loops = std::move(known_loops);
}

const compiler::Compilation& CompiledRunner::compilation() const {
  const std::lock_guard lock(mutex_);
  if (!compilation_) compilation_ = compiler::compile(jaxpr_, constants_, options_, plan_);
  return *compilation_;
}

std::string CompiledRunner::describe(ir::Location location) const {
  if (location.line == 0) return "";
  std::vector<const ir::Jaxpr*> pending = {&jaxpr_};
  std::vector<ir::JaxprPointer> kept;
  while (!pending.empty()) {
    const ir::Jaxpr& jaxpr = *pending.back();
    pending.pop_back();
    for (const ir::Equation& equation : jaxpr.equations) {
      if (equation.location.line == location.line && equation.location.column == location.column)
        return ir::describe(jaxpr, equation);
      for (ir::JaxprPointer& inner : ir::sub_jaxprs(equation)) {
        pending.push_back(inner.get());
        kept.push_back(std::move(inner));
      }
    }
  }
  return "";
}

std::string CompiledRunner::dump(Stage stage) const {
  switch (stage) {
    case Stage::jaxpr:
      return ir::print(jaxpr_);
    case Stage::simplified:
      return ir::print(compilation().simplified);
    case Stage::program:
      return ir::print(compilation().program);
    case Stage::plan:
      return ir::print(compilation().program, compilation().plan);
    default:
      return dump_own(stage);
  }
}

MemoryReport CompiledRunner::memory() const {
  const compiler::MemoryUse use = compiler::memory_use(compilation().program, compilation().plan);
  return {use.planned, use.live};
}

void CompiledRunner::refuse(Backend backend, Stage stage) {
  throw Error(
      fmt::format("dump: the backend {} makes no {}; choose another backend or stage", name(backend), name(stage)));
}

}  // namespace jaxc::session
