// The operations on vectors and matrices that LAPACK is built on (the BLAS), as each kind of processor does them.
#pragma once

#include <complex>
#include <cstdint>

#include "backends/llvm/runtime/dense.h"

namespace jaxc::cpu {

/// What one item of work runs on: threads, and memory (64-byte aligned) for what is packed.
struct BlasWork {
  const DenseTeam& team;
  std::byte* memory;
  std::int64_t bytes;
};

/// Element k is data[k * stride]; strides may be negative.
template <typename T>
struct BlasVector {
  T* data;
  std::int64_t count;
  std::int64_t stride;
};

/// Element (i, j) is data[i + j * stride].
template <typename T>
struct BlasMatrix {
  T* data;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t stride;
};

/// op(A): A, its transpose, or its conjugate transpose.
enum class BlasForm : std::uint8_t { plain, transposed, adjoint };

/// A triangle of a square matrix; with `unit`, its diagonal is ones.
template <typename T>
struct BlasTriangle {
  BlasMatrix<const T> matrix;
  bool lower;
  bool unit;
  BlasForm form;
};

/// Results depend on shapes alone, not on the number of threads. `R` is the type of T's parts; a dot product and a
/// product of two vectors conjugate where they say so.
template <typename T, typename R>
class Blas {
 public:
  /// result = factor op(left) op(right) + keep result.
  virtual void gemm(const BlasWork& work, BlasForm left_form, const BlasMatrix<const T>& left, BlasForm right_form,
                    const BlasMatrix<const T>& right, T factor, T keep, const BlasMatrix<T>& result) const = 0;
  /// result = factor op(matrix) vector + keep result.
  virtual void gemv(const BlasWork& work, BlasForm form, const BlasMatrix<const T>& matrix,
                    const BlasVector<const T>& vector, T factor, T keep, const BlasVector<T>& result) const = 0;
  /// matrix += factor left right^H.
  virtual void ger(const BlasWork& work, const BlasVector<const T>& left, const BlasVector<const T>& right, T factor,
                   const BlasMatrix<T>& matrix) const = 0;
  /// result = factor matrix vector + keep result, of a Hermitian matrix whose one triangle is read.
  virtual void hemv(const BlasWork& work, bool lower, const BlasMatrix<const T>& matrix,
                    const BlasVector<const T>& vector, T factor, T keep, const BlasVector<T>& result) const = 0;
  /// One triangle of matrix += factor left right^H + conj(factor) right left^H.
  virtual void her2(bool lower, const BlasVector<const T>& left, const BlasVector<const T>& right, T factor,
                    const BlasMatrix<T>& matrix) const = 0;
  /// The same of op(left) and op(right), which have more columns, plus keep matrix.
  virtual void her2k(const BlasWork& work, bool lower, BlasForm form, const BlasMatrix<const T>& left,
                     const BlasMatrix<const T>& right, T factor, R keep, const BlasMatrix<T>& matrix) const = 0;
  /// matrix = factor op(triangle) matrix, or factor matrix op(triangle) where the triangle is on the right.
  virtual void trmm(const BlasWork& work, bool left, const BlasTriangle<T>& triangle, T factor,
                    const BlasMatrix<T>& matrix) const = 0;
  virtual void trmv(const BlasTriangle<T>& triangle, const BlasVector<T>& vector) const = 0;
  /// Overwrites the right side by the solution.
  virtual void trsv(const BlasTriangle<T>& triangle, const BlasVector<T>& right) const = 0;

  /// target += factor source.
  virtual void axpy(T factor, const BlasVector<const T>& source, const BlasVector<T>& target) const = 0;
  /// first^T second, or first^H second.
  virtual T dot(bool conjugate, const BlasVector<const T>& first, const BlasVector<const T>& second) const = 0;
  /// The 2-norm, which neither overflows nor vanishes before the result does.
  virtual R nrm2(const BlasVector<const T>& vector) const = 0;
  /// The sum of the sizes of all parts.
  virtual R asum(const BlasVector<const T>& vector) const = 0;
  /// The first element whose parts' sizes have the largest sum.
  virtual std::int64_t iamax(const BlasVector<const T>& vector) const = 0;
  virtual void scal(T factor, const BlasVector<T>& vector) const = 0;
  virtual void copy(const BlasVector<const T>& source, const BlasVector<T>& target) const = 0;
  virtual void swap(const BlasVector<T>& first, const BlasVector<T>& second) const = 0;
  /// (first, second) = (cosine first + sine second, cosine second - sine first).
  virtual void rot(const BlasVector<T>& first, const BlasVector<T>& second, R cosine, R sine) const = 0;

 protected:
  ~Blas() = default;
};

/// Those of one kind of processor.
struct BlasTable {
  const Blas<float, float>& f32;
  const Blas<double, double>& f64;
  const Blas<std::complex<float>, float>& c64;
  const Blas<std::complex<double>, double>& c128;

  template <typename T>
  const auto& of() const {
    if constexpr (std::is_same_v<T, float>)
      return f32;
    else if constexpr (std::is_same_v<T, double>)
      return f64;
    else if constexpr (std::is_same_v<T, std::complex<float>>)
      return c64;
    else
      return c128;
  }
};

}  // namespace jaxc::cpu
