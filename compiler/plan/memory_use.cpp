// Sweeps over the line of time that liveness is measured on, buffer by buffer.
#include "compiler/plan/memory_use.h"

#include <algorithm>
#include <vector>

#include "compiler/plan/liveness.h"

namespace jaxc::compiler {

namespace {

struct Need {
  LiveRange range;
  std::int64_t bytes = 0;
};

/// At which moment a sum of bytes changes, and by how much.
using Changes = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// Adds the changes of the largest of the needs over time: arrays of one buffer lie over each other.
void add_changes(std::vector<Need> needs, Changes& changes) {
  std::sort(needs.begin(), needs.end(),
            [](const Need& left, const Need& right) { return left.range.begin < right.range.begin; });
  for (std::size_t k = 0; k < needs.size();) {
    // Needs that follow each other without a gap, as one.
    Need whole = needs[k];
    for (++k; k < needs.size() && needs[k].range.begin <= whole.range.end; ++k) {
      whole.range.end = std::max(whole.range.end, needs[k].range.end);
      whole.bytes = std::max(whole.bytes, needs[k].bytes);
    }
    changes.emplace_back(whole.range.begin, whole.bytes);
    changes.emplace_back(whole.range.end + 1, -whole.bytes);
  }
}

}  // namespace

MemoryUse memory_use(const ir::Program& program, const ir::Plan& plan) {
  MemoryUse use{plan.scratch_bytes, 0};
  const auto is_own = [](ir::Storage storage) {
    return storage == ir::Storage::scratch || storage == ir::Storage::stack || storage == ir::Storage::registers ||
           storage == ir::Storage::shared;
  };
  for (const ir::Buffer& buffer : plan.buffers)
    if (is_own(buffer.storage) && buffer.storage != ir::Storage::scratch) use.planned += buffer.bytes;

  const Liveness live = liveness(program);
  std::vector<std::vector<Need>> needs(plan.buffers.size());
  for (ir::ArrayId array = 0; array < program.arrays.size(); ++array) {
    const ir::BufferId number = plan.placements[array].buffer;
    if (!is_own(plan.buffers[number].storage)) continue;
    const ir::ProgramArray& info = program.arrays[array];
    const auto width = static_cast<std::int64_t>(element_bytes(info.dtype));
    LiveRange range = live.ranges[array];
    range.end = std::max(range.end, range.begin);
    const std::int64_t bytes = std::min(element_count(info.shape) * width, plan.buffers[number].bytes);
    needs[number].push_back({range, bytes});
  }
  Changes changes;
  for (std::vector<Need>& of_buffer : needs) add_changes(std::move(of_buffer), changes);
  std::sort(changes.begin(), changes.end());  // what ends at a moment ends before what begins there
  std::int64_t bytes = 0;
  for (const auto& [moment, change] : changes) use.live = std::max(use.live, bytes += change);
  return use;
}

}  // namespace jaxc::compiler
