// Lanes: which points of a nest share one vector, and where each axis stands in every lane.
#pragma once

#include <llvm/IR/Value.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ir/plan.h"

namespace jaxc::cpu {

/// The lanes of one piece of code. Lanes from `valid` on are padding; `mask` is null where every lane counts.
struct Lanes {
  int width = 1;
  int valid = 1;
  llvm::Value* mask = nullptr;

  /// The mask is not known when code is made.
  bool dynamic() const { return mask != nullptr && valid == width; }
};

/// The position on one axis: `base` plus `origin` (i64; null means 0), plus a constant in each lane (empty: none).
struct AxisPoint {
  llvm::Value* base = nullptr;
  std::vector<std::int64_t> offsets;
  llvm::Value* origin = nullptr;  ///< where the part of the axis begins that this code is for
};

/// Where a nest's code stands: its axes' positions and its lanes.
struct Point {
  std::vector<AxisPoint> axes;
  Lanes lanes;
};

/// A run of `count` positions of one axis that straight-line code handles together.
struct Tile {
  std::int64_t base = 0;
  std::int64_t count = 1;
};

/// The tiles of an axis, of `width` positions each but for the last one: counted, since there may be very many.
struct Tiling {
  std::int64_t extent = 0;
  std::int64_t width = 1;

  std::int64_t full() const { return extent / width; }
  bool partial() const { return extent % width != 0; }
  std::int64_t count() const { return full() + (partial() ? 1 : 0); }
  Tile operator[](std::int64_t number) const { return {number * width, std::min(width, extent - number * width)}; }
  /// The tiles from number `begin` to before `end`.
  std::vector<Tile> range(std::int64_t begin, std::int64_t end) const;
};

/// The tiles of an axis: a vector each when it is in lanes, else one position each.
Tiling tiles(std::int64_t extent, const ir::AxisSchedule& schedule);
/// Lanes for the product of `counts`, row-major, in a vector of the next power of two; `offsets` gets one vector
/// for each count. Padding repeats the last position. The mask is left null.
Lanes spread(const std::vector<std::int64_t>& counts, std::vector<std::vector<std::int64_t>>& offsets);

}  // namespace jaxc::cpu
