// Operations on vectors, and on vectors with triangles.
#include <algorithm>
#include <cmath>

#include "backends/llvm/runtime/dense/blas.h"
#include "backends/llvm/runtime/dense/columns.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

template <typename T>
RealOf<T> larger_part(const T& value) {
  if constexpr (is_complex_number<T>)
    return std::max(std::abs(value.real()), std::abs(value.imag()));
  else
    return std::abs(value);
}
template <typename T>
RealOf<T> sum_of_parts(const T& value) {
  if constexpr (is_complex_number<T>)
    return std::abs(value.real()) + std::abs(value.imag());
  else
    return std::abs(value);
}

template <typename T>
T& at(const BlasVector<T>& vector, std::int64_t k) {
  return vector.data[k * vector.stride];
}

// Element (i, j) of op(triangle), whose diagonal is treated apart.
template <typename T>
T element(const BlasTriangle<T>& triangle, std::int64_t i, std::int64_t j) {
  const BlasMatrix<const T>& m = triangle.matrix;
  if (triangle.form == BlasForm::plain) return m.data[i + j * m.stride];
  const T value = m.data[j + i * m.stride];
  return triangle.form == BlasForm::adjoint ? conjugate_of(value) : value;
}

}  // namespace

template <typename T>
void VectorBlas<T>::axpy(T factor, const GivenVector& source, const BlasVector<T>& target) const {
  if (source.stride == 1 && target.stride == 1)
    return add_columns<1>(source.count, source.data, 0, &factor, target.data);
  for (std::int64_t k = 0; k < source.count; ++k) at(target, k) += factor * at(source, k);
}

template <typename T>
T VectorBlas<T>::dot(bool conjugate, const GivenVector& first, const GivenVector& second) const {
  T sum{};
  if (first.stride == 1 && second.stride == 1) {
    project_columns<1>(conjugate, first.count, first.data, 0, second.data, &sum);
    return sum;
  }
  for (std::int64_t k = 0; k < first.count; ++k)
    sum += (conjugate ? conjugate_of(at(first, k)) : at(first, k)) * at(second, k);
  return sum;
}

template <typename T>
RealOf<T> VectorBlas<T>::nrm2(const GivenVector& vector) const {
  using Limits = std::numeric_limits<R>;
  constexpr R least = Limits::min() / (Limits::epsilon() * Limits::epsilon());
  const R squares = real_of(this->dot(true, vector, vector));
  if (squares >= least && squares <= Limits::max()) return std::sqrt(squares);
  R largest = 0;
  for (std::int64_t k = 0; k < vector.count; ++k) {
    const R part = larger_part(at(vector, k));
    if (!(part <= Limits::max())) return std::sqrt(squares);  // it is not finite
    largest = std::max(largest, part);
  }
  if (largest == 0) return 0;
  const int exponent = std::clamp(-std::ilogb(largest), 2 - Limits::max_exponent, Limits::max_exponent - 2);
  const R scale = std::ldexp(R{1}, exponent);
  R scaled = 0;
  for (std::int64_t k = 0; k < vector.count; ++k) scaled += square_of(at(vector, k) * scale);
  return std::sqrt(scaled) * std::ldexp(R{1}, -exponent);
}

template <typename T>
RealOf<T> VectorBlas<T>::asum(const GivenVector& vector) const {
  R sum = 0;
  for (std::int64_t k = 0; k < vector.count; ++k) sum += sum_of_parts(at(vector, k));
  return sum;
}

template <typename T>
std::int64_t VectorBlas<T>::iamax(const GivenVector& vector) const {
  std::int64_t found = 0;
  R largest = vector.count == 0 ? R{} : sum_of_parts(at(vector, 0));
  for (std::int64_t k = 1; k < vector.count; ++k) {
    const R size = sum_of_parts(at(vector, k));
    if (largest < size) {
      largest = size;
      found = k;
    }
  }
  return found;
}

template <typename T>
void VectorBlas<T>::scal(T factor, const BlasVector<T>& vector) const {
  if (vector.stride == 1)
    for (std::int64_t k = 0; k < vector.count; ++k) vector.data[k] *= factor;
  else
    for (std::int64_t k = 0; k < vector.count; ++k) at(vector, k) *= factor;
}

template <typename T>
void VectorBlas<T>::copy(const GivenVector& source, const BlasVector<T>& target) const {
  if (source.stride == 1 && target.stride == 1)
    std::copy(source.data, source.data + source.count, target.data);
  else
    for (std::int64_t k = 0; k < source.count; ++k) at(target, k) = at(source, k);
}

template <typename T>
void VectorBlas<T>::swap(const BlasVector<T>& first, const BlasVector<T>& second) const {
  if (first.stride == 1 && second.stride == 1)
    std::swap_ranges(first.data, first.data + first.count, second.data);
  else
    for (std::int64_t k = 0; k < first.count; ++k) std::swap(at(first, k), at(second, k));
}

template <typename T>
void VectorBlas<T>::rot(const BlasVector<T>& first, const BlasVector<T>& second, R cosine, R sine) const {
  const auto rotate = [&](auto& one, auto& other) {
    const auto before = one;
    one = cosine * before + sine * other;
    other = cosine * other - sine * before;
  };
  if (first.stride == 1 && second.stride == 1) {  // parts are rotated alike
    R* const ones = reinterpret_cast<R*>(first.data);
    R* const others = reinterpret_cast<R*>(second.data);
    const std::int64_t reals = is_complex_number<T> ? 2 * first.count : first.count;
    for (std::int64_t k = 0; k < reals; ++k) rotate(ones[k], others[k]);
    return;
  }
  for (std::int64_t k = 0; k < first.count; ++k) rotate(at(first, k), at(second, k));
}

template <typename T>
void VectorBlas<T>::her2(bool lower, const GivenVector& left, const GivenVector& right, T factor,
                         const BlasMatrix<T>& matrix) const {
  for (std::int64_t j = 0; j < matrix.columns; ++j) {
    T* const column = matrix.data + j * matrix.stride;
    const T first = factor * conjugate_of(at(right, j));
    const T second = conjugate_of(factor * at(left, j));
    const std::int64_t end = lower ? matrix.rows : j + 1;
    for (std::int64_t i = lower ? j : 0; i < end; ++i) column[i] += at(left, i) * first + at(right, i) * second;
    column[j] = real_of(column[j]);
  }
}

template <typename T>
void VectorBlas<T>::trmv(const BlasTriangle<T>& triangle, const BlasVector<T>& vector) const {
  const std::int64_t n = vector.count;
  const Given& m = triangle.matrix;
  const auto diagonal = [&](std::int64_t k) { return triangle.unit ? T{1} : element(triangle, k, k); };
  if (triangle.form != BlasForm::plain) {  // rows of op(triangle) are columns: dot products
    for (std::int64_t step = 0; step < n; ++step) {
      const std::int64_t k = triangle.lower ? step : n - 1 - step;
      const std::int64_t first = triangle.lower ? k + 1 : 0;
      const GivenVector column{m.data + first + k * m.stride, triangle.lower ? n - 1 - k : k, 1};
      const GivenVector rest{&at(vector, 0) + first * vector.stride, column.count, vector.stride};
      at(vector, k) = diagonal(k) * at(vector, k) + dot(triangle.form == BlasForm::adjoint, column, rest);
    }
    return;
  }
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t k = triangle.lower ? n - 1 - step : step;
    const std::int64_t first = triangle.lower ? k + 1 : 0;
    const GivenVector column{m.data + first + k * m.stride, triangle.lower ? n - 1 - k : k, 1};
    const T value = at(vector, k);
    axpy(value, column, {&at(vector, 0) + first * vector.stride, column.count, vector.stride});
    at(vector, k) = diagonal(k) * value;
  }
}

template <typename T>
void VectorBlas<T>::trsv(const BlasTriangle<T>& triangle, const BlasVector<T>& right) const {
  const std::int64_t n = right.count;
  const Given& m = triangle.matrix;
  const bool by_columns = triangle.form == BlasForm::plain;
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t k = triangle.lower == by_columns ? step : n - 1 - step;
    const std::int64_t first = triangle.lower ? k + 1 : 0;
    const GivenVector column{m.data + first + k * m.stride, triangle.lower ? n - 1 - k : k, 1};
    const BlasVector<T> rest{right.data + first * right.stride, column.count, right.stride};
    T& value = at(right, k);
    if (!by_columns)
      value -= this->dot(triangle.form == BlasForm::adjoint, column, {rest.data, rest.count, rest.stride});
    if (!triangle.unit) value /= element(triangle, k, k);
    if (by_columns) this->axpy(-value, column, rest);
  }
}

template class VectorBlas<float>;
template class VectorBlas<double>;
template class VectorBlas<std::complex<float>>;
template class VectorBlas<std::complex<double>>;

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
