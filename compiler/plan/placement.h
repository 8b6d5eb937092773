// Placement: from classes of arrays and a choice of storage for each, the buffers and places of a Plan.
#pragma once

#include <functional>

#include "compiler/plan/coalesce.h"
#include "ir/plan.h"

namespace jaxc::compiler {

/// The storage that a target chooses for a class without a home, and the padded length of its rows
/// (0: none; only for private storage).
struct StorageChoice {
  ir::Storage storage = ir::Storage::scratch;
  std::int64_t row = 0;
};
using ChooseStorage = std::function<StorageChoice(std::uint32_t storage_class)>;

/// Fills plan.buffers, plan.placements and plan.scratch_bytes. Scratch classes that are not alive together
/// share memory, packed first fit by decreasing size.
void place_arrays(const ir::Program& program, const StorageClasses& classes, const ChooseStorage& choose,
                  ir::Plan& plan);

}  // namespace jaxc::compiler
