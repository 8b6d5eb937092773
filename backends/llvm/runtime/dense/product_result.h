// The result of a product, tile by tile: whole tiles are written where they belong, others through a tile beside them.
#pragma once

#include "backends/llvm/runtime/dense/operand.h"
#include "backends/llvm/runtime/dense/product_tile.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

inline constexpr std::int64_t in_whole(std::int64_t extent, std::int64_t width) {
  return (extent + width - 1) / width;
}

template <typename R>
class ProductResult {
 public:
  /// With `negate`, the product's sign changes.
  ProductResult(const Operand<R>& result, bool negate) : result_(result), sign_(negate ? -1 : 1) {}

  std::int64_t row_panels() const { return in_whole(result_.rows.count, tile_rows); }
  std::int64_t column_panels() const { return in_whole(result_.columns.count, width); }

  /// Writes tile (row, column), or adds to it: the product of panels, of which the right one is packed.
  void multiply(std::int64_t row_panel, std::int64_t column_panel, std::int64_t depth,
                const typename Tile<R>::Left& left, const R* right, bool add) const {
    const std::int64_t row = row_panel * tile_rows;
    multiply_rows(row, std::min<std::int64_t>(tile_rows, result_.rows.count - row), column_panel, depth, left, right,
                  add);
  }

  /// The same for the tile's first rows, from `row` on; the left factor's rows are Tile's Left or Rows.
  template <typename Factor>
  void multiply_rows(std::int64_t row, std::int64_t row_count, std::int64_t column_panel, std::int64_t depth,
                     const Factor& left, const R* right, bool add) const {
    const std::int64_t column = column_panel * width;
    Walk rows(result_.rows, row);
    Walk columns(result_.columns, column);
    R* const target = result_.data + rows.place().address + columns.place().address;
    const std::int64_t column_count = std::min(width, result_.columns.count - column);
    const std::int64_t thirds = in_whole(row_count, tile_third);
    const std::int64_t vectors = in_whole(column_count, Tile<R>::lanes);
    const auto function = Tile<R>::template functions<Factor>[thirds - 1][vectors - 1];
    const bool side_by_side = result_.columns.last().step.address == 1 && columns.left() >= column_count;
    if (row_count == thirds * tile_third && column_count == vectors * Tile<R>::lanes && side_by_side &&
        rows.left() >= row_count)
      return function(depth, left, right, {target, result_.rows.last().step.address, add, sign_});
    alignas(vector_bytes) R tile[tile_rows * width];
    function(depth, left, right, {tile, width, false, sign_});
    std::int64_t across[width];
    const std::int64_t first = columns.place().address;
    if (!side_by_side)
      for (std::int64_t j = 0; j < column_count; ++j, columns.advance(1)) across[j] = columns.place().address - first;
    const auto store = [add](R& element, R value) { element = add ? element + value : value; };
    for (std::int64_t i = 0; i < row_count; ++i, rows.advance(1)) {
      R* const to = result_.data + rows.place().address + first;
      const R* const from = tile + i * width;
      if (side_by_side)
        for (std::int64_t j = 0; j < column_count; ++j) store(to[j], from[j]);
      else
        for (std::int64_t j = 0; j < column_count; ++j) store(to[across[j]], from[j]);
    }
  }

 private:
  static constexpr std::int64_t width = Tile<R>::columns;

  Operand<R> result_;
  R sign_;
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
