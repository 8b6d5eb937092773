// Implements what compiled backends share.
#include "runtime/session/compiled.h"

#include <fmt/format.h>

#include "ir/printer.h"

namespace jaxc::session {

namespace {

void report_loops(const ir::Block& block, const ir::Plan& plan, int depth, std::vector<LoopReport>& reports) {
  for (const ir::Node& node : block.nodes) {
    if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      const ir::LoopPlan& loop_plan = plan.loops.at(node.id);
      reports.push_back(
          {loop->name, node.location.line, depth, std::string(ir::name(loop_plan.path)), loop_plan.reason});
      report_loops(loop->body, plan, depth + 1, reports);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const ir::Block& inner : branch->blocks) report_loops(inner, plan, depth, reports);
    } else if (const auto* routine = std::get_if<ir::Routine>(&node.kind)) {
      report_loops(routine->expansion, plan, depth, reports);
    }
  }
}

}  // namespace

CompiledRunner::CompiledRunner(const Request& request, const std::function<ir::Plan(const ir::Program&)>& plan)
    : jaxpr_(request.program.jaxpr),
      compilation_(compiler::compile(request.program.jaxpr, request.program.constant_values,
                                     {.threefry_partitionable = request.threefry_partitionable,
                                      .group_rows = request.options.backend != Backend::gpu},
                                     plan,
                                     request.options.observe_passes)) {
  report_loops(compilation_.program.body, compilation_.plan, 0, loops);
  for (const compiler::PassDuration& pass : compilation_.times) record_time(std::string(pass.pass), pass.time.count());
}

std::string CompiledRunner::dump(Stage stage) const {
  switch (stage) {
    case Stage::jaxpr:
      return ir::print(jaxpr_);
    case Stage::simplified:
      return ir::print(compilation_.simplified);
    case Stage::program:
      return ir::print(compilation_.program);
    case Stage::plan:
      return ir::print(compilation_.program, compilation_.plan);
    default:
      return dump_own(stage);
  }
}

void CompiledRunner::refuse(Backend backend, Stage stage) {
  throw Error(
      fmt::format("dump: the backend {} makes no {}; choose another backend or stage", name(backend), name(stage)));
}

}  // namespace jaxc::session
