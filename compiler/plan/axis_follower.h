// AxisFollower: follows the identity of one axis through every node of a loop's body.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ir/program.h"

namespace jaxc::compiler {

/// How values inside a loop flow: who reads and stores each array, and which arrays become others unchanged.
class LoopFlow {
 public:
  /// An array becomes (part of) another: by a carry, a branch or a reshape, as a slice, or as a stacked value.
  struct Move {
    enum class Kind : std::uint8_t { same, slice, stack, reshape };
    ir::ArrayId from = 0;
    ir::ArrayId to = 0;
    Kind kind = Kind::same;
    int axis = 0;  ///< slice, stack
  };

  LoopFlow(const ir::Program& program, const ir::Loop& loop);

  const ir::Program& program() const { return program_; }
  const ir::Loop& loop() const { return loop_; }
  bool inside(ir::ArrayId array) const { return inside_.contains(array); }
  const std::vector<const ir::Node*>& nests_reading(ir::ArrayId array) const { return list(nests_reading_, array); }
  const ir::Node* nest_storing(ir::ArrayId array) const;
  const std::vector<Move>& moves_from(ir::ArrayId array) const { return list(moves_from_, array); }
  const std::vector<Move>& moves_to(ir::ArrayId array) const { return list(moves_to_, array); }
  const std::vector<const ir::Node*>& nests() const { return nests_; }
  const Shape& shape(ir::ArrayId array) const { return program_.arrays[array].shape; }
  /// The dimension of `to` that is dimension `dimension` of `from`, and back; nothing where there is none.
  std::optional<int> forward(const Move& move, int dimension) const;
  std::optional<int> backward(const Move& move, int dimension) const;

 private:
  template <typename Map>
  static const typename Map::mapped_type& list(const Map& map, ir::ArrayId array) {
    static const typename Map::mapped_type none;
    const auto found = map.find(array);
    return found == map.end() ? none : found->second;
  }
  void add_block(const ir::Block& block);
  void add_loop(const ir::Loop& loop);
  void add_move(const Move& move);

  const ir::Program& program_;
  const ir::Loop& loop_;
  std::unordered_set<ir::ArrayId> inside_;
  std::unordered_map<ir::ArrayId, std::vector<const ir::Node*>> nests_reading_;
  std::unordered_map<ir::ArrayId, const ir::Node*> nest_storing_;
  std::unordered_map<ir::ArrayId, std::vector<Move>> moves_from_;
  std::unordered_map<ir::ArrayId, std::vector<Move>> moves_to_;
  std::vector<const ir::Node*> nests_;
};

/// One lane axis: which arrays vary along it, and which axes of nests it is.
class AxisFollower {
 public:
  AxisFollower(const LoopFlow& flow, std::int64_t extent) : flow_(&flow), extent_(extent) {}

  /// Adds that `array` varies with `dimension` as the axis, and all that follows. When that cannot be, changes
  /// nothing and returns false.
  bool add(ir::ArrayId array, int dimension);
  /// Adds, where that can be, arrays that need not vary but would otherwise be computed in full by every lane.
  void add_whatever_may_vary();

  std::int64_t extent() const { return extent_; }
  const std::unordered_map<ir::ArrayId, int>& dimensions() const { return dimensions_; }
  const std::unordered_map<ir::NodeId, int>& axes() const { return axes_; }

 private:
  bool require(ir::ArrayId array, int dimension);
  bool require_axis(const ir::Node& node, int axis);
  bool follow(ir::ArrayId array, int dimension);
  /// The axis of the nest that the index is, when it may be the lane axis.
  std::optional<int> lane_axis(const ir::Nest& nest, const ir::Index& index) const;

  const LoopFlow* flow_;
  std::int64_t extent_;
  std::unordered_map<ir::ArrayId, int> dimensions_;
  std::unordered_map<ir::NodeId, int> axes_;
  std::vector<ir::ArrayId> open_;
  std::vector<ir::ArrayId> added_arrays_;
  std::vector<ir::NodeId> added_nests_;
};

}  // namespace jaxc::compiler
