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
  /// Element (i, k) is rows[i][k].
  struct Rows {
    const R* rows[tile_rows];
  };
  /// Rows `stride` apart, whose elements follow each other. The product is added to what is there, or replaces it.
  struct Result {
    R* data;
    std::int64_t stride;
    bool add;
    R sign;  ///< of the product
  };

  /// The product of `depth` columns of the left factor, which is Left or Rows, and as many rows of the right one, which
  /// follow each other. An element has the same bits in a tile of any size.
  template <int rows, int vectors, typename Factor>
  static void multiply(std::int64_t depth, const Factor& left, const R* right, const Result& result) {
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
    const auto fold = [&](const auto& factor) __attribute__((always_inline)) {
      Vector row[vectors];
      unrolled<vectors>(
          [&](auto j) __attribute__((always_inline)) { row[j] = *reinterpret_cast<const Vector*>(right + j * lanes); });
      unrolled<rows>([&](auto i) __attribute__((always_inline)) {
        const Vector element = factor(i) - Vector{};
        unrolled<vectors>([&](auto j) __attribute__((always_inline)) { sums[i][j] = element * row[j] + sums[i][j]; });
      });
      right += columns;
    };
    if constexpr (std::is_same_v<Factor, Left>) {
      // An address is one of few pointers and up to twice the step, which instructions add; none waits for another.
      constexpr int group = 3;
      const R* data[(rows + group - 1) / group];
      unrolled<(rows + group - 1) / group>(
          [&](auto k) __attribute__((always_inline)) { data[k] = left.data + k * group * left.row_step; });
      for (std::int64_t k = 0; k < depth; ++k) {
        fold([&](auto i) __attribute__((always_inline)) { return data[i / group][i % group * left.row_step]; });
        for (const R*& pointer : data) pointer += left.column_step;
      }
    } else {
      std::int64_t k = 0;
      for (; k + 4 <= depth; k += 4)  // each address is loaded once for four
        unrolled<4>([&](auto next) __attribute__((always_inline)) {
          fold([&](auto i) __attribute__((always_inline)) { return left.rows[i][k + next]; });
        });
      for (; k < depth; ++k) fold([&](auto i) __attribute__((always_inline)) { return left.rows[i][k]; });
    }
    for_each([&](auto i, auto j) __attribute__((always_inline)) {
      auto* const target = reinterpret_cast<Loose*>(result.data + i * result.stride + j * lanes);
      *target = result.sign * sums[i][j] + (result.add ? *target : Vector{});
    });
  }

  template <typename Factor>
  using Function = void (*)(std::int64_t depth, const Factor& left, const R* right, const Result& result);
  /// By thirds of the rows and by vectors, each less one.
  template <typename Factor>
  static constexpr Function<Factor> functions[3][tile_vectors] = {
      {multiply<tile_third, 1, Factor>, multiply<tile_third, 2, Factor>},
      {multiply<2 * tile_third, 1, Factor>, multiply<2 * tile_third, 2, Factor>},
      {multiply<tile_rows, 1, Factor>, multiply<tile_rows, 2, Factor>}};
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
