// Spreads points over lanes, row-major.
#include "backends/llvm/lanes.h"

#include <bit>

namespace jaxc::cpu {

std::vector<Tile> Tiling::range(std::int64_t begin, std::int64_t end) const {
  std::vector<Tile> result;
  for (std::int64_t number = begin; number < end; ++number) result.push_back((*this)[number]);
  return result;
}

Tiling tiles(std::int64_t extent, const ir::AxisSchedule& schedule) {
  if (schedule.schedule != ir::Schedule::lanes) return {extent, 1};
  return {extent, std::clamp<std::int64_t>(schedule.width, 1, std::max<std::int64_t>(extent, 1))};
}

Lanes spread(const std::vector<std::int64_t>& counts, std::vector<std::vector<std::int64_t>>& offsets) {
  std::int64_t product = 1;
  for (std::int64_t count : counts) product *= count;
  const auto width = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(product)));
  offsets.assign(counts.size(), {});
  for (std::int64_t lane = 0; lane < width; ++lane) {
    std::int64_t position = std::min(lane, product - 1);
    std::int64_t below = product;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      below /= counts[k];
      offsets[k].push_back(position / below);
      position %= below;
    }
  }
  return Lanes{static_cast<int>(width), static_cast<int>(product), nullptr};
}

}  // namespace jaxc::cpu
