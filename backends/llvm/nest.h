// NestEmitter: the loops, lanes and stores of one nest.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "backends/llvm/arrays.h"
#include "backends/llvm/code.h"

namespace jaxc::cpu {

/// The nest's extent along an axis is a part of the whole axis, which begins at `begin`.
struct AxisPart {
  std::size_t axis = 0;
  llvm::Value* begin = nullptr;
};

/// Emits one nest under its schedule. `move` copies an array's elements to another array (base to result).
class NestEmitter {
 public:
  NestEmitter(Code& code, Arrays& arrays, const ir::Nest& nest, const ir::NestPlan& plan,
              std::optional<AxisPart> part = std::nullopt);

  /// Base arrays are already in place; registers of results without base are created here.
  void emit();

 private:
  /// Handles the axes from `depth` on in the plan's order.
  void level(std::size_t depth);
  void lanes_level(std::size_t depth, std::size_t axis);
  /// Blocks of positions that the leaf handles one after the other in straight-line code.
  void blocks_level(std::size_t depth, std::size_t axis);
  /// One value per result at the current point, or at each of a block.
  void leaf();
  void leaf_point();
  void store(std::size_t output, llvm::Value* value, const Point& point, llvm::ArrayRef<llvm::Value*> values);
  /// Elements of an array, loaded once in straight-line code: neighbouring points read the same ones.
  llvm::Value* load(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, llvm::Value* guard,
                    llvm::Value* fallback);
  /// The nest stores nothing where the array lies.
  bool keeps_its_elements(ir::ArrayId array) const;
  /// All operations of the body at the current point.
  Values body_values(const Point& point);
  /// The current positions with lanes for the given axes; other lane axes must have one position.
  Point point_with_lanes(const std::vector<std::size_t>& lane_axes, bool padded) const;
  /// An array in registers is indexed by this axis: its positions must be numbers.
  bool needs_constant(std::size_t axis) const { return constant_[axis]; }
  void find_constant_axes();
  void set_loop_lane(std::size_t axis);

  // ---- Reductions (reduction.cpp).

  /// Accumulators of one inner tile of parallel axes: one set for each independent chain of additions.
  struct Accumulators {
    std::vector<std::pair<std::size_t, Tile>> tiles;  ///< the inner parallel axes
    std::vector<Values> chains;
  };
  void reduce(std::size_t depth);
  /// The axes from `depth` on are straight-line code of few tiles whose reduced lanes are best merged together.
  bool folds_together(std::size_t depth) const;
  /// Stores the results of all tiles as lanes of one vector; returns false where tiles have lanes of their own.
  bool finish_together();
  /// The axes from `depth` on are one or two parallel ones around counted reduced ones: a block of their tiles
  /// shares each pass over the reduced axes, and so the loads of both operands of a product.
  bool blocks_together(std::size_t depth) const;
  bool is_one_vector(std::size_t axis) const;
  /// Whether few operations of the body depend on the axis: tiles along it share the others.
  bool is_repeated(std::size_t axis) const;
  /// Walks the blocks of the axes [depth, reduced), the last one outermost.
  void reduce_blocks(std::size_t depth, std::size_t reduced, std::size_t axes_left);
  std::size_t first_reduced(std::size_t depth) const;
  void find_tiles(std::size_t depth);
  void choose_chains(std::size_t depth);
  void reduce_level(std::size_t depth, std::size_t chain);
  /// `count` steps, in a loop when `counted`, that take turns on the chains where `depth` is the split level.
  void reduce_steps(std::size_t depth, std::size_t chain, std::int64_t count, bool counted,
                    llvm::function_ref<void(llvm::Value*)> set_position);
  void reduce_leaf(std::size_t chain);
  void finish_reduction();
  llvm::Value* initial_value(std::size_t accumulator, bool empty) const;
  /// Folds the lanes of reduced axes; the lanes of parallel axes remain.
  llvm::Value* merge_lanes(std::size_t accumulator, llvm::Value* value, int width);
  void enter_tile(const Accumulators& accumulators);
  std::vector<std::size_t> lane_axes(bool with_reduced) const;

  Code& code_;
  Arrays& arrays_;
  const ir::Nest& nest_;
  const ir::NestPlan& plan_;
  std::optional<AxisPart> part_;
  std::vector<AxisPoint> axes_;       ///< current positions, lanes apart
  std::vector<std::int64_t> counts_;  ///< lanes of each axis in the current tile; 1 outside lanes
  std::vector<bool> constant_;
  bool has_loop_lane_ = false;
  int serial_depth_ = 0;
  std::optional<std::pair<std::size_t, std::int64_t>> straight_;  ///< an axis, and the positions of its block
  /// Tiles of an axis that are worked on as one block; their bases count from `base`.
  struct Block {
    llvm::Value* base = nullptr;
    std::vector<Tile> tiles;
  };
  std::map<std::size_t, Block> blocks_;  ///< by axis
  std::vector<Accumulators> accumulators_;
  /// What was loaded, by array, element, and lanes, in the block at hand.
  using LoadKey = std::tuple<ir::ArrayId, std::int64_t, std::vector<std::pair<llvm::Value*, std::int64_t>>,
                             std::vector<std::int64_t>, int, int, llvm::Value*>;
  std::map<LoadKey, llvm::Value*> loads_;
  llvm::BasicBlock* loads_block_ = nullptr;
  std::size_t split_depth_ = SIZE_MAX;  ///< the level whose steps take turns on the chains
  std::size_t chain_count_ = 1;
};

}  // namespace jaxc::cpu
