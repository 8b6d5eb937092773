// Eigenvalues by Eigen, in double precision: what an element of f32 loses in many rotations stays below its own
// precision. Eigen asks for numbers that are finite and not too large or small to be squared.
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "backends/llvm/runtime/dense/factors.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

using Square = Eigen::MatrixXd;
template <typename R>
using Rows = Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <typename T>
void fill_with_nan(void* output, std::int64_t count) {
  std::fill_n(static_cast<T*>(output), count, not_a_number<T>());
}

// A power of two that brings the largest element near 1, where it is far from it; nothing where one is not finite.
bool find_scale(const Square& matrix, double& scale) {
  constexpr int far = std::numeric_limits<double>::max_exponent / 4;
  scale = 1;
  double largest = 0;
  bool finite = true;
  for (Eigen::Index k = 0; k < matrix.size(); ++k) {
    const double size = std::abs(matrix.data()[k]);
    finite = finite && size <= std::numeric_limits<double>::max();
    largest = std::max(largest, size);
  }
  int exponent = 0;
  if (largest > 0) std::frexp(largest, &exponent);
  if (std::abs(exponent) > far)
    scale = std::ldexp(1.0, std::min(-exponent, std::numeric_limits<double>::max_exponent - 1));
  return finite;
}

}  // namespace

template <typename R>
void eigh(const MatrixRequest& request, const MatrixItem& item) {
  const std::int64_t n = request.rows;
  const Square given = Eigen::Map<const Rows<R>>(static_cast<const R*>(item.inputs[0]), n, n).template cast<double>();
  Square matrix = request.lower != 0 ? Square(given.selfadjointView<Eigen::Lower>())
                                     : Square(given.selfadjointView<Eigen::Upper>());
  double scale = 1;
  const bool finite = find_scale(matrix, scale);
  Eigen::SelfAdjointEigenSolver<Square> solver;
  if (finite) solver.compute(matrix * scale);
  if (!finite || solver.info() != Eigen::Success) {
    fill_with_nan<R>(item.outputs[0], n * request.count);
    fill_with_nan<R>(item.outputs[1], request.count);
    return;
  }
  Eigen::Map<Rows<R>>(static_cast<R*>(item.outputs[0]), n, request.count) =
      solver.eigenvectors().middleCols(request.first, request.count).template cast<R>();
  for (std::int64_t k = 0; k < request.count; ++k)
    static_cast<R*>(item.outputs[1])[k] = static_cast<R>(solver.eigenvalues()[request.first + k] / scale);
}

template void eigh<float>(const MatrixRequest&, const MatrixItem&);
template void eigh<double>(const MatrixRequest&, const MatrixItem&);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
