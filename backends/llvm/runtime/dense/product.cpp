// Multiplies packed operands in parts that all threads share.
#include "backends/llvm/runtime/dense/product.h"

#include <algorithm>

#include "backends/llvm/runtime/dense/product_pack.h"
#include "backends/llvm/runtime/dense/product_tile.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// What one part of the work multiplies: a block of the left factor that fits the second cache, and columns.
constexpr std::int64_t part_panels = 8;
constexpr std::int64_t part_columns = 256;

std::int64_t panels(std::int64_t extent, std::int64_t width) {
  return (extent + width - 1) / width;
}

template <typename R>
class Product {
 public:
  Product(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right, const Operand<R>& result,
          void* memory, std::int64_t bytes)
      : team_(team), left_(left), right_(right.transposed()), result_(result) {
    const std::int64_t width = left_panels_ * tile_rows + right_panels_ * Tile<R>::columns;
    const std::int64_t fits = bytes / (width * static_cast<std::int64_t>(sizeof(R)));
    depth_ =
        fits >= left.columns.count ? left.columns.count : std::max(fits / panel_depth, std::int64_t{1}) * panel_depth;
    packed_left_ = static_cast<R*>(memory);
  }

  void run(bool add, bool negate) {
    for (std::int64_t begin = 0; begin < left_.columns.count; begin += depth_) {
      const std::int64_t depth = std::min(depth_, left_.columns.count - begin);
      constexpr std::int64_t vector = Tile<R>::lanes;
      packed_right_ = packed_left_ + panels(left_panels_ * tile_rows * depth, vector) * vector;
      pack_operands(begin, depth, negate);
      const std::int64_t across = panels(result_.columns.count, part_columns);
      const std::int64_t down = panels(left_panels_, part_panels);
      in_parts(team_, across * down, [&](std::int64_t part) {
        multiply_part(part / across * part_panels, part % across * part_columns, depth, add || begin > 0);
      });
    }
  }

 private:
  void pack_operands(std::int64_t begin, std::int64_t depth, bool negate) {
    constexpr std::int64_t run = 16;
    const std::int64_t left_runs = panels(left_panels_, run);
    in_parts(team_, left_runs + panels(right_panels_, run), [&](std::int64_t part) {
      const bool is_left = part < left_runs;
      const std::int64_t first = (is_left ? part : part - left_runs) * run;
      const std::int64_t end = std::min(first + run, is_left ? left_panels_ : right_panels_);
      for (std::int64_t panel = first; panel < end; ++panel)
        if (is_left)
          pack_panel<tile_rows>(left_, panel, begin, depth, negate,
                                [&](std::int64_t k, std::int64_t length) { return left_panel(panel, k, length); });
        else
          pack_panel<Tile<R>::columns>(right_, panel, begin, depth, false, [&](std::int64_t k, std::int64_t length) {
            return right_panel(panel, k, length);
          });
    });
  }

  template <int width, typename Target>
  static void pack_panel(const Operand<const R>& source, std::int64_t panel, std::int64_t begin, std::int64_t depth,
                         bool negate, const Target& target) {
    const Panel<width, R> rows(source, panel * width, negate);
    for (std::int64_t k = 0; k < depth; k += panel_depth) {
      const std::int64_t length = std::min(panel_depth, depth - k);
      rows.pack(begin + k, length, target(k, length));
    }
  }

  R* left_panel(std::int64_t panel, std::int64_t k, std::int64_t length) const {
    return packed_left_ + tile_rows * (left_panels_ * k + panel * length);
  }
  R* right_panel(std::int64_t panel, std::int64_t k, std::int64_t length) const {
    return packed_right_ + Tile<R>::columns * (right_panels_ * k + panel * length);
  }

  void multiply_part(std::int64_t first_panel, std::int64_t first_column, std::int64_t depth, bool add) const {
    const std::int64_t end_panel = std::min(first_panel + part_panels, left_panels_);
    const std::int64_t end_column = std::min(first_column + part_columns, result_.columns.count);
    for (std::int64_t k = 0; k < depth; k += panel_depth) {
      const std::int64_t length = std::min(panel_depth, depth - k);
      for (std::int64_t column = first_column; column < end_column; column += Tile<R>::columns)
        for (std::int64_t panel = first_panel; panel < end_panel; ++panel)
          multiply_tile(left_panel(panel, k, length), right_panel(column / Tile<R>::columns, k, length), length,
                        panel * tile_rows, column, add || k > 0);
    }
  }

  // The tile whose first element is (row, column).
  void multiply_tile(const R* left, const R* right, std::int64_t depth, std::int64_t row, std::int64_t column,
                     bool add) const {
    constexpr std::int64_t width = Tile<R>::columns;
    Walk rows(result_.rows, row);
    Walk columns(result_.columns, column);
    R* const target = result_.data + rows.place().address + columns.place().address;
    const std::int64_t row_count = std::min<std::int64_t>(tile_rows, result_.rows.count - row);
    const std::int64_t column_count = std::min(width, result_.columns.count - column);
    const bool side_by_side = result_.columns.last().step.address == 1 && columns.left() >= column_count;
    if (row_count == tile_rows && column_count == width && side_by_side && rows.left() >= tile_rows)
      return Tile<R>::multiply(depth, left, right, target, result_.rows.last().step.address, add);
    alignas(vector_bytes) R tile[tile_rows * width];
    Tile<R>::multiply(depth, left, right, tile, width, false);
    std::int64_t across[width];
    const std::int64_t first = columns.place().address;
    if (!side_by_side)
      for (std::int64_t j = 0; j < column_count; ++j, columns.advance(1)) across[j] = columns.place().address - first;
    for (std::int64_t i = 0; i < row_count; ++i, rows.advance(1)) {
      R* const to = result_.data + rows.place().address + first;
      const R* const from = tile + i * width;
      for (std::int64_t j = 0; j < column_count; ++j) {
        R& element = to[side_by_side ? j : across[j]];
        element = add ? element + from[j] : from[j];
      }
    }
  }

  const DenseTeam& team_;
  Operand<const R> left_;
  Operand<const R> right_;  ///< transposed
  Operand<R> result_;
  std::int64_t left_panels_ = panels(left_.rows.count, tile_rows);
  std::int64_t right_panels_ = panels(right_.rows.count, Tile<R>::columns);
  std::int64_t depth_ = 0;  ///< positions of the folded axis that are packed at one time
  R* packed_left_ = nullptr;
  R* packed_right_ = nullptr;
};

// Halves the longer side of the result, at whole tiles, until a panel of the operands fits the memory. Sums do not
// depend on where it is cut.
template <typename R>
void multiply_blocks(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right,
                     const Operand<R>& result, bool add, bool negate, void* memory, std::int64_t bytes) {
  constexpr std::int64_t step = 96;  // whole tiles of every size, and more than what they are padded by
  const std::int64_t rows = result.rows.count;
  const std::int64_t columns = result.columns.count;
  const std::int64_t folded = left.columns.count;
  const std::int64_t needed = (rows + columns + step) * std::min(folded, panel_depth) * std::int64_t{sizeof(R)};
  const std::int64_t longest = std::max(rows, columns);
  if (needed <= bytes || longest <= step) return Product<R>(team, left, right, result, memory, bytes).run(add, negate);
  const std::int64_t half = panels(longest / 2, step) * step;
  const std::int64_t rest = longest - half;
  if (rows == longest) {
    multiply_blocks(team, left.block(0, 0, half, folded), right, result.block(0, 0, half, columns), add, negate, memory,
                    bytes);
    multiply_blocks(team, left.block(half, 0, rest, folded), right, result.block(half, 0, rest, columns), add, negate,
                    memory, bytes);
  } else {
    multiply_blocks(team, left, right.block(0, 0, folded, half), result.block(0, 0, rows, half), add, negate, memory,
                    bytes);
    multiply_blocks(team, left, right.block(0, half, folded, rest), result.block(0, half, rows, rest), add, negate,
                    memory, bytes);
  }
}

}  // namespace

template <typename R>
void multiply_real(const DenseTeam& team, const Operand<const R>& left, const Operand<const R>& right,
                   const Operand<R>& result, bool add, bool negate, void* memory, std::int64_t bytes) {
  // Rows of the result are stored as vectors: of its transpose, where those follow each other.
  const bool transposed = result.columns.last().step.address != 1 && result.rows.last().step.address == 1;
  if (transposed)
    multiply_blocks<R>(team, right.transposed(), left.transposed(), result.transposed(), add, negate, memory, bytes);
  else
    multiply_blocks<R>(team, left, right, result, add, negate, memory, bytes);
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
