// Multiplies tiles of packed operands in registers: panels of both lie in the caches in the order they are read in.
#include "backends/llvm/runtime/dense/product.h"

#include <algorithm>

#include "jaxc/types.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

// The registers decide how large a tile is: one vector is a row's element for all lanes, `tile_vectors` are the row of
// the right factor, and the others are sums.
constexpr int tile_rows = vector_registers == 32 ? 12 : 6;
constexpr int tile_vectors = 2;

template <typename R>
struct Tile {
  using Vector = VectorOf<R>;
  using Loose [[gnu::vector_size(vector_bytes), gnu::aligned(alignof(R)), gnu::may_alias]] = R;
  static constexpr std::int64_t lanes = vector_bytes / static_cast<std::int64_t>(sizeof(R));
  static constexpr std::int64_t columns = tile_vectors * lanes;

  // result (rows `stride` apart) = or += the product of a column panel and a row panel of `depth`.
  static void multiply(std::int64_t depth, const R* left, const R* right, R* result, std::int64_t stride, bool add) {
    Vector sums[tile_rows][tile_vectors];
    unrolled<tile_rows>([&](auto i) { unrolled<tile_vectors>([&](auto j) { sums[i][j] = Vector{}; }); });
    for (std::int64_t k = 0; k < depth; ++k, left += tile_rows, right += columns) {
      Vector row[tile_vectors];
      unrolled<tile_vectors>([&](auto j) { row[j] = *reinterpret_cast<const Vector*>(right + j * lanes); });
      unrolled<tile_rows>([&](auto i) {
        const Vector element = left[i] - Vector{};
        unrolled<tile_vectors>([&](auto j) { sums[i][j] = element * row[j] + sums[i][j]; });
      });
    }
    unrolled<tile_rows>([&](auto i) {
      unrolled<tile_vectors>([&](auto j) {
        auto* target = reinterpret_cast<Loose*>(result + i * stride + j * lanes);
        *target = add ? *target + sums[i][j] : sums[i][j];
      });
    });
  }
};

// Positions of the folded axis that are packed together: a panel of the right factor fits the first cache.
constexpr std::int64_t panel_depth = 256;
// What one part of the work multiplies: a block of the left factor that fits the second cache, and columns.
constexpr std::int64_t part_panels = 8;
constexpr std::int64_t part_columns = 256;

std::int64_t panels(std::int64_t extent, std::int64_t width) {
  return (extent + width - 1) / width;
}

/// Four rows of four numbers, transposed in registers.
template <typename R>
void transpose_four(const R* source, std::int64_t stride, R sign, R* target, std::int64_t target_stride) {
  using Four [[gnu::vector_size(4 * sizeof(R))]] = R;
  using Loose [[gnu::vector_size(4 * sizeof(R)), gnu::aligned(alignof(R)), gnu::may_alias]] = R;
  Four rows[4];
  unrolled<4>([&](auto number) { rows[number] = *reinterpret_cast<const Loose*>(source + number * stride) * sign; });
  const Four first = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
  const Four second = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
  const Four third = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
  const Four fourth = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  const auto store = [&](std::int64_t number, const Four& value) {
    *reinterpret_cast<Loose*>(target + number * target_stride) = value;
  };
  store(0, __builtin_shufflevector(first, second, 0, 1, 4, 5));
  store(1, __builtin_shufflevector(first, second, 2, 3, 6, 7));
  store(2, __builtin_shufflevector(third, fourth, 0, 1, 4, 5));
  store(3, __builtin_shufflevector(third, fourth, 2, 3, 6, 7));
}

/// `width` rows of the source, at most, as a panel whose columns follow each other; missing rows are 0.
template <std::int64_t width, typename R>
void pack(const Matrix<const R>& source, bool negate, R* panel) {
  const R sign = negate ? -1 : 1;
  const R* const from = source.data;
  if (source.rows == width && source.row_stride == 1) {
    for (std::int64_t k = 0; k < source.columns; ++k)
      for (std::int64_t i = 0; i < width; ++i) panel[k * width + i] = sign * from[k * source.column_stride + i];
    return;
  }
  std::int64_t done = 0;
  if (source.rows == width && source.column_stride == 1 && width % 4 == 0)
    for (; done + 4 <= source.columns; done += 4)
      for (std::int64_t i = 0; i < width; i += 4)
        transpose_four(from + i * source.row_stride + done, source.row_stride, sign, panel + done * width + i, width);
  for (std::int64_t k = done; k < source.columns; ++k)
    for (std::int64_t i = 0; i < width; ++i) panel[k * width + i] = i < source.rows ? sign * source(i, k) : R{};
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

namespace {

template <typename R>
void product_of(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
                const DenseTeam& team) {
  std::int64_t items = 1;
  for (const ProductRequest::Axis& axis : request.batch) items *= axis.extent;
  const auto& [rows, columns, folded] = request.axes;
  for (std::int64_t item = 0; item < items; ++item) {
    std::int64_t offsets[3] = {request.left_offset, request.right_offset, request.result_offset};
    std::int64_t rest = item;
    for (const ProductRequest::Axis& axis : request.batch) {
      const std::int64_t position = rest % axis.extent;
      rest /= axis.extent;
      offsets[0] += position * axis.left;
      offsets[1] += position * axis.right;
      offsets[2] += position * axis.result;
    }
    const auto run = [&](std::int64_t left_part, std::int64_t right_part, bool add, bool negate) {
      const Matrix<const R> a{static_cast<const R*>(left) + offsets[0] + left_part * request.left_part, rows.extent,
                              folded.extent, rows.left, folded.left};
      const Matrix<const R> b{static_cast<const R*>(right) + offsets[1] + right_part * request.right_part,
                              folded.extent, columns.extent, folded.right, columns.right};
      const Matrix<R> c{static_cast<R*>(result) + offsets[2] + (left_part ^ right_part) * request.result_part,
                        rows.extent, columns.extent, rows.result, columns.result};
      multiply_real(team, a, b, c, add, negate, memory, request.bytes);
    };
    run(0, 0, false, false);
    if (request.result_part == 0) continue;
    run(1, 1, true, true);
    run(0, 1, false, false);
    run(1, 0, true, false);
  }
}

}  // namespace

void product(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
             const DenseTeam& team) {
  switch (static_cast<DType>(request.dtype)) {
    case DType::f32:
      return product_of<float>(request, left, right, result, memory, team);
    case DType::f64:
      return product_of<double>(request, left, right, result, memory, team);
    default:
      return;
  }
}

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
