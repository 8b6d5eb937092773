// Independent axes: the axes of a loop's arrays along which elements never interact, from step to step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/program.h"

namespace jaxc::compiler {

/// Lane axes of a loop: for fixed positions along all of them, the steps compute their part of every array
/// from that part alone, from values that are the same for all lanes, and from arrays made before the loop.
/// So lanes may run one after the other, side by side, or in any order.
struct IndependentAxes {
  std::vector<std::int64_t> extents;  ///< by lane axis
  /// By array: the dimension that is each lane axis, or -1 where the array does not vary along it. Holds the
  /// arrays assigned inside the loop that vary, and the carries' initials and results and the stacked arrays
  /// outside that go with them. An array that is absent does not vary along any.
  std::unordered_map<ir::ArrayId, std::vector<int>> dimensions;
  /// By nest inside the loop: its axis that is each lane axis, or -1 (every lane computes all of it).
  std::unordered_map<ir::NodeId, std::vector<int>> nest_axes;
};

/// The independent axes of a loop, or nothing where there are none. An axis is followed from each dimension of
/// each carry and stacked output through the body: a nest that reads a dimension by one of its own axes (with
/// coefficient 1 and no offset) must store by that axis too; reshapes, slices, carries and branches must keep
/// it. A carry or stacked output that does not vary along an axis is computed again by every lane: it may have
/// 16 elements at most (counters, keys), and the work that lanes repeat may not exceed a lane's own.
std::optional<IndependentAxes> independent_axes(const ir::Program& program, const ir::Node& loop);

/// "6 x 4".
std::string print(const IndependentAxes& axes);

}  // namespace jaxc::compiler
