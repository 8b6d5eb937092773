// Multiplies tiles of two operands in registers, at the size that fills them and at parts of it.
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

// The registers decide how large a tile is: one vector is a row's element for all lanes, `tile_vectors` are the row of
// the right factor, and the others are sums. The last rows and columns of a result have tiles of thirds and halves.
inline constexpr int tile_rows = vector_registers == 32 ? 12 : 6;
inline constexpr int tile_third = tile_rows / 3;
inline constexpr int tile_vectors = 2;

template <typename R>
struct Tile {
  using Vector = VectorOf<R>;
  using Loose [[gnu::vector_size(vector_bytes), gnu::aligned(alignof(R)), gnu::may_alias]] = R;
  static constexpr std::int64_t lanes = vector_bytes / static_cast<std::int64_t>(sizeof(R));
  static constexpr std::int64_t columns = tile_vectors * lanes;

  /// Element (i, k) is data[i * row_step + k * column_step].
  struct Left {
    const R* data;
    std::int64_t row_step;
    std::int64_t column_step;
  };
  /// Rows `stride` apart, whose elements follow each other. The product is added to what is there, or replaces it.
  struct Result {
    R* data;
    std::int64_t stride;
    bool add;
    R sign;  ///< of the product
  };

  /// The product of `depth` columns of the left factor and as many rows of the right one, which follow each other. An
  /// element has the same bits in a tile of any size.
  template <int rows, int vectors>
  static void multiply(std::int64_t depth, Left left, const R* right, const Result& result) {
    Vector sums[rows][vectors];
    const auto for_each = [](const auto& body) __attribute__((always_inline)) {
      unrolled<rows>([&](auto i) __attribute__((always_inline)) {
        unrolled<vectors>([&](auto j) __attribute__((always_inline)) { body(i, j); });
      });
    };
    for_each([&](auto i, auto j) __attribute__((always_inline)) {
      sums[i][j] = Vector{};
      __builtin_prefetch(result.data + i * result.stride + j * lanes, 1);
    });
    for (std::int64_t k = 0; k < depth; ++k, left.data += left.column_step, right += columns) {
      Vector row[vectors];
      unrolled<vectors>(
          [&](auto j) __attribute__((always_inline)) { row[j] = *reinterpret_cast<const Vector*>(right + j * lanes); });
      unrolled<rows>([&](auto i) __attribute__((always_inline)) {
        const Vector element = left.data[i * left.row_step] - Vector{};
        unrolled<vectors>([&](auto j) __attribute__((always_inline)) { sums[i][j] = element * row[j] + sums[i][j]; });
      });
    }
    for_each([&](auto i, auto j) __attribute__((always_inline)) {
      auto* const target = reinterpret_cast<Loose*>(result.data + i * result.stride + j * lanes);
      *target = result.sign * sums[i][j] + (result.add ? *target : Vector{});
    });
  }

  using Function = void (*)(std::int64_t depth, Left left, const R* right, const Result& result);
  /// By thirds of the rows and by vectors, each less one.
  static constexpr Function functions[3][tile_vectors] = {{multiply<tile_third, 1>, multiply<tile_third, 2>},
                                                          {multiply<2 * tile_third, 1>, multiply<2 * tile_third, 2>},
                                                          {multiply<tile_rows, 1>, multiply<tile_rows, 2>}};
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
