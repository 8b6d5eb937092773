// The routines of dense linear algebra, one item each.
#pragma once

#include "backends/llvm/runtime/dense/matrix.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

template <typename T>
void cholesky(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team);
template <typename T>
void lu(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team);
template <typename T>
void geqrf(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team);
template <typename T>
void householder_product(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team);
template <typename T>
void qr(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team);

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
