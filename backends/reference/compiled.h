// Compiled nodes: what the interpreter prepares once per node of a Program.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "backends/reference/memory.h"
#include "backends/reference/scalar_evaluate.h"
#include "ir/plan.h"

namespace jaxc::reference {

struct StoreCode {
  std::vector<SlotIndex> indices;
  std::optional<Slot> guard;
  std::optional<Code> combine;
  Operation merge = nullptr;
  Value merge_identity = 0;
  bool moves_base = false;
};

struct NestCode {
  Code body;
  std::optional<Code> step;
  std::vector<StoreCode> stores;
  std::vector<int> lane_axes;  ///< by lane axis of the loop around: the nest's axis, or -1
};

/// Which values a loop moves, because the plan places them apart.
struct LoopCode {
  std::vector<bool> initial;
  std::vector<bool> next;
  std::vector<bool> result;
  std::vector<bool> inputs;
  std::vector<bool> outputs;
  std::vector<ir::BufferId> private_buffers;  ///< of arrays assigned inside, when the loop runs in lanes
};

struct CompiledProgram {
  CompiledProgram(const ir::Program& program, const ir::Plan& plan);

  ScalarProgram scalars;
  Aliases aliases;
  std::unordered_map<ir::NodeId, NestCode> nests;
  std::unordered_map<ir::NodeId, LoopCode> loops;
  std::unordered_map<ir::NodeId, bool> reshapes;                            ///< whether elements move
  std::unordered_map<ir::NodeId, std::vector<std::vector<bool>>> branches;  ///< by block and result
};

}  // namespace jaxc::reference
