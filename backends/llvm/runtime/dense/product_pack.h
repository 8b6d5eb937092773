// Packs panels of a product's operands: rows side by side, column after column.
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

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

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
