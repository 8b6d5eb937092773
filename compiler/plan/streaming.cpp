// Marks outputs that only pass through the caches.
#include "compiler/plan/streaming.h"

#include <algorithm>
#include <set>

namespace jaxc::compiler {

namespace {

// Stores past the caches take longer where the lines would have stayed in them. What a loop computes between them finds
// more room there.
constexpr std::int64_t least_bytes = std::int64_t{1} << 24;
constexpr std::int64_t least_bytes_of_loops = std::int64_t{1} << 25;

}  // namespace

void mark_streamed(const ir::Program& program, ir::Plan& plan) {
  std::vector<bool> reread(plan.buffers.size(), false);
  std::vector<bool> in_loops(plan.buffers.size(), false);
  const auto visit = [&](const ir::Node& outermost) {
    std::set<ir::BufferId> read;
    std::set<ir::BufferId> written;
    const auto mark = [&](const std::vector<ir::ArrayId>& arrays, std::set<ir::BufferId>& buffers) {
      for (ir::ArrayId array : arrays) buffers.insert(plan.placements[array].buffer);
    };
    const auto add = [&](const ir::Node& node) {
      mark(ir::arrays_read(node), read);
      mark(ir::arrays_assigned(node), written);
      if (const auto* loop = std::get_if<ir::Loop>(&node.kind))
        for (const ir::Carry& carry : loop->carries) mark({carry.argument, carry.next, carry.result}, read);
    };
    add(outermost);
    if (const auto* loop = std::get_if<ir::Loop>(&outermost.kind)) ir::visit_nodes(loop->body, add);
    for (ir::BufferId buffer : written) {
      if (read.contains(buffer)) reread[buffer] = true;
      if (!std::holds_alternative<ir::Nest>(outermost.kind)) in_loops[buffer] = true;
    }
  };
  std::for_each(program.body.nodes.begin(), program.body.nodes.end(), visit);
  for (std::size_t k = 0; k < plan.buffers.size(); ++k) {
    ir::Buffer& buffer = plan.buffers[k];
    buffer.streamed = buffer.storage == ir::Storage::output && !reread[k] &&
                      buffer.bytes >= (in_loops[k] ? least_bytes_of_loops : least_bytes);
  }
}

}  // namespace jaxc::compiler
