// Liveness: when each array of a Program holds a value that is still needed, on one line of time.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/program.h"

namespace jaxc::compiler {

/// The first and last moment at which an array's value matters.
struct LiveRange {
  std::int64_t begin = 0;
  std::int64_t end = -1;  ///< before begin: never used

  bool overlaps(const LiveRange& other) const { return begin <= other.end && other.begin <= end; }
};

/// Moments of a node: it reads at `begin`, and assigns at `end`; a loop's arguments are assigned at
/// begin + 1, and its nexts and values are read at `end` - 1, the end of each step.
struct NodeMoments {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Live ranges on a time line where each node of the Program has its moments, bodies inside their loops.
/// An array that a loop's body reads but does not assign is needed until the loop's last step ends.
struct Liveness {
  std::vector<LiveRange> ranges;               ///< by ArrayId
  std::vector<NodeMoments> moments;            ///< by NodeId
  std::vector<std::vector<ir::NodeId>> loops;  ///< by ArrayId: the loops around its assignment, outermost first
};

/// Linear in the size of the Program times the nesting depth.
Liveness liveness(const ir::Program& program);

}  // namespace jaxc::compiler
