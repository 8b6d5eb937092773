// Arrays: every access to the Program's arrays, in memory or in registers, as the Plan places them.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/llvm/code.h"
#include "backends/llvm/lanes.h"

namespace jaxc::cpu {

/// The element that each lane touches: constant + sum of value * coefficient + lanes + varying.
struct ElementNumber {
  std::int64_t constant = 0;
  std::vector<std::pair<llvm::Value*, std::int64_t>> terms;  ///< scalars known only at run time
  std::vector<std::int64_t> lanes;                           ///< a constant in each lane; empty: none
  llvm::Value* varying = nullptr;                            ///< a vector of i64, or null

  /// All lanes touch one element, for lanes below `valid`.
  bool uniform(int valid) const;
};

/// One element of an array in registers: lane `lane` of a vector, or the whole `value` where lane is -1 (a scalar,
/// or in a loop run in lanes a vector with one copy per lane).
struct Piece {
  llvm::Value* value = nullptr;
  int lane = -1;
  friend bool operator==(const Piece&, const Piece&) = default;
};

/// An array in registers, by row-major element number (dimensions that are lanes of a loop left out).
using RegisterArray = std::vector<Piece>;

/// The lanes of the enclosing loop that is run in lanes.
struct LoopLanes {
  std::vector<AxisPoint> axes;
  Lanes lanes;
  std::vector<bool> inside;           ///< by array: assigned by the loop
  llvm::BasicBlock* begin = nullptr;  ///< code of a tile of lanes, before its first step
  std::int64_t steps = 0;             ///< of the loop; 0 where they are not known
  /// Vectors of arrays from outside, loaded in `begin`: by array, constant part of the element number, and stride.
  std::map<std::tuple<ir::ArrayId, std::int64_t, std::vector<std::pair<llvm::Value*, std::int64_t>>,
                      std::vector<std::int64_t>>,
           llvm::Value*>
      invariants;
};

/// Knows where every array is at the point where code is being emitted.
class Arrays {
 public:
  explicit Arrays(Code& code);

  /// Makes base pointers of the given buffers from the entry point's arguments.
  void bind(llvm::Value* inputs, llvm::Value* outputs, llvm::Value* constants, llvm::Value* scratch,
            std::span<const ir::BufferId> buffers);

  const ir::ProgramArray& info(ir::ArrayId array) const { return code_.program.arrays[array]; }
  const ir::Placement& placement(ir::ArrayId array) const { return code_.plan.placements[array]; }
  ir::Storage storage(ir::ArrayId array) const { return code_.plan.buffers[placement(array).buffer].storage; }
  bool in_registers(ir::ArrayId array) const { return storage(array) == ir::Storage::registers; }
  /// One copy for each lane of the loop that is run in lanes.
  bool per_lane(ir::ArrayId array) const;
  /// The dimension is lane axis number `result` of the enclosing loop, or nothing.
  std::optional<int> lane_axis(ir::ArrayId array, int dimension) const;
  /// Both arrays are the same elements of the same buffer.
  bool same_place(ir::ArrayId left, ir::ArrayId right) const;
  /// Both arrays start at one address and move with the same loops.
  bool same_buffer_start(ir::ArrayId left, ir::ArrayId right) const;
  /// Elements in registers: lane dimensions left out.
  std::int64_t register_count(ir::ArrayId array) const;

  /// The element at `indices`; `values` are the values of the body's operations.
  ElementNumber element(ir::ArrayId array, const std::vector<ir::Index>& indices, const ir::Region& body,
                        const Point& point, llvm::ArrayRef<llvm::Value*> values) const;
  /// The elements, or `fallback` where the guard (or null) does not hold. A scalar when all lanes agree.
  llvm::Value* load(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, llvm::Value* guard = nullptr,
                    llvm::Value* fallback = nullptr);
  /// Stores where lanes count and the guard (or null) holds.
  void store(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, llvm::Value* value,
             llvm::Value* guard = nullptr);
  /// Element 0 of an array whose elements lie in memory without gaps.
  llvm::Value* dense_pointer(ir::ArrayId array) { return base_pointer(array); }
  /// The element of a rank 0 array.
  llvm::Value* load_scalar(ir::ArrayId array);

  /// Gives a rank 0 array a value that needs no storage.
  void set_scalar(ir::ArrayId array, llvm::Value* value) { scalars_[array] = value; }

  RegisterArray& registers(ir::ArrayId array) { return registers_[array]; }
  /// A vector (or scalar, when all agree) of the given elements, padded to `width`.
  llvm::Value* assemble(llvm::ArrayRef<Piece> pieces, int width);

  /// Sets a loop's position and the pointers of the slices that move with it.
  void set_position(ir::NodeId loop, llvm::Value* position);
  llvm::Value* buffer_pointer(ir::BufferId buffer) const { return buffers_[buffer]; }
  /// Forgets a loop's position after its last step.
  void clear_position(ir::NodeId loop);
  /// Moves a buffer, with every array in it.
  void set_buffer_pointer(ir::BufferId buffer, llvm::Value* pointer);
  /// A buffer's pointer and those of its arrays, to come back to.
  struct BufferState {
    ir::BufferId buffer = 0;
    llvm::Value* pointer = nullptr;
    std::vector<llvm::Value*> arrays;
  };
  BufferState buffer_state(ir::BufferId buffer) const;
  void restore(const BufferState& state);

  /// Replaces the scatters of the nest just emitted, where they fill rows of neighbours, by transposed stores.
  void combine_scatters();

  /// Where buffers and arrays are in the function at hand, to come back to it after another one.
  struct Bindings {
    std::vector<ir::BufferId> buffers;
    std::vector<llvm::Value*> pointers;  ///< for each buffer: its own, whether it is aligned, its arrays'
    std::unordered_map<ir::NodeId, llvm::Value*> positions;
    std::unordered_map<ir::ArrayId, llvm::Value*> scalars;
  };
  Bindings bindings() const;
  void restore(Bindings bindings);

  /// What another function needs to know of this one to reach some arrays: the positions of the loops around, single
  /// elements in registers, and where the buffers of all others are in this step. `values` has a value for each, in
  /// this order.
  struct Surroundings {
    std::vector<ir::ArrayId> arrays;
    std::vector<ir::NodeId> loops;
    std::vector<ir::ArrayId> scalars;
    std::vector<ir::BufferId> buffers;
    Values values;
  };
  Surroundings surroundings(std::vector<ir::ArrayId> arrays);
  /// Takes over what another function knows, with `values` as this function has them.
  void enter(const Surroundings& surroundings, llvm::ArrayRef<llvm::Value*> values);

  /// The plan stores the array past the caches.
  bool is_streamed(ir::ArrayId array) const { return code_.plan.buffers[placement(array).buffer].streamed; }
  /// Whether the buffer of a streamed array is aligned to 64 bytes in this call.
  llvm::Value* aligned_buffer(ir::ArrayId array) const { return aligned_[placement(array).buffer]; }
  /// Stores past the caches are seen by all after this.
  void finish_streams() { code_.builder.CreateFence(llvm::AtomicOrdering::SequentiallyConsistent); }
  /// The streamed array whose buffer is known to be aligned where code is being emitted.
  std::optional<ir::ArrayId> streamed;
  /// The streamed array whose stores ask, each for itself, whether the buffer is aligned.
  std::optional<ir::ArrayId> streamed_if_aligned;
  LoopLanes* loop_lanes = nullptr;  ///< null outside loops that are run in lanes

 private:
  llvm::Value* base_pointer(ir::ArrayId array);
  void refresh(ir::ArrayId array);
  llvm::Value* address(ir::ArrayId array, const ElementNumber& number);
  llvm::Value* lane_addresses(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes);
  llvm::Value* load_registers(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes);
  void store_registers(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, llvm::Value* value,
                       llvm::Value* guard);
  llvm::Value* load_uniform(ir::ArrayId array, const ElementNumber& number, llvm::Value* guard);
  llvm::Value* load_vector(ir::ArrayId array, llvm::Value* pointer, int width, llvm::Value* mask,
                           llvm::Value* fallback);
  /// Lanes at distances known when code is made: from a few vectors, shuffled, or one by one.
  llvm::Value* load_apart(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes);
  /// A vector that every step loads alike; null where steps may differ.
  llvm::Value* load_invariant(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes);
  /// Whether the lanes, one after the other, have whole rows of a power of two elements each, without gaps.
  bool is_row_of_lanes(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes) const;
  /// All elements of such rows: for each position in a row, a vector of the lanes' elements there.
  std::vector<llvm::Value*> load_columns(ir::ArrayId array, const ElementNumber& number, int width);
  /// The element's address is a multiple of `bytes` where the buffer's is.
  bool aligned(ir::ArrayId array, const ElementNumber& number, std::int64_t bytes) const;
  /// A whole vector at `number`, its lanes neighbours.
  void store_neighbours(ir::ArrayId array, const ElementNumber& number, llvm::Value* value, llvm::Value* mask);
  void store_vector(ir::ArrayId array, llvm::Value* pointer, llvm::Value* value, llvm::Value* mask);
  /// The element number as one value: a scalar, or a vector of `width`.
  llvm::Value* number_value(const ElementNumber& number, int width);
  template <typename Instruction>
  Instruction* annotate(ir::ArrayId array, Instruction* access);
  void make_scopes();
  /// Forgets where buffers are.
  void unbind();
  llvm::Value* from_memory(ir::ArrayId array, llvm::Value* value);
  llvm::Value* to_memory(ir::ArrayId array, llvm::Value* value);

  /// A store of lanes that are not neighbours, which its neighbours in the nest may complete to rows.
  struct Scatter {
    ir::ArrayId array = 0;
    ElementNumber number;
    llvm::Value* value = nullptr;  ///< as in memory
    int valid = 0;
    llvm::Instruction* instruction = nullptr;
  };
  /// Element after element of the rows' lanes, in vectors.
  std::vector<llvm::Value*> transpose(llvm::ArrayRef<const Scatter*> rows);
  void store_rows(llvm::ArrayRef<const Scatter*> rows, llvm::ArrayRef<llvm::Value*> vectors);
  /// The rows are whole vectors of a streamed array, each at a multiple of its size where the buffer is.
  bool streams_rows(llvm::ArrayRef<const Scatter*> rows) const;

  Code& code_;
  std::vector<Scatter> scatters_;                           ///< of the nest being emitted
  std::vector<std::vector<std::int64_t>> weights_;          ///< by array: elements a step of each dimension
  std::vector<int> copies_;                                 ///< by buffer: of what each lane has its own of
  std::vector<ir::BufferId> bound_;                         ///< buffers that the function at hand knows
  std::vector<llvm::Value*> buffers_;                       ///< by buffer
  std::vector<llvm::Value*> aligned_;                       ///< by buffer: whether a streamed one is
  std::vector<llvm::Value*> pointers_;                      ///< by array: element 0 of the current slice
  std::vector<RegisterArray> registers_;                    ///< by array
  std::unordered_map<ir::NodeId, llvm::Value*> positions_;  ///< of the loops around this point
  std::unordered_map<ir::ArrayId, llvm::Value*> scalars_;   ///< positions
  std::unordered_map<ir::NodeId, std::vector<ir::ArrayId>> moved_by_;
  std::vector<std::vector<ir::ArrayId>> in_buffer_;
  std::vector<std::pair<llvm::MDNode*, llvm::MDNode*>> scopes_;  ///< by buffer: alias.scope, noalias
};

}  // namespace jaxc::cpu
