// Matrices with strides, and work on them in parts. Everything here is compiled once for each kind of processor, in
// a namespace that the build names JAXC_DENSE_TARGET.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
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

/// The rows, or the rows and the columns, in the opposite order.
template <typename T>
Matrix<T> rows_reversed(const Matrix<T>& matrix) {
  return {matrix.data + (matrix.rows - 1) * matrix.row_stride, matrix.rows, matrix.columns, -matrix.row_stride,
          matrix.column_stride};
}
template <typename T>
Matrix<T> reversed(const Matrix<T>& matrix) {
  return rows_reversed(rows_reversed(matrix).transposed()).transposed();
}

template <typename T>
Matrix<const T> constant(const Matrix<T>& matrix) {
  return {matrix.data, matrix.rows, matrix.columns, matrix.row_stride, matrix.column_stride};
}

/// A matrix whose rows follow each other.
template <typename T>
Matrix<T> dense(T* data, std::int64_t rows, std::int64_t columns) {
  return {data, rows, columns, columns, 1};
}

template <typename T>
struct Real {
  using Type = T;
};
template <typename R>
struct Real<std::complex<R>> {
  using Type = R;
};
template <typename T>
using RealOf = typename Real<T>::Type;
template <typename T>
inline constexpr bool is_complex_number = !std::is_same_v<T, RealOf<T>>;

/// The conjugate, in the number's own type.
template <typename T>
T conjugate_of(const T& value) {
  if constexpr (is_complex_number<T>)
    return {value.real(), -value.imag()};
  else
    return value;
}
template <typename T>
RealOf<T> real_of(const T& value) {
  if constexpr (is_complex_number<T>)
    return value.real();
  else
    return value;
}
/// |z|^2.
template <typename T>
RealOf<T> square_of(const T& value) {
  if constexpr (is_complex_number<T>)
    return value.real() * value.real() + value.imag() * value.imag();
  else
    return value * value;
}
template <typename T>
T not_a_number() {
  const RealOf<T> nan = std::numeric_limits<RealOf<T>>::quiet_NaN();
  if constexpr (is_complex_number<T>)
    return {nan, nan};
  else
    return nan;
}

/// Memory that is handed out from its beginning, 64-byte aligned.
class Arena {
 public:
  Arena(void* memory, std::int64_t bytes) : memory_(static_cast<std::byte*>(memory)), bytes_(bytes) {}

  template <typename T>
  T* take(std::int64_t count) {
    const std::int64_t bytes = (count * static_cast<std::int64_t>(sizeof(T)) + 63) / 64 * 64;
    std::byte* taken = memory_;
    memory_ += bytes;
    bytes_ -= bytes;
    return reinterpret_cast<T*>(taken);
  }
  void* memory() const { return memory_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::byte* memory_;
  std::int64_t bytes_;
};

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

/// The processor's vectors.
#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
#elif defined(__aarch64__)
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 32;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif
template <typename R>
using VectorOf [[gnu::vector_size(vector_bytes)]] = R;

/// body(0), body(1), ... body(count - 1), each with a number known when code is made.
template <int count, typename Body>
[[gnu::always_inline]] inline void unrolled(const Body& body) {
  [&]<int... k>(std::integer_sequence<int, k...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, k>{}), ...);
  }(std::make_integer_sequence<int, count>{});
}

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
