// Plan: where a Program's arrays live and how its axes run, decided per target by pure passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/program.h"

namespace jaxc::ir {

/// Where a buffer lives.
enum class Storage : std::uint8_t {
  input,      ///< the caller's memory, read only; `slot` numbers the input
  output,     ///< the caller's memory; `slot` numbers the output
  constant,   ///< the program's constant number `slot`, read only
  scratch,    ///< memory of one call, at byte `slot` of its arena (64-byte aligned)
  stack,      ///< small memory private to the thread or invocation, indexed by values
  registers,  ///< small and always indexed by numbers known when code is made
  shared,     ///< memory of a workgroup
};

using BufferId = std::uint32_t;

struct Buffer {
  Storage storage = Storage::scratch;
  std::int64_t bytes = 0;
  std::int64_t slot = 0;
};

/// Where an array lives. Values move only where placements differ: before a loop, initial to argument; after a
/// step, next to argument as the CarryMode says; after a loop, argument to result; value to its slice of a
/// stacked result; a block's result to the branch's; a reshape's source to its result; and base to result
/// before a nest's stores. Where they are equal, nothing moves.
///
/// An array's elements within a buffer: element (i, j, ...) is at element number
/// offset + sum of strides * indices + sum of loop strides * positions, plus, where `lane` is set, one copy per lane.
struct Placement {
  struct LoopStride {
    NodeId loop = 0;
    std::int64_t stride = 0;
  };
  BufferId buffer = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;     ///< in elements, one per dimension
  std::vector<LoopStride> loop_strides;  ///< a slice of a stacked array moves with its loop's position
  /// Inside a loop run in lanes: the dimension (or -1) that is each lane axis. For private storage (stack,
  /// registers) that dimension has stride 0 and each lane has its own copy.
  std::vector<int> lane_dimensions;
};

enum class Schedule : std::uint8_t {
  serial,     ///< a counted loop
  unrolled,   ///< one copy of the code a point
  lanes,      ///< vector lanes, `width` at a time, the last ones masked
  loop_lane,  ///< the lane axis of the enclosing loop: one point a lane
  threads,    ///< split over the thread pool
  grid,       ///< GPU: global invocations
  workgroup,  ///< GPU: invocations of one workgroup, strided
};

struct AxisSchedule {
  Schedule schedule = Schedule::serial;
  int width = 1;
};

struct NestPlan {
  std::vector<int> order;          ///< the nest's axes, outermost first
  std::vector<AxisSchedule> axes;  ///< by axis number
};

enum class LoopPath : std::uint8_t { fused, registers, workgroup, prefix, stepped };

/// How a carry moves from `next` to the following `argument`.
enum class CarryMode : std::uint8_t {
  in_place,  ///< next is written over argument: one buffer
  doubled,   ///< two buffers that trade places each step
  copied,    ///< two buffers, next copied to argument at the end of a step (registers: free)
};

struct LoopPlan {
  LoopPath path = LoopPath::fused;
  std::string reason;  ///< why this path
  std::vector<CarryMode> carries;
  /// Lane axes (from the analysis of independent axes): extents; empty when steps are not split in lanes.
  std::vector<std::int64_t> lane_extents;
  int lane_width = 1;         ///< CPU: vector lanes; GPU: 1
  bool lane_threads = false;  ///< lanes are also split over threads (CPU) or the grid (GPU)
  bool unrolled = false;      ///< straight-line code, one copy a step
  std::int64_t chunk = 0;     ///< GPU: steps a dispatch; 0: all
};

enum class Target : std::uint8_t { cpu, gpu };

struct Plan {
  Target target = Target::cpu;
  std::vector<Buffer> buffers;
  std::vector<Placement> placements;  ///< by ArrayId
  std::unordered_map<NodeId, NestPlan> nests;
  std::unordered_map<NodeId, LoopPlan> loops;
  std::int64_t scratch_bytes = 0;
  std::int64_t vector_bits = 0;  ///< CPU: widest vector
};

std::string_view name(Storage storage);
std::string_view name(Schedule schedule);
std::string_view name(LoopPath path);
std::string_view name(CarryMode mode);

/// Text for people: buffers, placements, schedules, loops with their reasons.
std::string print(const Program& program, const Plan& plan);
/// Checks that every array is placed within its buffer, that schedules match nests and that no two arrays
/// that are alive together overlap unless one is the other's update in place. Throws InternalError.
void verify(const Program& program, const Plan& plan);

}  // namespace jaxc::ir
