// Elements of a Program's arrays, wherever the Plan places them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "backends/spirv/arithmetic.h"
#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::spirv {

/// The table of addresses that kernels start from: the scratch arena, the state of loops, then every buffer
/// of the plan that is an input, a constant or an output.
struct AddressTable {
  static constexpr std::int64_t scratch = 0;
  static constexpr std::int64_t state = 1;
  std::map<ir::BufferId, std::int64_t> buffers;

  explicit AddressTable(const ir::Plan& plan);
  std::int64_t size() const { return 2 + static_cast<std::int64_t>(buffers.size()); }
};

/// Bytes of storage that a team shares; two accesses conflict only where these overlap.
struct Extent {
  std::int64_t space = 0;  ///< scratch is 0; every other buffer has its own
  std::int64_t begin = 0;
  std::int64_t end = 0;

  bool overlaps(const Extent& other) const { return space == other.space && begin < other.end && other.begin < end; }
};

/// Loads and stores of array elements.
class Arrays {
 public:
  Arrays(Module& module, Arithmetic& arithmetic, const ir::Program& program, const ir::Plan& plan, Sharing sharing)
      : module_(module), arithmetic_(arithmetic), program_(program), plan_(plan), sharing_(sharing) {}

  /// Loads the addresses, and makes the private and shared memory, of all buffers that hold these arrays.
  /// Must stand at the kernel's start.
  void bind(const std::set<ir::ArrayId>& arrays, const AddressTable& table, Value table_address);

  /// Indices are integers of any kind, in bounds.
  Value load(ir::ArrayId array, std::span<const Value> indices);
  void store(ir::ArrayId array, std::span<const Value> indices, Value value);

  /// The position of a loop, by which slices move.
  void set_position(ir::NodeId loop, Value position) { positions_[loop] = position; }
  /// From here on the array (a scalar) has this value in every invocation, wherever it is placed.
  void set_scalar(ir::ArrayId array, Value value) { scalars_[array] = value; }
  bool is_scalar_value(ir::ArrayId array) const { return scalars_.contains(array); }
  /// From here on, elements at indices known now are these values: by row-major number, with one element along
  /// lane dimensions.
  void set_elements(ir::ArrayId array, std::vector<Value> elements) { elements_[array] = std::move(elements); }
  void forget_elements(ir::ArrayId array) { elements_.erase(array); }

  const Shape& shape(ir::ArrayId array) const { return program_.arrays[array].shape; }
  std::int64_t count(ir::ArrayId array) const;
  /// In registers, private or shared memory: it does not outlast the dispatch.
  bool is_local(ir::ArrayId array) const;
  /// Where the array lies, for conflicts between accesses.
  Extent extent(ir::ArrayId array) const;
  /// Whether the elements of both, in row-major order, are the same storage.
  bool same_place(ir::ArrayId left, ir::ArrayId right) const;
  Value state_address() const { return state_; }

 private:
  struct Local {
    std::optional<LocalArray> array;
    std::vector<Variable> elements;
    Kind kind = Kind::i32;
  };
  /// The element among set_elements, where there is one.
  std::optional<Value> known_element(ir::ArrayId array, std::span<const Value> indices) const;
  Value element_number(ir::ArrayId array, std::span<const Value> indices, Kind kind);
  Value address(ir::ArrayId array, std::span<const Value> indices);
  Variable& element(Local& local, Value number);
  Value retype(Value value, Kind kind);
  Sharing sharing_of(ir::BufferId buffer) const;
  bool is_global(ir::Storage storage) const;

  Module& module_;
  Arithmetic& arithmetic_;
  const ir::Program& program_;
  const ir::Plan& plan_;
  Sharing sharing_;
  Value state_;
  std::unordered_map<ir::BufferId, Value> bases_;
  std::unordered_map<ir::BufferId, Local> locals_;
  std::unordered_map<ir::NodeId, Value> positions_;
  std::unordered_map<ir::ArrayId, Value> scalars_;
  std::unordered_map<ir::ArrayId, std::vector<Value>> elements_;
};

}  // namespace jaxc::spirv
