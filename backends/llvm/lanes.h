// Lanes: which points of a nest share one vector, and where each axis stands in every lane.
#pragma once

#include <llvm/IR/Value.h>

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

/// The tiles of an axis: `width` positions each when it is in lanes (the last may be shorter), else one each.
std::vector<Tile> tiles(std::int64_t extent, const ir::AxisSchedule& schedule);
/// Lanes for the product of `counts`, row-major, in a vector of the next power of two; `offsets` gets one vector
/// for each count. Padding repeats the last position. The mask is left null.
Lanes spread(const std::vector<std::int64_t>& counts, std::vector<std::vector<std::int64_t>>& offsets);

}  // namespace jaxc::cpu
