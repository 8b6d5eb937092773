// Placement arithmetic: where an array's elements lie, and when two arrays lie in the same place.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/plan.h"

namespace jaxc::ir {

/// Extents and strides of a placed array with extents of 1 dropped and contiguous dimensions joined: two
/// arrays with equal layouts have their row-major elements at the same distances.
struct Layout {
  std::vector<std::int64_t> extents;
  std::vector<std::int64_t> strides;
  friend bool operator==(const Layout&, const Layout&) = default;
};
Layout layout(const Shape& shape, const std::vector<std::int64_t>& strides);

/// Whether the row-major elements of two arrays of one element type lie in the same places.
bool same_place(const Program& program, const Plan& plan, ArrayId left, ArrayId right);

/// Whether an array's elements lie row-major without gaps in memory that has an address, which may move with a loop.
bool is_dense(const Program& program, const Plan& plan, ArrayId array);

/// Whether `slice` lies where `whole` has its slice along `axis` at the loop's position.
bool is_view(const Program& program, const Plan& plan, ArrayId slice, ArrayId whole, int axis, NodeId loop);

}  // namespace jaxc::ir
