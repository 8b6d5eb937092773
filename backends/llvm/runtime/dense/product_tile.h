// Multiplies tiles of packed operands in registers: panels of both lie in the caches in the order they are read in.
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

// The registers decide how large a tile is: one vector is a row's element for all lanes, `tile_vectors` are the row of
// the right factor, and the others are sums.
inline constexpr int tile_rows = vector_registers == 32 ? 12 : 6;
inline constexpr int tile_vectors = 2;

template <typename R>
struct Tile {
  using Vector = VectorOf<R>;
  using Loose [[gnu::vector_size(vector_bytes), gnu::aligned(alignof(R)), gnu::may_alias]] = R;
  static constexpr std::int64_t lanes = vector_bytes / static_cast<std::int64_t>(sizeof(R));
  static constexpr std::int64_t columns = tile_vectors * lanes;

  // result (rows `stride` apart) = or += the product of a column panel and a row panel of `depth`.
  static void multiply(std::int64_t depth, const R* left, const R* right, R* result, std::int64_t stride, bool add) {
    Vector sums[tile_rows][tile_vectors];
    unrolled<tile_rows>([&](auto i) __attribute__((always_inline)) {
      unrolled<tile_vectors>([&](auto j) __attribute__((always_inline)) { sums[i][j] = Vector{}; });
    });
    for (std::int64_t k = 0; k < depth; ++k, left += tile_rows, right += columns) {
      Vector row[tile_vectors];
      unrolled<tile_vectors>(
          [&](auto j) __attribute__((always_inline)) { row[j] = *reinterpret_cast<const Vector*>(right + j * lanes); });
      unrolled<tile_rows>([&](auto i) __attribute__((always_inline)) {
        const Vector element = left[i] - Vector{};
        unrolled<tile_vectors>([&](auto j)
                                   __attribute__((always_inline)) { sums[i][j] = element * row[j] + sums[i][j]; });
      });
    }
    unrolled<tile_rows>([&](auto i) __attribute__((always_inline)) {
      unrolled<tile_vectors>([&](auto j) __attribute__((always_inline)) {
        auto* target = reinterpret_cast<Loose*>(result + i * stride + j * lanes);
        *target = add ? *target + sums[i][j] : sums[i][j];
      });
    });
  }
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
