// Emits the nodes of a Program into one kernel, as its team of invocations runs them.
#pragma once

#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "backends/spirv/arrays.h"
#include "backends/spirv/scalar_code.h"
#include "backends/spirv/spirv.h"

namespace jaxc::spirv {

/// Who runs a kernel.
enum class Team : std::uint8_t {
  grid,        ///< every invocation its own points of one nest
  workgroup,   ///< one workgroup runs all nodes together, with barriers between dependent ones
  invocation,  ///< each invocation runs all nodes alone, for its own lane
};

struct KernelShape {
  Team team = Team::grid;
  std::uint32_t workgroup_size = 64;
  std::vector<std::int64_t> lane_extents;  ///< invocation: the lanes of its loop; none: a single one

  std::int64_t lanes() const;
};

/// What is accessed since the last barrier.
class Hazards {
 public:
  bool conflict(std::span<const Extent> reads, std::span<const Extent> writes) const;
  void add(std::span<const Extent> reads, std::span<const Extent> writes);
  void add(const Hazards& other) { add(other.reads_, other.writes_); }
  void clear();
  bool empty() const { return reads_.empty() && writes_.empty(); }

 private:
  std::vector<Extent> reads_;
  std::vector<Extent> writes_;
};

/// The words of push constants that every kernel takes.
struct PushConstants {
  static constexpr std::uint32_t table = 0;  ///< address of the address table
  static constexpr std::uint32_t begin = 1;  ///< loops: the first step of this dispatch
  static constexpr std::uint32_t end = 2;    ///< loops: the step after the last
  static constexpr std::uint32_t turns = 3;  ///< 2: see KernelEmitter::complete
  static constexpr std::uint32_t count = 4;
};

/// Where a kernel keeps what must outlast a dispatch, in bytes of the state memory.
struct KernelState {
  std::int64_t completions = 0;  ///< an i32: invocations that reached the end
  std::int64_t running = 4;      ///< an i32: 1 while a loop's condition holds
  std::int64_t carries = 0;      ///< the first byte for carries
};

class KernelEmitter {
 public:
  KernelEmitter(const ir::Program& program, const ir::Plan& plan, const DeviceDescription& device,
                const KernelShape& shape, const AddressTable& table, const std::set<ir::ArrayId>& arrays);

  /// A nest alone in its kernel (grid), or among others.
  void nest(ir::NodeId id, const ir::Nest& nest);
  void block(const ir::Block& block);
  void node(const ir::Node& node);
  /// A whole loop as a kernel of its own, `chunk` steps a dispatch at most (0: all).
  void loop_kernel(ir::NodeId id, const ir::Loop& loop, std::int64_t chunk, const KernelState& state);
  /// Copies whole arrays in row-major order, all reads before all writes.
  void move(std::vector<std::pair<ir::ArrayId, ir::ArrayId>> moves);
  /// Bytes of state that loop_kernel needs for one loop's carries.
  std::int64_t carry_bytes(const ir::Loop& loop) const;
  /// Ends the kernel with a short loop: an invocation that can still take turns counts itself as complete, which
  /// one does not whose loops the device has cut short.
  void complete(const KernelState& state);
  /// The kernel's words. Throws Error when it needs a type that the device lacks.
  std::vector<std::uint32_t> finish();

 private:
  using Move = std::pair<ir::ArrayId, ir::ArrayId>;
  struct NestState;

  // Nests (kernel_nest.cpp).
  void set_lane_axes(NestState& state);
  void points(NestState& state);
  void loop_axes(NestState& state, std::size_t position);
  void emit_level(NestState& state, int level);
  void at_point(NestState& state);
  void begin_reduction(NestState& state);
  void store_outputs(NestState& state, std::span<const Value> values);
  void reduce_in_team(NestState& state);
  Value index(const RegionValues& scope, const ir::Index& index, std::int64_t extent);
  std::vector<Value> indices(const RegionValues& scope, std::span<const ir::Index> all, ir::ArrayId array);
  Value read(const ir::ScalarOp& op, const RegionValues& scope);

  // Loops and branches (kernel_control.cpp).
  void loop(ir::NodeId id, const ir::Loop& loop);
  void branch(const ir::Branch& branch);
  void step(ir::NodeId id, const ir::Loop& loop, Value position);
  Value condition(const ir::Loop& loop);
  std::vector<Move> initial_moves(const ir::Loop& loop) const;
  std::vector<Move> next_moves(const ir::Loop& loop) const;
  std::vector<Move> result_moves(const ir::Loop& loop) const;
  /// Arrays of the loop that one invocation reads at indices known now, few enough to keep in registers.
  struct Kept {
    std::vector<ir::ArrayId> slices;      ///< of stacked inputs: loaded ahead of their step
    std::vector<ir::ArrayId> invariants;  ///< made before the loop: loaded once
  };
  Kept kept_arrays(const ir::Loop& loop) const;
  /// All elements of the invocation's lane, loaded from memory.
  std::vector<Value> load_elements(ir::ArrayId array);
  void save_carries(const ir::Loop& loop, std::int64_t offset, bool save);
  Value read_scalar(ir::ArrayId array);

  // Copies, barriers (kernel_emitter.cpp).
  void copy_elements(std::span<const Move> moves);
  /// Runs over [0, count), shared among the team; unrolled for arrays in registers.
  void share(std::int64_t count, bool unrolled, const std::function<void(Value)>& body);
  /// The dimension of the array that is each lane axis, or -1; empty outside lanes.
  std::span<const int> lane_dimensions(ir::ArrayId array) const;
  /// Indices of the element with this number among those of the invocation's lane.
  std::vector<Value> element_indices(ir::ArrayId array, Value number, std::span<const int> lane_dimensions);
  std::int64_t team_count(ir::ArrayId array, std::span<const int> lane_dimensions) const;
  bool in_registers(ir::ArrayId array) const;
  /// Emits a barrier when these accesses conflict with earlier ones, and notes them.
  void access(std::span<const ir::ArrayId> reads, std::span<const ir::ArrayId> writes);
  void note(std::span<const ir::ArrayId> reads, std::span<const ir::ArrayId> writes);
  std::vector<Extent> extents(std::span<const ir::ArrayId> arrays) const;
  void barrier();
  void flush();
  std::vector<Value> decompose(Value number, std::span<const std::int64_t> extents);
  Value i32(std::int64_t value) { return module_.integer(Kind::i32, value); }

  const ir::Program& program_;
  const ir::Plan& plan_;
  const DeviceDescription& device_;
  KernelShape shape_;
  BarrierScope scope_;
  Module module_;
  ScalarCode scalar_;
  Arrays arrays_;
  Hazards hazards_;
  Value local_;
  Value lane_;                                                   ///< the number of the invocation's lane
  std::vector<Value> lanes_;                                     ///< its position on each lane axis
  std::map<std::pair<std::size_t, Kind>, LocalArray> partials_;  ///< for reductions in the team
  std::map<ir::ArrayId, Narrow> positions_;                      ///< of the loops around, by their arrays
};

}  // namespace jaxc::spirv
