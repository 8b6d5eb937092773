// The table of one kind of processor.
#include "backends/llvm/runtime/dense/blas.h"
#include "backends/llvm/runtime/dense/factors.h"
#include "backends/llvm/runtime/dense/product.h"
#include "backends/llvm/runtime/dense/triangular.h"
#include "ir/program.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

template <typename T>
void run(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  using Kind = ir::MatrixRoutine::Kind;
  switch (static_cast<Kind>(request.kind)) {
    case Kind::cholesky:
      return cholesky<T>(request, item, team);
    case Kind::triangular_solve:
      return triangular_solve<T>(request, item, team);
    case Kind::lu:
      return lu<T>(request, item, team);
    case Kind::geqrf:
      return geqrf<T>(request, item, team);
    case Kind::householder_product:
      return householder_product<T>(request, item, team);
    case Kind::qr:
      return qr<T>(request, item, team);
    default:  // LAPACK's
      return;
  }
}

void matrix(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team) {
  switch (static_cast<DType>(request.dtype)) {
    case DType::f32:
      return run<float>(request, item, team);
    case DType::f64:
      return run<double>(request, item, team);
    case DType::c64:
      return run<std::complex<float>>(request, item, team);
    case DType::c128:
      return run<std::complex<double>>(request, item, team);
    default:
      return;
  }
}

}  // namespace

extern const DenseRoutines routines;
const DenseRoutines routines = {&product, &matrix, &blas_table};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
