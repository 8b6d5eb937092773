// Multiplies packed operands in parts that all threads share.
#include "backends/llvm/runtime/dense/product.h"

#include <algorithm>

#include "backends/llvm/runtime/dense/product_pack.h"
#include "backends/llvm/runtime/dense/product_tile.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// Positions of the folded axis that are packed together: a panel of the right factor fits the first cache.
constexpr std::int64_t panel_depth = 256;
// What one part of the work multiplies: a block of the left factor that fits the second cache, and columns.
constexpr std::int64_t part_panels = 8;
constexpr std::int64_t part_columns = 256;

std::int64_t panels(std::int64_t extent, std::int64_t width) {
  return (extent + width - 1) / width;
}

template <typename R>
class Product {
 public:
  Product(const DenseTeam& team, const Matrix<const R>& left, const Matrix<const R>& right, const Matrix<R>& result,
          void* memory, std::int64_t bytes)
      : team_(team), left_(left), right_(right), result_(result) {
    const std::int64_t width = left_panels_ * tile_rows + right_panels_ * Tile<R>::columns;
    const std::int64_t fits = bytes / (width * static_cast<std::int64_t>(sizeof(R)));
    depth_ = fits >= left.columns ? left.columns : std::max(fits / panel_depth, std::int64_t{1}) * panel_depth;
    packed_left_ = static_cast<R*>(memory);
  }

  void run(bool add, bool negate) {
    for (std::int64_t begin = 0; begin < left_.columns; begin += depth_) {
      const std::int64_t depth = std::min(depth_, left_.columns - begin);
      constexpr std::int64_t vector = Tile<R>::lanes;
      packed_right_ = packed_left_ + panels(left_panels_ * tile_rows * depth, vector) * vector;
      pack_operands(begin, depth, negate);
      const std::int64_t across = panels(result_.columns, part_columns);
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
      for (std::int64_t k = 0; k < depth; k += panel_depth) {
        const std::int64_t length = std::min(panel_depth, depth - k);
        if (is_left)
          pack_panels<tile_rows>(left_.block(0, begin + k, left_.rows, length), first, end, negate,
                                 left_panel(first, k, length));
        else
          pack_panels<Tile<R>::columns>(right_.block(begin + k, 0, length, right_.columns).transposed(), first, end,
                                        false, right_panel(first, k, length));
      }
    });
  }

  template <std::int64_t width>
  static void pack_panels(const Matrix<const R>& source, std::int64_t first, std::int64_t end, bool negate, R* target) {
    for (std::int64_t panel = first; panel < end; ++panel, target += source.columns * width)
      pack<width>(source.block(panel * width, 0, std::min(width, source.rows - panel * width), source.columns), negate,
                  target);
  }

  R* left_panel(std::int64_t panel, std::int64_t k, std::int64_t length) const {
    return packed_left_ + tile_rows * (left_panels_ * k + panel * length);
  }
  R* right_panel(std::int64_t panel, std::int64_t k, std::int64_t length) const {
    return packed_right_ + Tile<R>::columns * (right_panels_ * k + panel * length);
  }

  void multiply_part(std::int64_t first_panel, std::int64_t first_column, std::int64_t depth, bool add) const {
    const std::int64_t end_panel = std::min(first_panel + part_panels, left_panels_);
    const std::int64_t end_column = std::min(first_column + part_columns, result_.columns);
    for (std::int64_t k = 0; k < depth; k += panel_depth) {
      const std::int64_t length = std::min(panel_depth, depth - k);
      for (std::int64_t column = first_column; column < end_column; column += Tile<R>::columns)
        for (std::int64_t panel = first_panel; panel < end_panel; ++panel)
          multiply_tile(left_panel(panel, k, length), right_panel(column / Tile<R>::columns, k, length), length,
                        result_.block(panel * tile_rows, column,
                                      std::min<std::int64_t>(tile_rows, result_.rows - panel * tile_rows),
                                      std::min(Tile<R>::columns, result_.columns - column)),
                        add || k > 0);
    }
  }

  static void multiply_tile(const R* left, const R* right, std::int64_t depth, const Matrix<R>& result, bool add) {
    if (result.rows == tile_rows && result.columns == Tile<R>::columns && result.column_stride == 1)
      return Tile<R>::multiply(depth, left, right, result.data, result.row_stride, add);
    alignas(vector_bytes) R tile[tile_rows * Tile<R>::columns];
    Tile<R>::multiply(depth, left, right, tile, Tile<R>::columns, false);
    for (std::int64_t i = 0; i < result.rows; ++i)
      for (std::int64_t j = 0; j < result.columns; ++j) {
        const R value = tile[i * Tile<R>::columns + j];
        result(i, j) = add ? result(i, j) + value : value;
      }
  }

  const DenseTeam& team_;
  Matrix<const R> left_;
  Matrix<const R> right_;
  Matrix<R> result_;
  std::int64_t left_panels_ = panels(left_.rows, tile_rows);
  std::int64_t right_panels_ = panels(right_.columns, Tile<R>::columns);
  std::int64_t depth_ = 0;  ///< positions of the folded axis that are packed at one time
  R* packed_left_ = nullptr;
  R* packed_right_ = nullptr;
};

// Halves the longer side of the result, at whole tiles, until a panel of the operands fits the memory. Sums do not
// depend on where it is cut.
template <typename R>
void multiply_blocks(const DenseTeam& team, const Matrix<const R>& left, const Matrix<const R>& right,
                     const Matrix<R>& result, bool add, bool negate, void* memory, std::int64_t bytes) {
  constexpr std::int64_t step = 96;  // whole tiles of every size, and more than what they are padded by
  const std::int64_t depth = std::min(left.columns, panel_depth);
  const std::int64_t needed = (result.rows + result.columns + step) * depth * std::int64_t{sizeof(R)};
  const std::int64_t longest = std::max(result.rows, result.columns);
  if (needed <= bytes || longest <= step) return Product<R>(team, left, right, result, memory, bytes).run(add, negate);
  const std::int64_t half = panels(longest / 2, step) * step;
  const std::int64_t rest = longest - half;
  if (result.rows == longest) {
    multiply_blocks(team, left.block(0, 0, half, left.columns), right, result.block(0, 0, half, result.columns), add,
                    negate, memory, bytes);
    multiply_blocks(team, left.block(half, 0, rest, left.columns), right, result.block(half, 0, rest, result.columns),
                    add, negate, memory, bytes);
  } else {
    multiply_blocks(team, left, right.block(0, 0, right.rows, half), result.block(0, 0, result.rows, half), add, negate,
                    memory, bytes);
    multiply_blocks(team, left, right.block(0, half, right.rows, rest), result.block(0, half, result.rows, rest), add,
                    negate, memory, bytes);
  }
}

}  // namespace

template <typename R>
void multiply_real(const DenseTeam& team, const Matrix<const R>& left, const Matrix<const R>& right,
                   const Matrix<R>& result, bool add, bool negate, void* memory, std::int64_t bytes) {
  // Rows of the result are stored as vectors: of its transpose, where those follow each other.
  const bool transposed = result.column_stride != 1 && result.row_stride == 1;
  if (transposed)
    multiply_blocks<R>(team, right.transposed(), left.transposed(), result.transposed(), add, negate, memory, bytes);
  else
    multiply_blocks<R>(team, left, right, result, add, negate, memory, bytes);
}

template void multiply_real(const DenseTeam&, const Matrix<const float>&, const Matrix<const float>&,
                            const Matrix<float>&, bool, bool, void*, std::int64_t);
template void multiply_real(const DenseTeam&, const Matrix<const double>&, const Matrix<const double>&,
                            const Matrix<double>&, bool, bool, void*, std::int64_t);

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
      multiply_real<R>(team, part_of<const R>(left, left_part), part_of<const R>(right, right_part),
                       part_of<R>(result, left_part ^ right_part), add || !first, minus != negate, memory, bytes);
    };
    run(0, 0, true, false);
    run(1, 1, false, !conjugate);
    run(0, 1, true, conjugate);
    run(1, 0, false, false);
  } else {
    multiply_real<T>(team, left, right, result, add, negate, memory, bytes);
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
