// Eigenvalues and singular values by Eigen, with what its decompositions ask of their operands: numbers that are finite
// and not too large or small to be squared.
#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>

#include "backends/llvm/runtime/dense/factors.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

template <typename R>
using Square = Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic>;
template <typename R>
using Rows = Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <typename T>
void fill_with_nan(void* output, std::int64_t count) {
  if (output != nullptr) std::fill_n(static_cast<T*>(output), count, not_a_number<T>());
}

// A power of two that brings the largest element near 1, where it is far from it; nothing where one is not finite.
template <typename R>
bool find_scale(const Square<R>& matrix, R& scale) {
  scale = 1;
  R largest = 0;
  bool finite = true;
  for (Eigen::Index k = 0; k < matrix.size(); ++k) {
    const R size = std::abs(matrix.data()[k]);
    finite = finite && size <= std::numeric_limits<R>::max();
    largest = std::max(largest, size);
  }
  int exponent = 0;
  if (largest > 0) std::frexp(largest, &exponent);
  if (std::abs(exponent) > std::numeric_limits<R>::max_exponent / 4) scale = std::ldexp(R{1}, -exponent);
  return finite;
}

}  // namespace

template <typename R>
void eigh(const MatrixRequest& request, const MatrixItem& item) {
  const std::int64_t n = request.rows;
  const Eigen::Map<const Rows<R>> given(static_cast<const R*>(item.inputs[0]), n, n);
  Square<R> matrix = request.lower != 0 ? Square<R>(given.template selfadjointView<Eigen::Lower>())
                                        : Square<R>(given.template selfadjointView<Eigen::Upper>());
  R scale = 1;
  const bool finite = find_scale(matrix, scale);
  Eigen::SelfAdjointEigenSolver<Square<R>> solver;
  if (finite) solver.compute(matrix * scale);
  if (!finite || solver.info() != Eigen::Success) {
    fill_with_nan<R>(item.outputs[0], n * request.count);
    fill_with_nan<R>(item.outputs[1], request.count);
    return;
  }
  Eigen::Map<Rows<R>>(static_cast<R*>(item.outputs[0]), n, request.count) =
      solver.eigenvectors().middleCols(request.first, request.count);
  for (std::int64_t k = 0; k < request.count; ++k)
    static_cast<R*>(item.outputs[1])[k] = solver.eigenvalues()[request.first + k] / scale;
}

template <typename R>
void svd(const MatrixRequest& request, const MatrixItem& item) {
  const Eigen::Map<const Rows<R>> given(static_cast<const R*>(item.inputs[0]), request.rows, request.columns);
  Square<R> matrix = given;
  const bool vectors = item.outputs[1] != nullptr;
  const bool full = vectors && request.full != 0;
  const unsigned wanted = !vectors ? 0U
                          : full   ? Eigen::ComputeFullU | Eigen::ComputeFullV
                                   : Eigen::ComputeThinU | Eigen::ComputeThinV;
  const std::int64_t left = full ? request.rows : request.count;
  const std::int64_t right = full ? request.columns : request.count;
  R scale = 1;
  const bool finite = find_scale(matrix, scale);
  Eigen::BDCSVD<Square<R>> solver;
  if (finite) solver.compute(matrix * scale, wanted);
  if (!finite || solver.info() != Eigen::Success || !solver.singularValues().allFinite()) {
    fill_with_nan<R>(item.outputs[0], request.count);
    fill_with_nan<R>(item.outputs[1], request.rows * left);
    fill_with_nan<R>(item.outputs[2], right * request.columns);
    return;
  }
  for (std::int64_t k = 0; k < request.count; ++k)
    static_cast<R*>(item.outputs[0])[k] = solver.singularValues()[request.first + k] / scale;
  if (!vectors) return;
  Eigen::Map<Rows<R>>(static_cast<R*>(item.outputs[1]), request.rows, left) =
      solver.matrixU().middleCols(request.first, left);
  Eigen::Map<Rows<R>>(static_cast<R*>(item.outputs[2]), right, request.columns) =
      solver.matrixV().middleCols(request.first, right).transpose();
}

template void eigh<float>(const MatrixRequest&, const MatrixItem&);
template void eigh<double>(const MatrixRequest&, const MatrixItem&);
template void svd<float>(const MatrixRequest&, const MatrixItem&);
template void svd<double>(const MatrixRequest&, const MatrixItem&);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
