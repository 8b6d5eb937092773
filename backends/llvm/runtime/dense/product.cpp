// Multiplies packed operands in parts that all threads share.
#include "backends/llvm/runtime/dense/product.h"

#include <algorithm>
#include <atomic>

#include "backends/llvm/runtime/dense/product_direct.h"
#include "backends/llvm/runtime/dense/product_pack.h"
#include "backends/llvm/runtime/dense/product_result.h"
#include "backends/llvm/runtime/dense/product_thin.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// What one part of the work multiplies: a block of the left factor that fits the second cache, and columns.
constexpr std::int64_t part_panels = 8;
constexpr std::int64_t part_columns = 256;
// As many parts keep all threads busy.
constexpr std::int64_t enough_parts = 16;
// Bytes of packed operands that caches keep until they are multiplied.
constexpr std::int64_t most_kept = std::int64_t{1} << 20;
// Blocks of a long operand that are packed at one time, each where it is multiplied.
constexpr std::int64_t most_blocks = 64;

/// The long side of a product and the other one, in rows or columns. An operand that is long is packed block by block,
/// by those who multiply it, so that it passes through the caches once.
struct Extents {
  static constexpr std::int64_t block = 96;  ///< whole tiles of every size
  std::int64_t longer = 0;
  std::int64_t shorter = 0;

  Extents(std::int64_t rows, std::int64_t columns)
      : longer(std::max(rows, columns)), shorter(std::min(rows, columns)) {}
  bool is_long() const { return longer >= enough_parts * block; }
  /// What is packed at least, for each position that is folded.
  std::int64_t least() const { return shorter + block + (is_long() ? block : longer); }
};

template <typename R>
class Product {
 public:
  Product(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right, const Operand<R>& result,
          bool negate, void* memory, std::int64_t bytes)
      : team_(team), left_(left), right_(right.transposed()), result_(result, negate) {
    const Extents extents(result.rows.count, result.columns.count);
    const bool left_is_longer = result.rows.count >= result.columns.count;
    const std::int64_t room = bytes / std::int64_t{sizeof(R)} - 2 * vector;
    const std::int64_t folded = left.columns.count;
    std::int64_t kept = 0;
    if (extents.is_long()) {
      (left_is_longer ? streams_left_ : streams_right_) = true;
      kept = left_is_longer ? right_panels_ * right_width : left_panels_ * left_width;
      block_ = Extents::block * std::min(folded, panel_depth);
      blocks_ = std::clamp((room - kept * std::min(folded, panel_depth)) / block_, std::int64_t{1}, most_blocks);
    } else {
      kept = left_panels_ * left_width + right_panels_ * right_width;
    }
    const std::int64_t most = extents.is_long() ? room : std::min(room, most_kept / std::int64_t{sizeof(R)});
    const std::int64_t fits = (most - blocks_ * block_) / kept;
    depth_ = fits >= folded ? folded : std::max(fits / panel_depth, std::int64_t{1}) * panel_depth;
    packed_left_ = static_cast<R*>(memory);
    packed_right_ = packed_left_ + (streams_left_ ? 0 : in_whole(left_panels_ * left_width * depth_, vector) * vector);
    packed_blocks_ =
        packed_right_ + (streams_right_ ? 0 : in_whole(right_panels_ * right_width * depth_, vector) * vector);
  }

  void run(bool add) {
    for (std::int64_t begin = 0; begin < left_.columns.count; begin += depth_) {
      const std::int64_t depth = std::min(depth_, left_.columns.count - begin);
      pack_operands(begin, depth);
      if (streams_left_ || streams_right_)
        multiply_blocks(begin, depth, add || begin > 0);
      else
        multiply_parts(depth, add || begin > 0);
    }
  }

 private:
  static constexpr std::int64_t vector = Tile<R>::lanes;
  static constexpr std::int64_t left_width = tile_rows;
  static constexpr std::int64_t right_width = Tile<R>::columns;

  void pack_operands(std::int64_t begin, std::int64_t depth) {
    constexpr std::int64_t run = 4;
    const std::int64_t left_runs = streams_left_ ? 0 : in_whole(left_panels_, run);
    const std::int64_t right_runs = streams_right_ ? 0 : in_whole(right_panels_, run);
    in_parts(team_, left_runs + right_runs, [&](std::int64_t part) {
      const bool is_left = part < left_runs;
      const std::int64_t first = (is_left ? part : part - left_runs) * run;
      const std::int64_t end = std::min(first + run, is_left ? left_panels_ : right_panels_);
      for (std::int64_t panel = first; panel < end; ++panel)
        for (std::int64_t k = 0; k < depth; k += panel_depth) {
          const std::int64_t length = std::min(panel_depth, depth - k);
          pack_panel(is_left, panel, begin + k, length,
                     is_left ? left_panel(panel, k, length) : right_panel(panel, k, length));
        }
    });
  }

  void pack_panel(bool is_left, std::int64_t panel, std::int64_t begin, std::int64_t length, R* target) const {
    if (is_left)
      Panel<left_width, R>(left_, panel * left_width).pack(begin, length, target);
    else
      Panel<right_width, R>(right_, panel * right_width).pack(begin, length, target);
  }

  static typename Tile<R>::Left packed(const R* panel) { return {panel, 1, left_width}; }

  R* left_panel(std::int64_t panel, std::int64_t k, std::int64_t length) const {
    return packed_left_ + left_width * (left_panels_ * k + panel * length);
  }
  R* right_panel(std::int64_t panel, std::int64_t k, std::int64_t length) const {
    return packed_right_ + right_width * (right_panels_ * k + panel * length);
  }

  // Both operands are packed.
  void multiply_parts(std::int64_t depth, bool add) const {
    const std::int64_t down = in_whole(left_panels_, part_panels);
    std::int64_t columns = std::max(part_columns / right_width, std::int64_t{1});
    while (columns > 2 && down * in_whole(right_panels_, columns) < enough_parts) columns /= 2;
    const std::int64_t across = in_whole(right_panels_, columns);
    in_parts(team_, across * down, [&](std::int64_t part) {
      const std::int64_t first_row = part / across * part_panels;
      const std::int64_t first_column = part % across * columns;
      const std::int64_t end_row = std::min(first_row + part_panels, left_panels_);
      const std::int64_t end_column = std::min(first_column + columns, right_panels_);
      for (std::int64_t k = 0; k < depth; k += panel_depth) {
        const std::int64_t length = std::min(panel_depth, depth - k);
        for (std::int64_t column = first_column; column < end_column; ++column)
          for (std::int64_t row = first_row; row < end_row; ++row)
            result_.multiply(row, column, length, packed(left_panel(row, k, length)), right_panel(column, k, length),
                             add || k > 0);
      }
    });
  }

  // Who multiplies a block of the long operand packs it first, always into the same memory.
  void multiply_blocks(std::int64_t begin, std::int64_t depth, bool add) const {
    const std::int64_t width = streams_left_ ? left_width : right_width;
    const std::int64_t panel_count = streams_left_ ? left_panels_ : right_panels_;
    const std::int64_t block_panels = Extents::block / width;
    const std::int64_t parts = in_whole(panel_count, block_panels);
    std::atomic<std::int64_t> next = 0;
    in_parts(team_, std::min(blocks_, parts), [&](std::int64_t number) {
      R* const block = packed_blocks_ + number * block_;
      for (std::int64_t part = next++; part < parts; part = next++) {
        const std::int64_t first = part * block_panels;
        const std::int64_t end = std::min(first + block_panels, panel_count);
        for (std::int64_t k = 0; k < depth; k += panel_depth) {
          const std::int64_t length = std::min(panel_depth, depth - k);
          const auto panel_of = [&](std::int64_t panel) { return block + (panel - first) * width * length; };
          for (std::int64_t panel = first; panel < end; ++panel)
            pack_panel(streams_left_, panel, begin + k, length, panel_of(panel));
          if (streams_left_)
            for (std::int64_t column = 0; column < right_panels_; ++column)
              for (std::int64_t row = first; row < end; ++row)
                result_.multiply(row, column, length, packed(panel_of(row)), right_panel(column, k, length),
                                 add || k > 0);
          else
            for (std::int64_t column = first; column < end; ++column)
              for (std::int64_t row = 0; row < left_panels_; ++row)
                result_.multiply(row, column, length, packed(left_panel(row, k, length)), panel_of(column),
                                 add || k > 0);
        }
      }
    });
  }

  const DenseTeam& team_;
  Operand<const R> left_;
  Operand<const R> right_;  ///< transposed
  ProductResult<R> result_;
  std::int64_t left_panels_ = in_whole(left_.rows.count, left_width);
  std::int64_t right_panels_ = in_whole(right_.rows.count, right_width);
  bool streams_left_ = false;  ///< packed block by block
  bool streams_right_ = false;
  std::int64_t blocks_ = 0;  ///< of a streamed operand, that are packed at one time
  std::int64_t block_ = 0;   ///< numbers in one of them
  std::int64_t depth_ = 0;   ///< positions of the folded axis for which the other operand is packed at one time
  R* packed_left_ = nullptr;
  R* packed_right_ = nullptr;
  R* packed_blocks_ = nullptr;
};

// Halves a side of the result, at whole tiles, until a panel of the operands fits the memory. Sums do not depend on
// where it is cut.
template <typename R>
void multiply_within(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right,
                     const Operand<R>& result, bool add, bool negate, void* memory, std::int64_t bytes) {
  constexpr std::int64_t step = Extents::block;
  const std::int64_t rows = result.rows.count;
  const std::int64_t columns = result.columns.count;
  const std::int64_t folded = left.columns.count;
  if (bytes >= ThinProduct<R>::most_bytes && ThinProduct<R>::takes(left, right, result))
    return ThinProduct<R>(left, right, result, negate, memory).run(team, add);
  const Extents extents(rows, columns);
  const bool is_direct = DirectProduct<R>::takes(left);
  const std::int64_t needed = is_direct ? DirectProduct<R>::least_bytes(columns, folded)
                                        : extents.least() * std::min(folded, panel_depth) * std::int64_t{sizeof(R)};
  const std::int64_t cut = is_direct ? columns : extents.is_long() ? extents.shorter : extents.longer;
  if (needed <= bytes || cut <= step) {
    if (is_direct) return DirectProduct<R>(team, left, right, result, negate, memory, bytes).run(add);
    return Product<R>(team, left, right, result, negate, memory, bytes).run(add);
  }
  const std::int64_t half = in_whole(cut / 2, step) * step;
  if (rows == cut && !is_direct) {
    multiply_within(team, left.block(0, 0, half, folded), right, result.block(0, 0, half, columns), add, negate, memory,
                    bytes);
    multiply_within(team, left.block(half, 0, rows - half, folded), right, result.block(half, 0, rows - half, columns),
                    add, negate, memory, bytes);
  } else {
    multiply_within(team, left, right.block(0, 0, folded, half), result.block(0, 0, rows, half), add, negate, memory,
                    bytes);
    multiply_within(team, left, right.block(0, half, folded, columns - half),
                    result.block(0, half, rows, columns - half), add, negate, memory, bytes);
  }
}

}  // namespace

template <typename R>
void multiply_real(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right,
                   const Operand<R>& result, bool add, bool negate, void* memory, std::int64_t bytes) {
  // Rows of the result are stored as vectors: of its transpose, where those follow each other.
  const bool transposed = result.columns.last().step.address != 1 && result.rows.last().step.address == 1;
  if (transposed)
    multiply_within<R>(team, right.transposed(), left.transposed(), result.transposed(), add, negate, memory, bytes);
  else
    multiply_within<R>(team, left, right, result, add, negate, memory, bytes);
}

template void multiply_real(const DenseTeam&, const Operand<const float>&, const Operand<const float>&,
                            const Operand<float>&, bool, bool, void*, std::int64_t);
template void multiply_real(const DenseTeam&, const Operand<const double>&, const Operand<const double>&,
                            const Operand<double>&, bool, bool, void*, std::int64_t);

namespace {

template <typename R>
bool is_nothing(const Matrix<R>& matrix) {
  return matrix.rows == 0 || matrix.columns == 0;
}

template <typename R, typename T>
Matrix<R> part_of(const Matrix<T>& matrix, int part) {
  return {reinterpret_cast<R*>(matrix.data) + part, matrix.rows, matrix.columns, 2 * matrix.row_stride,
          2 * matrix.column_stride};
}

template <typename T>
void zero(const Matrix<T>& result) {
  for (std::int64_t i = 0; i < result.rows; ++i)
    for (std::int64_t j = 0; j < result.columns; ++j) result(i, j) = T{};
}

}  // namespace

template <typename T>
void multiply(const DenseTeam& team, const Matrix<const T>& left, const Matrix<const T>& right, const Matrix<T>& result,
              Update update, void* memory, std::int64_t bytes, [[maybe_unused]] bool conjugate) {
  const bool add = update != Update::assign;
  const bool negate = update == Update::subtract;
  if (is_nothing(result)) return;
  if (is_nothing(left)) {
    if (!add) zero(result);
    return;
  }
  if constexpr (is_complex_number<T>) {
    // Real part a c - b d, imaginary part a d + b c.
    using R = RealOf<T>;
    const auto run = [&](int left_part, int right_part, bool first, bool minus) {
      multiply_real<R>(
          team, operand_of(part_of<const R>(left, left_part)), operand_of(part_of<const R>(right, right_part)),
          operand_of(part_of<R>(result, left_part ^ right_part)), add || !first, minus != negate, memory, bytes);
    };
    run(0, 0, true, false);
    run(1, 1, false, !conjugate);
    run(0, 1, true, conjugate);
    run(1, 0, false, false);
  } else {
    multiply_real<T>(team, operand_of(left), operand_of(right), operand_of(result), add, negate, memory, bytes);
  }
}

template void multiply(const DenseTeam&, const Matrix<const float>&, const Matrix<const float>&, const Matrix<float>&,
                       Update, void*, std::int64_t, bool);
template void multiply(const DenseTeam&, const Matrix<const double>&, const Matrix<const double>&,
                       const Matrix<double>&, Update, void*, std::int64_t, bool);
template void multiply(const DenseTeam&, const Matrix<const std::complex<float>>&,
                       const Matrix<const std::complex<float>>&, const Matrix<std::complex<float>>&, Update, void*,
                       std::int64_t, bool);
template void multiply(const DenseTeam&, const Matrix<const std::complex<double>>&,
                       const Matrix<const std::complex<double>>&, const Matrix<std::complex<double>>&, Update, void*,
                       std::int64_t, bool);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
