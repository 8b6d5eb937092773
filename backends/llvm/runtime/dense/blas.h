// The BLAS of one kind of processor, for LAPACK: operations on vectors, then those that read a matrix once, then
// products.
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"
#include "backends/llvm/runtime/lapack/blas.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

template <typename T>
class VectorBlas : public Blas<T, RealOf<T>> {
 public:
  using R = RealOf<T>;
  using Given = BlasMatrix<const T>;
  using GivenVector = BlasVector<const T>;

  void axpy(T factor, const GivenVector& source, const BlasVector<T>& target) const final;
  T dot(bool conjugate, const GivenVector& first, const GivenVector& second) const final;
  R nrm2(const GivenVector& vector) const final;
  R asum(const GivenVector& vector) const final;
  std::int64_t iamax(const GivenVector& vector) const final;
  void scal(T factor, const BlasVector<T>& vector) const final;
  void copy(const GivenVector& source, const BlasVector<T>& target) const final;
  void swap(const BlasVector<T>& first, const BlasVector<T>& second) const final;
  void rot(const BlasVector<T>& first, const BlasVector<T>& second, R cosine, R sine) const final;

  void her2(bool lower, const GivenVector& left, const GivenVector& right, T factor,
            const BlasMatrix<T>& matrix) const final;
  void trmv(const BlasTriangle<T>& triangle, const BlasVector<T>& vector) const final;
  void trsv(const BlasTriangle<T>& triangle, const BlasVector<T>& right) const final;

 protected:
  ~VectorBlas() = default;
};

template <typename T>
class MatrixBlas : public VectorBlas<T> {
 public:
  using typename VectorBlas<T>::R;
  using typename VectorBlas<T>::Given;
  using typename VectorBlas<T>::GivenVector;

  void gemv(const BlasWork& work, BlasForm form, const Given& matrix, const GivenVector& vector, T factor, T keep,
            const BlasVector<T>& result) const final;
  void ger(const BlasWork& work, const GivenVector& left, const GivenVector& right, T factor,
           const BlasMatrix<T>& matrix) const final;
  void hemv(const BlasWork& work, bool lower, const Given& matrix, const GivenVector& vector, T factor, T keep,
            const BlasVector<T>& result) const final;

 protected:
  ~MatrixBlas() = default;
};

template <typename T>
class ProductBlas final : public MatrixBlas<T> {
 public:
  using typename VectorBlas<T>::R;
  using typename VectorBlas<T>::Given;

  void gemm(const BlasWork& work, BlasForm left_form, const Given& left, BlasForm right_form, const Given& right,
            T factor, T keep, const BlasMatrix<T>& result) const override;
  void her2k(const BlasWork& work, bool lower, BlasForm form, const Given& left, const Given& right, T factor, R keep,
             const BlasMatrix<T>& matrix) const override;
  void trmm(const BlasWork& work, bool left, const BlasTriangle<T>& triangle, T factor,
            const BlasMatrix<T>& matrix) const override;
};

extern const BlasTable blas_table;

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
