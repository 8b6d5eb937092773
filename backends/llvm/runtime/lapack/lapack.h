// Decompositions by LAPACK, whose BLAS is this processor's.
#pragma once

#include "backends/llvm/runtime/dense.h"
#include "backends/llvm/runtime/lapack/blas.h"

namespace jaxc::cpu {

/// While it lives, LAPACK's calls of the BLAS on this thread run there.
class LapackScope {
 public:
  LapackScope(const BlasTable& table, const BlasWork& work);
  ~LapackScope();
  LapackScope(const LapackScope&) = delete;
  LapackScope& operator=(const LapackScope&) = delete;

  const BlasTable& table() const { return table_; }
  const BlasWork& work() const { return work_; }

 private:
  const BlasTable& table_;
  const BlasWork& work_;
  const LapackScope* outer_;
};

/// Whether LAPACK decomposes, by the kind of the routine and whether columns are exchanged.
bool is_lapack_routine(const MatrixRequest& request);

/// Results are NaN where an element of the matrix is not finite, and where an iteration does not converge.
void lapack_routine(const MatrixRequest& request, const MatrixItem& item, const BlasTable& table,
                    const DenseTeam& team);

}  // namespace jaxc::cpu
