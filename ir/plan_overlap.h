// Overlap: the bytes that arrays take, and whether a write destroys a value that is still needed.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/plan.h"

namespace jaxc::ir {

/// The bytes [low, high) of its buffer that an array's elements take; high <= low when it has none.
struct Footprint {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

/// Footprints of a plan's arrays, over all positions of the loops that they move with.
class Footprints {
 public:
  Footprints(const Program& program, const Plan& plan);
  Footprint of(ArrayId array) const;

 private:
  const Program& program_;
  const Plan& plan_;
  std::vector<std::int64_t> trip_counts_;  ///< by NodeId; 1 for other nodes and conditional loops
};

/// Follows every write of the plan along one line of time, with memory that arrays share: throws InternalError
/// when a write reaches an array whose value is needed later, or read-only memory. A nest may write where it
/// reads when it reads, at each point, only the element that it stores.
void verify_no_overlap(const Program& program, const Plan& plan);

}  // namespace jaxc::ir
