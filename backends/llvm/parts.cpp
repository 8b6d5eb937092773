// Finds cuts that no private buffer spans.
#include "backends/llvm/parts.h"

#include <algorithm>

namespace jaxc::cpu {

std::vector<std::size_t> parts(const ir::Program& program, const ir::Plan& plan, std::size_t weight) {
  const std::vector<ir::Node>& nodes = program.body.nodes;
  // By buffer: the last outermost node that touches it, while it is private.
  std::vector<std::size_t> last(plan.buffers.size(), 0);
  std::vector<std::vector<ir::BufferId>> touched(nodes.size());
  std::vector<std::size_t> weights(nodes.size(), 0);
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const auto touch = [&](ir::ArrayId array) {
      const ir::BufferId buffer = plan.placements[array].buffer;
      const ir::Storage storage = plan.buffers[buffer].storage;
      if (storage != ir::Storage::stack && storage != ir::Storage::registers) return;
      touched[k].push_back(buffer);
      last[buffer] = k;
    };
    const auto visit = [&](const ir::Node& node) {
      ++weights[k];
      for (ir::ArrayId array : ir::arrays_read(node)) touch(array);
      for (ir::ArrayId array : ir::arrays_assigned(node)) touch(array);
    };
    visit(nodes[k]);
    if (const auto* loop = std::get_if<ir::Loop>(&nodes[k].kind)) {
      if (loop->condition) ir::visit_nodes(*loop->condition, visit);
      ir::visit_nodes(loop->body, visit);
    } else if (const auto* branch = std::get_if<ir::Branch>(&nodes[k].kind)) {
      for (const ir::Block& side : branch->blocks) ir::visit_nodes(side, visit);
    } else if (const auto* routine = std::get_if<ir::Routine>(&nodes[k].kind)) {
      ir::visit_nodes(routine->expansion, visit);
    }
  }
  std::vector<std::size_t> ends;
  std::size_t needed = 0;  // the last node that touches a private buffer of the current run
  std::size_t gathered = 0;
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    for (ir::BufferId buffer : touched[k]) needed = std::max(needed, last[buffer]);
    gathered += weights[k];
    if (gathered < weight || needed > k) continue;
    ends.push_back(k + 1);
    gathered = 0;
  }
  if (ends.empty() || ends.back() != nodes.size()) ends.push_back(nodes.size());
  return ends;
}

}  // namespace jaxc::cpu
