// Householder's QR by panels of columns: I - V T V^H is the product of a panel's reflections (Schreiber and Van Loan
// 1989).
#include <algorithm>
#include <cmath>

#include "backends/llvm/runtime/dense/factors.h"
#include "backends/llvm/runtime/dense/product.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

constexpr std::int64_t panel_columns = 32;

// One panel's reflections: vectors V in rows that follow each other (V', that is), their conjugates, and T.
template <typename T>
class Reflections {
 public:
  Reflections(std::int64_t rows, std::int64_t columns, Arena& arena)
      : vectors_(arena.take<T>(rows * panel_columns)),
        conjugates_(arena.take<T>(rows * panel_columns)),
        work_(arena.take<T>(2 * panel_columns * columns)),
        arena_(arena) {}

  /// The panel's columns are rows of vectors().
  T* vectors() const { return vectors_; }

  /// Reduces `count` columns of `rows` numbers, which lie in vectors() one after the other.
  void reduce(std::int64_t rows, std::int64_t count, T* scales) {
    for (std::int64_t k = 0; k < count; ++k) {
      scales[k] = T{};
      if (k >= rows) continue;
      T* const column = vectors_ + k * rows;
      scales[k] = reflect(column + k, rows - k);
      if (scales[k] == T{}) continue;
      const T diagonal = column[k];
      column[k] = 1;
      for (std::int64_t j = k + 1; j < count; ++j)
        apply(column + k, conjugate_of(scales[k]), vectors_ + j * rows + k, rows - k);
      column[k] = diagonal;
    }
  }

  /// Makes V and T of `count` columns and their scales: what is above the diagonal becomes 0, the diagonal 1.
  void gather(const DenseTeam& team, std::int64_t rows, std::int64_t count, const T* scales) {
    rows_ = rows;
    count_ = count;
    for (std::int64_t k = 0; k < count; ++k) {
      T* const vector = vectors_ + k * rows;
      std::fill(vector, vector + std::min(k, rows), T{});
      if (k < rows) vector[k] = 1;
      for (std::int64_t i = 0; i < rows; ++i) conjugates_[k * rows + i] = conjugate_of(vector[i]);
    }
    T gram[panel_columns * panel_columns];  // V^H V
    multiply(team, constant(dense(conjugates_, count, rows)), constant(dense(vectors_, count, rows)).transposed(),
             dense(gram, count, count), Update::assign, arena_.memory(), arena_.bytes());
    for (std::int64_t j = 0; j < count; ++j) {
      for (std::int64_t i = 0; i < count; ++i) {
        T sum{};
        for (std::int64_t k = i; k < j; ++k) sum += triangle_[i * count + k] * gram[k * count + j];
        triangle_[i * count + j] = i < j ? -scales[j] * sum : i == j ? scales[j] : T{};
      }
    }
  }

  /// target -= V T V^H target, or with T^H: the reflections' product, or its inverse.
  void apply_all(const DenseTeam& team, const Matrix<T>& target, bool inverse) {
    T triangle[panel_columns * panel_columns];
    for (std::int64_t i = 0; i < count_; ++i)
      for (std::int64_t j = 0; j < count_; ++j)
        triangle[i * count_ + j] = inverse ? conjugate_of(triangle_[j * count_ + i]) : triangle_[i * count_ + j];
    const Matrix<T> projected = dense(work_, count_, target.columns);
    const Matrix<T> scaled = dense(work_ + count_ * target.columns, count_, target.columns);
    multiply(team, constant(dense(conjugates_, count_, rows_)), constant(target), projected, Update::assign,
             arena_.memory(), arena_.bytes());
    multiply(team, constant(dense(triangle, count_, count_)), constant(projected), scaled, Update::assign,
             arena_.memory(), arena_.bytes());
    multiply(team, constant(dense(vectors_, count_, rows_)).transposed(), constant(scaled), target, Update::subtract,
             arena_.memory(), arena_.bytes());
  }

 private:
  // Replaces x by beta and v: (I - tau v v^H)^H x = beta e1, beta real, v[0] = 1. Returns tau; 0 where x has this form.
  static T reflect(T* x, std::int64_t count) {
    using R = RealOf<T>;
    using Limits = std::numeric_limits<R>;
    constexpr R least = Limits::min() / (Limits::epsilon() * Limits::epsilon());
    const R tail = tail_of(x, count);
    const R sum = square_of(x[0]) + tail;
    if (!(tail < least || sum > Limits::max())) return reflect(x, count, tail);
    // Squares vanish or overflow, which they do not beside a power of two near the largest number.
    R largest = 0;
    for (std::int64_t i = 1; i < count; ++i) largest = std::max(largest, part_of(x[i]));
    if constexpr (is_complex_number<T>) largest = std::max(largest, std::abs(x[0].imag()));
    if (largest == 0) return reflect(x, count, tail);
    largest = std::max(largest, part_of(x[0]));
    if (!(largest <= Limits::max())) return reflect(x, count, tail);
    const int exponent = std::clamp(-std::ilogb(largest), 2 - Limits::max_exponent, Limits::max_exponent - 2);
    const R scale = std::ldexp(R{1}, exponent);
    for (std::int64_t i = 0; i < count; ++i) x[i] *= scale;
    const T tau = reflect(x, count, tail_of(x, count));
    x[0] *= std::ldexp(R{1}, -exponent);
    return tau;
  }

  static T reflect(T* x, std::int64_t count, RealOf<T> tail) {
    const T head = x[0];
    bool is_real = true;
    if constexpr (is_complex_number<T>) is_real = head.imag() == 0;
    if (tail == 0 && is_real) return T{};
    const RealOf<T> norm = std::sqrt(square_of(head) + tail);
    const RealOf<T> beta = real_of(head) < 0 ? norm : -norm;
    const T divisor = head - beta;
    for (std::int64_t i = 1; i < count; ++i) x[i] = x[i] / divisor;
    x[0] = beta;
    return (beta - head) / beta;
  }

  static RealOf<T> tail_of(const T* x, std::int64_t count) {
    RealOf<T> tail{};
    for (std::int64_t i = 1; i < count; ++i) tail += square_of(x[i]);
    return tail;
  }

  // The size of the larger part.
  static RealOf<T> part_of(const T& value) {
    if constexpr (is_complex_number<T>)
      return std::max(std::abs(value.real()), std::abs(value.imag()));
    else
      return std::abs(value);
  }

  // target -= factor v v^H target.
  static void apply(const T* vector, const T& factor, T* target, std::int64_t count) {
    constexpr std::int64_t lanes = 32;  // sums side by side, so that they fill vectors
    T sums[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
      for (std::int64_t lane = 0; lane < lanes; ++lane) sums[lane] += conjugate_of(vector[i + lane]) * target[i + lane];
    T sum{};
    for (; i < count; ++i) sum += conjugate_of(vector[i]) * target[i];
    for (std::int64_t lane = 0; lane < lanes; ++lane) sum += sums[lane];
    const T scaled = factor * sum;
    for (std::int64_t k = 0; k < count; ++k) target[k] -= vector[k] * scaled;
  }

  T* vectors_;
  T* conjugates_;
  T* work_;
  Arena& arena_;
  T triangle_[panel_columns * panel_columns] = {};
  std::int64_t rows_ = 0;
  std::int64_t count_ = 0;
};

/// `panel` as rows that follow each other, and back.
template <typename T>
void fetch(const Matrix<const T>& panel, T* columns) {
  for (std::int64_t i = 0; i < panel.rows; ++i)
    for (std::int64_t j = 0; j < panel.columns; ++j) columns[j * panel.rows + i] = panel(i, j);
}
template <typename T>
void put(const T* columns, const Matrix<T>& panel) {
  for (std::int64_t i = 0; i < panel.rows; ++i)
    for (std::int64_t j = 0; j < panel.columns; ++j) panel(i, j) = columns[j * panel.rows + i];
}

template <typename T>
void factor(const DenseTeam& team, const Matrix<T>& matrix, T* scales, Arena arena) {
  Reflections<T> reflections(matrix.rows, matrix.columns, arena);
  const std::int64_t steps = std::min(matrix.rows, matrix.columns);
  for (std::int64_t k = 0; k < steps; k += panel_columns) {
    const std::int64_t count = std::min(panel_columns, steps - k);
    const Matrix<T> panel = matrix.block(k, k, matrix.rows - k, count);
    fetch(constant(panel), reflections.vectors());
    reflections.reduce(panel.rows, count, scales + k);
    put(reflections.vectors(), panel);
    const std::int64_t right = matrix.columns - k - count;
    if (right == 0) continue;
    reflections.gather(team, panel.rows, count, scales + k);
    reflections.apply_all(team, matrix.block(k, k + count, panel.rows, right), true);
  }
}

// The first columns of the product of the reflections that `packed` and `scales` hold.
template <typename T>
void form_product(const DenseTeam& team, const Matrix<const T>& packed, const T* scales, std::int64_t steps,
                  const Matrix<T>& product, Arena arena) {
  Reflections<T> reflections(packed.rows, product.columns, arena);
  for (std::int64_t i = 0; i < product.rows; ++i)
    for (std::int64_t j = 0; j < product.columns; ++j) product(i, j) = i == j ? T{1} : T{};
  if (steps == 0) return;
  for (std::int64_t k = (steps - 1) / panel_columns * panel_columns; k >= 0; k -= panel_columns) {
    const std::int64_t count = std::min(panel_columns, steps - k);
    const std::int64_t rows = packed.rows - k;
    fetch(packed.block(k, k, rows, count), reflections.vectors());
    reflections.gather(team, rows, count, scales + k);
    reflections.apply_all(team, product.block(k, k, rows, product.columns - k), false);
  }
}

}  // namespace

template <typename T>
void geqrf(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  const auto* given = static_cast<const T*>(item.inputs[0]);
  auto* factored = static_cast<T*>(item.outputs[0]);
  if (given != factored) std::copy(given, given + request.rows * request.columns, factored);
  factor(team, dense(factored, request.rows, request.columns), static_cast<T*>(item.outputs[1]),
         Arena(item.memory, item.bytes));
}

template <typename T>
void householder_product(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  Arena arena(item.memory, item.bytes);
  const auto* given = static_cast<const T*>(item.inputs[0]);
  T* packed = arena.take<T>(request.rows * request.columns);  // the result may lie where the matrix is
  std::copy(given, given + request.rows * request.columns, packed);
  form_product(team, constant(dense(packed, request.rows, request.columns)), static_cast<const T*>(item.inputs[1]),
               request.count, dense(static_cast<T*>(item.outputs[0]), request.result_rows, request.result_columns),
               arena);
}

template <typename T>
void qr(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  Arena arena(item.memory, item.bytes);
  const auto* given = static_cast<const T*>(item.inputs[0]);
  const std::int64_t steps = std::min(request.rows, request.columns);
  T* memory = arena.take<T>(request.rows * request.columns);
  T* scales = arena.take<T>(steps);
  std::copy(given, given + request.rows * request.columns, memory);
  const Matrix<T> packed = dense(memory, request.rows, request.columns);
  factor(team, packed, scales, arena);
  form_product(team, constant(packed), scales, steps,
               dense(static_cast<T*>(item.outputs[0]), request.rows, request.result_columns), arena);
  const Matrix<T> upper = dense(static_cast<T*>(item.outputs[1]), request.result_columns, request.columns);
  for (std::int64_t i = 0; i < upper.rows; ++i)
    for (std::int64_t j = 0; j < upper.columns; ++j) upper(i, j) = i <= j ? packed(i, j) : T{};
}

template void geqrf<float>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void geqrf<double>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void geqrf<std::complex<float>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void geqrf<std::complex<double>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void householder_product<float>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void householder_product<double>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void householder_product<std::complex<float>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void householder_product<std::complex<double>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void qr<float>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void qr<double>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void qr<std::complex<float>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);
template void qr<std::complex<double>>(const MatrixRequest&, const MatrixItem&, const DenseTeam&);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
