// PrefixEmitter: prefixes of lines in memory, a vector of neighbouring elements at a time.
#pragma once

#include <vector>

#include "backends/llvm/arrays.h"
#include "backends/llvm/code.h"

namespace jaxc::cpu {

/// Emits the prefixes of a routine (ir::Prefix). A line is cut into tiles. Within a tile, vectors of neighbours are
/// folded by doubling distances (Hillis and Steele 1986) and combined with the vectors before them; then each is
/// combined with what the tiles before give. So results depend on shapes, not on who computes which tile. An element
/// is one value for each scalar; values that stand for one element are vectors with equal lanes.
class PrefixEmitter {
 public:
  PrefixEmitter(Code& code, Arrays& arrays, const ir::Routine& routine, std::int64_t tile);

  std::int64_t lines() const { return lines_; }
  std::int64_t tiles() const { return (extent_ + tile_ - 1) / tile_; }

  /// Stores all prefixes of a line.
  void line(llvm::Value* line);
  /// Folds a tile; with `before`, what the tiles before it give (nothing is read of it for tile 0), stores its
  /// prefixes. Gives the fold of the tile's whole vectors.
  Values tile(llvm::Value* line, llvm::Value* tile, const Values* before);
  /// The fold of tiles before `tile` and then of that one.
  Values advanced(const Values& before, const Values& total, llvm::Value* tile);
  /// What stands for an element before any is known.
  Values initial() const;

  /// An element's scalars in memory, eight bytes each.
  void store_element(const Values& element, llvm::Value* pointer);
  Values load_element(llvm::Value* pointer);
  std::int64_t element_bytes() const { return 8 * static_cast<std::int64_t>(scalars_.size()); }

 private:
  /// An input, its result, and how many scalars an element has in them.
  struct Leaf {
    ir::ArrayId input;
    ir::ArrayId result;
    int scalars;
  };

  /// `a` then `b`; `b` alone where `only_second` (or null) holds.
  Values combined(const Values& a, const Values& b, llvm::Value* only_second = nullptr);
  /// Prefixes within the vector of the elements from `step` on, in the line's order; `valid` of them exist.
  Values scanned(llvm::Value* line, llvm::Value* step, int valid);
  /// The last element of a vector, in every lane.
  Values last(const Values& values, int valid);
  /// In the direction of the fold, the elements from `step` on lie here.
  llvm::Value* address(ir::ArrayId array, int scalars, llvm::Value* line, llvm::Value* step, int valid);
  void load(const Leaf& leaf, llvm::Value* line, llvm::Value* step, int valid, Values& values);
  void store(const Values& values, llvm::Value* line, llvm::Value* step, int valid);
  /// Where no identity is known, the condition; else null.
  llvm::Value* unless_identity(llvm::Value* condition) const { return prefix_.identity.empty() ? condition : nullptr; }
  /// for (i = 0; i < count; ++i) body(i), for any count.
  void repeat(llvm::Value* count, Values& carried, llvm::function_ref<void(llvm::Value*)> body);

  Code& code_;
  Arrays& arrays_;
  const ir::Prefix& prefix_;
  std::int64_t tile_;
  std::int64_t lines_ = 1;
  std::int64_t extent_ = 0;
  std::vector<Leaf> leaves_;
  std::vector<DType> scalars_;  ///< of an element
  int width_ = 1;
};

}  // namespace jaxc::cpu
