// Matrices with strides, and work on them in parts. Everything here is compiled once for each kind of processor, in
// a namespace that the build names JAXC_DENSE_TARGET.
#pragma once

#include <complex>
#include <cstdint>
#include <utility>

#include "backends/llvm/runtime/dense.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

/// Element (i, j) is data[i * row_stride + j * column_stride].
template <typename T>
struct Matrix {
  T* data;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_stride;
  std::int64_t column_stride;

  T& operator()(std::int64_t row, std::int64_t column) const { return data[row * row_stride + column * column_stride]; }
  Matrix block(std::int64_t row, std::int64_t column, std::int64_t row_count, std::int64_t column_count) const {
    return {data + row * row_stride + column * column_stride, row_count, column_count, row_stride, column_stride};
  }
  Matrix transposed() const { return {data, columns, rows, column_stride, row_stride}; }
};

/// A matrix whose rows follow each other.
template <typename T>
Matrix<T> dense(T* data, std::int64_t rows, std::int64_t columns) {
  return {data, rows, columns, columns, 1};
}

/// Calls body(part) for every part below `count`, on the team's threads.
template <typename Body>
void in_parts(const DenseTeam& team, std::int64_t count, const Body& body) {
  team.run(count, [](const void* work, std::int64_t part) { (*static_cast<const Body*>(work))(part); }, &body);
}

/// Calls body(begin, length) for runs of `length` positions below `extent`; the last may be shorter.
template <typename Body>
void in_runs(const DenseTeam& team, std::int64_t extent, std::int64_t length, const Body& body) {
  in_parts(team, (extent + length - 1) / length, [&](std::int64_t part) {
    const std::int64_t begin = part * length;
    body(begin, extent - begin < length ? extent - begin : length);
  });
}

/// body(0), body(1), ... body(count - 1), each with a number known when code is made.
template <int count, typename Body>
[[gnu::always_inline]] inline void unrolled(const Body& body) {
  [&]<int... k>(std::integer_sequence<int, k...>) {
    (body(std::integral_constant<int, k>{}), ...);
  }(std::make_integer_sequence<int, count>{});
}

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
