// Placement: from classes of arrays and a choice of storage for each, the buffers and places of a Plan.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "compiler/plan/coalesce.h"
#include "ir/plan.h"

namespace jaxc::compiler {

/// The storage that a target chooses for a class without a home, and the padded length of its rows
/// (0: none; only for private storage).
struct StorageChoice {
  ir::Storage storage = ir::Storage::scratch;
  std::int64_t row = 0;
  bool empty = false;  ///< no code knows the class: its buffer has no bytes
};
using ChooseStorage = std::function<StorageChoice(std::uint32_t storage_class)>;

/// Fills plan.buffers, plan.placements and plan.scratch_bytes. Scratch classes that are not alive together
/// share memory, packed first fit by decreasing size.
void place_arrays(const ir::Program& program, const StorageClasses& classes, const ChooseStorage& choose,
                  ir::Plan& plan);

/// The dimension (or -1) of an array that is each lane axis of its loop; nothing for arrays outside loops in lanes.
using LaneDimensions = std::function<std::optional<std::vector<int>>(ir::ArrayId)>;

/// Gives arrays of loops in lanes their lane dimensions, and private ones the strides and size of one lane's part.
void place_lanes(const ir::Program& program, const StorageClasses& classes, const LaneDimensions& lane_dimensions,
                 ir::Plan& plan);

}  // namespace jaxc::compiler
