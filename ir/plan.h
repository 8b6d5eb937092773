// Plan: where a Program's arrays live and how its axes run, decided per target by pure passes.
#pragma once

#include <array>
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
  bool streamed = false;  ///< CPU: whole vectors are stored past the caches, which are too small to keep them
};

/// Where an array lives. Values move only where placements differ: before a loop, initial to argument; after a
/// step, next to argument as the CarryMode says; after a loop, argument to result; value to its slice of a
/// stacked result; a block's result to the branch's; a reshape's source to its result; and base to result
/// before a nest's stores. Where they are equal, nothing moves.
///
/// An array's elements within a buffer: element (i, j, ...) is at element number
/// offset + sum of strides * indices + sum of loop strides * positions, plus, where
/// `lane_dimensions` is set and storage is private, one copy per lane.
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
  serial,     ///< a counted loop; outside reductions with straight-line code for `width` positions, inside all else
  unrolled,   ///< one copy of the code a point
  lanes,      ///< vector lanes, `width` at a time, the last ones masked
  loop_lane,  ///< the lane axis of the enclosing loop: one point a lane
  grid,       ///< GPU: global invocations
  workgroup,  ///< GPU: invocations of one workgroup, strided
};

struct AxisSchedule {
  Schedule schedule = Schedule::serial;
  int width = 1;
};

/// A nest that a library runs, as products that share out its result (one, but for images with zeros between their
/// elements). Each is, for each point of the batch, result[m, n] = sum over k of left[m, k] right[k, n], where m, n and
/// k run over any number of axes. An element of the bounded operand is 0 where a coordinate, which is bounds[d].origin
/// + the sum of axis.coordinates[d] * position, is not within [0, bounds[d].limit).
struct ProductPlan {
  static constexpr std::size_t most_axes = 6;  ///< in a group
  static constexpr std::size_t most_bounds = 3;
  struct Axis {
    std::int64_t extent = 1;
    std::int64_t left = 0;  ///< elements of the three arrays from one position to the next
    std::int64_t right = 0;
    std::int64_t result = 0;
    std::array<std::int64_t, most_bounds> coordinates = {};
  };
  struct Bound {
    std::int64_t origin = 0;
    std::int64_t limit = 0;
    std::int64_t stride = 0;  ///< elements of the bounded operand from one coordinate to the next
  };
  /// Groups of axes, none of them empty, of which the last axis moves fastest; those of k may have no positions.
  struct Piece {
    std::array<std::int64_t, 3> offsets = {};  ///< of the first elements of left, right and result
    std::vector<Axis> rows;                    ///< m
    std::vector<Axis> columns;                 ///< n
    std::vector<Axis> folded;                  ///< k
    std::vector<Axis> batch;
    std::vector<Bound> bounds;
  };
  std::string reason;        ///< why a library
  DType dtype = DType::f32;  ///< f32 or f64
  ArrayId left = 0;
  ArrayId right = 0;
  ArrayId result = 0;
  std::array<std::int64_t, 3> parts = {};  ///< elements from real to imaginary parts; 0 for real numbers
  std::vector<Piece> pieces;
  bool bounds_right = false;   ///< of the right operand, not the left one
  std::int64_t workspace = 0;  ///< the library's memory, at this byte of the scratch arena
  std::int64_t runs = 1;       ///< of the batch that are multiplied at one time, with `bytes` each
  std::int64_t bytes = 0;
};

struct NestPlan {
  /// A parallel axis cut into runs of `positions` (the last may be shorter), which threads share out. The cut depends
  /// on shapes alone.
  struct Split {
    int axis = 0;
    std::int64_t positions = 0;
  };
  std::vector<int> order;              ///< the nest's axes, outermost first
  std::vector<AxisSchedule> axes;      ///< by axis number
  std::optional<Split> split;          ///< CPU
  std::optional<ProductPlan> product;  ///< CPU: the library's path, in place of all the above
};

enum class LoopPath : std::uint8_t { fused, registers, workgroup };

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
  /// CPU, in threads: how many vectors of lanes (positions of the outermost lane axis, or steps of a loop without
  /// lanes whose steps are independent) a thread takes at a time.
  std::int64_t lane_run = 0;
  bool unrolled = false;  ///< straight-line code, one copy a step
};

enum class RoutinePath : std::uint8_t {
  expansion,  ///< generated code
  library,    ///< a library's routine, outside loops alone
  prefix,     ///< prefixes, outside loops: lines in tiles, tiles in vectors
};

struct RoutinePlan {
  RoutinePath path = RoutinePath::expansion;
  std::string reason;  ///< why this path
  /// Prefixes: positions of a tile, which is folded by itself; a multiple of 64, by shapes alone.
  std::int64_t tile = 0;
  /// Memory of the library's routine, or of the tiles that threads share out: `parts` pieces of `part_bytes` at byte
  /// `workspace` of the scratch arena.
  std::int64_t workspace = 0;
  std::int64_t part_bytes = 0;
  std::int64_t parts = 0;
};

enum class Target : std::uint8_t { cpu, gpu };

struct Plan {
  Target target = Target::cpu;
  std::vector<Buffer> buffers;
  std::vector<Placement> placements;  ///< by ArrayId
  std::unordered_map<NodeId, NestPlan> nests;
  std::unordered_map<NodeId, LoopPlan> loops;
  std::unordered_map<NodeId, RoutinePlan> routines;  ///< CPU; those without a plan run their expansion
  std::unordered_map<NodeId, std::string> refusals;  ///< CPU: why no library runs a large nest or routine
  std::int64_t scratch_bytes = 0;
  std::int64_t vector_bits = 0;  ///< CPU: widest vector
  /// CPU: numbers of outermost nodes, ascending, before which native code goes on in another function. No private
  /// memory is handed on there.
  std::vector<std::size_t> cuts;
};

/// Whether a routine runs its expansion: neither a library nor tiles stand in for it.
inline bool runs_expansion(const Plan& plan, NodeId routine) {
  const auto found = plan.routines.find(routine);
  return found == plan.routines.end() || found->second.path == RoutinePath::expansion;
}

std::string_view name(Storage storage);
std::string_view name(Schedule schedule);
std::string_view name(LoopPath path);
std::string_view name(CarryMode mode);
std::string_view name(RoutinePath path);

/// Text for people: buffers, placements, schedules, loops with their reasons.
std::string print(const Program& program, const Plan& plan);
/// Checks that every array is placed within its buffer, that schedules match nests and that no two arrays
/// that are alive together overlap unless one is the other's update in place. Throws InternalError.
void verify(const Program& program, const Plan& plan);

}  // namespace jaxc::ir
