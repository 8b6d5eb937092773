// Products whose left factor is read where it lies: its rows reach the first cache in the order they are read in, so
// that only the right factor is packed, by each part of the work for itself.
#pragma once

#include "backends/llvm/runtime/dense/product_pack.h"
#include "backends/llvm/runtime/dense/product_result.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

/// How the tiles of a result are shared out: `across` parts of its columns times `down` parts of its rows.
struct ProductParts {
  std::int64_t across;
  std::int64_t down;

  /// A part's columns of the right factor, at a panel's depth, stay in the second cache while rows of the left one,
  /// which stay in the first, pass by. Rows are shared out too where columns alone do not keep
  /// threads equally busy, and where the left factor is the one that is worth reading once.
  ProductParts(std::int64_t tiles, std::int64_t row_panels, std::int64_t threads) {
    constexpr std::int64_t part_tiles = 4;
    constexpr std::int64_t parts_of_thread = 8;
    const bool is_tall = row_panels >= 8 * tiles;
    const bool is_even = in_whole(tiles, threads) * threads * 15 <= tiles * 16;
    across = is_tall ? in_whole(tiles, 2 * part_tiles)
                     : std::min(tiles, in_whole(in_whole(tiles, part_tiles), threads) * threads);
    down = is_even && !is_tall ? 1 : std::min(row_panels, in_whole(parts_of_thread * threads, across));
  }
};

template <typename R>
class DirectProduct {
 public:
  /// Whether a left factor is read where it lies: in rows whose elements are side by side, or next to each other, or in
  /// rows that are. Those of an image or of several axes are read run by run.
  static bool takes(const Operand<const R>& left) {
    const std::int64_t step = left.columns.last().step.address * std::int64_t{sizeof(R)};
    const bool is_near = step > 0 && step <= 16;
    if (is_matrix(left)) return is_near;
    const bool is_beside = left.rows.last().step.address == 1 && step > 0 && step <= farthest_columns;
    return left.rows.first == 0 && left.rows.last().extent >= shortest_line && line(left.columns) >= shortest_run &&
           (is_near || is_beside);
  }
  /// The memory for `columns` columns of the right factor.
  static std::int64_t least_bytes(std::int64_t columns, std::int64_t folded) {
    return in_whole(columns, width) * width * std::min(folded, longest_panel) * std::int64_t{sizeof(R)};
  }

  DirectProduct(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right,
                const Operand<R>& result, bool negate, void* memory, std::int64_t bytes)
      : left_(left),
        right_(right.transposed()),
        result_(result, negate),
        folded_(left.columns.count),
        team_(row_panels_ * tiles_ * tile_rows * tile_vectors * folded_ < least_shared ? DenseTeam(nullptr) : team),
        parts_(tiles_, row_panels_, team_.threads()),
        depth_(parts_.down == 1 ? folded_ : bytes / least_bytes(width * tiles_, 1)),
        packed_(static_cast<R*>(memory)) {
    if (depth_ < folded_) depth_ = std::max(depth_ / longest_panel, std::int64_t{1}) * longest_panel;
  }

  void run(bool add) const {
    if (parts_.down == 1)
      in_parts(team_, parts_.across, [&](std::int64_t part) {
        const auto [first, end] = share(tiles_, part, parts_.across);
        for (std::int64_t begin = 0; begin < folded_; begin += longest_panel) {
          pack(begin, begin, first, end);
          multiply(begin, begin, 0, row_panels_, first, end, add);
        }
      });
    else
      for (std::int64_t begin = 0; begin < folded_; begin += depth_) run_shared(begin, add);
  }

 private:
  static constexpr std::int64_t width = Tile<R>::columns;
  /// Vector operations that are worth waking threads.
  static constexpr std::int64_t least_shared = std::int64_t{1} << 17;

  /// Positions of images that are worth a tile, and folded positions that are worth writing one.
  static constexpr std::int64_t shortest_line = 6;
  static constexpr std::int64_t shortest_run = 24;
  /// Bytes between columns whose rows lie side by side: beyond, each is on a page of its own.
  static constexpr std::int64_t farthest_columns = 2048;

  static bool is_matrix(const Operand<const R>& left) {
    return left.bounds == 0 && left.rows.axis_count == 1 && left.columns.axis_count == 1;
  }
  // Positions that lie at equal distances, as far as bounds do not end them.
  static std::int64_t line(const Side& side) {
    std::int64_t extent = side.last().extent;
    for (int k = side.axis_count - 2; k >= 0 && side.axes[k].step.address == side.last().step.address * extent; --k)
      extent *= side.axes[k].extent;
    return extent;
  }

  static std::pair<std::int64_t, std::int64_t> share(std::int64_t count, std::int64_t part, std::int64_t parts) {
    return {count * part / parts, count * (part + 1) / parts};
  }

  // All threads pack, and then all multiply.
  void run_shared(std::int64_t begin, bool add) const {
    const std::int64_t end = std::min(begin + depth_, folded_);
    in_parts(team_, tiles_, [&](std::int64_t tile) {
      for (std::int64_t k = begin; k < end; k += longest_panel) pack(begin, k, tile, tile + 1);
    });
    in_parts(team_, parts_.across * parts_.down, [&](std::int64_t part) {
      const auto [first, end_tile] = share(tiles_, part / parts_.down, parts_.across);
      const auto [row, end_row] = share(row_panels_, part % parts_.down, parts_.down);
      for (std::int64_t k = begin; k < end; k += longest_panel) multiply(begin, k, row, end_row, first, end_tile, add);
    });
  }

  std::int64_t length(std::int64_t k) const { return std::min(longest_panel, folded_ - k); }
  // Panel `tile` of the right factor from position k on, where those from `begin` on are packed. Parts that pack for
  // themselves are not at the same position, so that all their panels take the same room.
  R* panel(std::int64_t begin, std::int64_t k, std::int64_t tile) const {
    const std::int64_t room = parts_.down == 1 ? std::min(folded_, longest_panel) : length(k);
    return packed_ + width * (tiles_ * (k - begin) + tile * room);
  }
  void pack(std::int64_t begin, std::int64_t k, std::int64_t first, std::int64_t end) const {
    for (std::int64_t tile = first; tile < end; ++tile)
      Panel<width, R>(right_, tile * width).pack(k, length(k), panel(begin, k, tile));
  }

  void multiply(std::int64_t begin, std::int64_t k, std::int64_t row, std::int64_t end_row, std::int64_t first,
                std::int64_t end, bool add) const {
    alignas(vector_bytes) R spare[tile_rows * longest_panel];
    for (; row < end_row; ++row) {
      if (!is_matrix(left_)) {
        multiply_runs(begin, k, row, first, end, add, spare);
        continue;
      }
      const typename Tile<R>::Left left = rows(row, k, spare);
      for (std::int64_t tile = first; tile < end; ++tile)
        result_.multiply(row, tile, length(k), left, panel(begin, k, tile), add || k > 0);
    }
  }

  // A tile's rows of the left factor; those that are no whole thirds of a tile are packed.
  typename Tile<R>::Left rows(std::int64_t panel, std::int64_t k, R* spare) const {
    const std::int64_t row = panel * tile_rows;
    const std::int64_t count = left_.rows.count - row;
    if (count >= tile_rows || count % tile_third == 0)
      return {left_.data + Walk(left_.rows, row).place().address + Walk(left_.columns, k).place().address,
              left_.rows.last().step.address, left_.columns.last().step.address};
    Panel<tile_rows, R>(left_, row).pack(k, length(k), spare);
    return {spare, 1, tile_rows};
  }

  // Columns come in runs. Where the tile's rows are not on one line, or not all within bounds, each row is read where
  // it lies or from zeros, or all are packed.
  void multiply_runs(std::int64_t begin, std::int64_t k, std::int64_t row_panel, std::int64_t first, std::int64_t end,
                     bool add, R* spare) const {
    const std::int64_t on_line = row_panel % line_panels_ * tile_rows;
    const std::int64_t row = row_panel / line_panels_ * line_ + on_line;
    const std::int64_t count = std::min<std::int64_t>(tile_rows, line_ - on_line);
    const Operand<const R> source = left_.block(row, 0, count, folded_);
    const Panel<tile_rows, R> rows(source, 0);
    Walk walk(source.columns, k);
    for (std::int64_t done = 0; done < length(k);) {
      const auto [columns, inside] = rows.run(walk);
      const std::int64_t run = std::min(columns, length(k) - done);
      const auto multiply_tiles = [&](const auto& left) {
        for (std::int64_t tile = first; tile < end; ++tile)
          result_.multiply_rows(row, count, tile, run, left, panel(begin, k, tile) + width * done, add || k + done > 0);
      };
      using Left = typename Tile<R>::Left;
      if (inside && count % tile_third == 0 && rows.is_line()) {
        multiply_tiles(Left{source.data + rows.first_row().address + walk.place().address,
                            source.rows.last().step.address, source.columns.last().step.address});
      } else if (rows.has_rows()) {
        typename Tile<R>::Rows sources;
        rows.find(walk, sources.rows);
        multiply_tiles(sources);
      } else {
        rows.pack(k + done, run, spare);
        multiply_tiles(Left{spare, 1, tile_rows});
      }
      walk.advance(run);
      done += run;
    }
  }

  Operand<const R> left_;
  Operand<const R> right_;  ///< transposed
  ProductResult<R> result_;
  std::int64_t folded_;
  std::int64_t tiles_ = in_whole(right_.rows.count, width);
  /// Rows that tiles share out: where columns lie side by side, any rows make a tile.
  std::int64_t line_ =
      is_matrix(left_) || left_.columns.last().step.address == 1 ? left_.rows.count : left_.rows.last().extent;
  std::int64_t line_panels_ = in_whole(line_, tile_rows);
  std::int64_t row_panels_ = left_.rows.count / line_ * line_panels_;
  DenseTeam team_;
  ProductParts parts_;
  std::int64_t depth_;  ///< positions of the folded axis that are packed at one time
  R* packed_;
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
