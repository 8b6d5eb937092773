// Records of sorts, transforms and dense linear algebra.
#include "compiler/lower/routines/routines.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record sort{evaluators::sort, lowering::sort, not_yet("batch sort"), not_yet("jvp sort"), not_linear};
const Record top_k{evaluators::top_k, lowering::top_k, not_yet("batch top_k"), not_yet("jvp top_k"), not_linear};
const Record fft{evaluators::fft, lowering::fft, not_yet("batch fft"), linear, not_yet("transpose fft")};
const Record cholesky{evaluators::cholesky, lowering::cholesky, not_yet("batch cholesky"), not_yet("jvp cholesky"),
                      not_linear};
const Record eigh{evaluators::eigh, lowering::eigh, not_yet("batch eigh"), not_yet("jvp eigh"), not_linear};
const Record eig{evaluators::eig, lowering::eig, not_yet("batch eig"), not_yet("jvp eig"), not_linear};
const Record householder_product{evaluators::householder_product, lowering::householder_product,
                                 not_yet("batch householder_product"), not_differentiable("differentiate qr instead"),
                                 not_linear};
const Record lu{evaluators::lu, lowering::lu, not_yet("batch lu"), not_yet("jvp lu"), not_linear};
const Record lu_pivots_to_permutation{evaluators::lu_pivots_to_permutation, lowering::lu_pivots_to_permutation,
                                      not_yet("batch lu_pivots_to_permutation"), zero_derivative, not_linear};
const Record geqrf{evaluators::geqrf, lowering::geqrf, not_yet("batch geqrf"),
                   not_differentiable("differentiate qr instead"), not_linear};
const Record qr{evaluators::qr, lowering::qr, not_yet("batch qr"), not_yet("jvp qr"), not_linear};
const Record schur{evaluators::schur, lowering::schur, not_yet("batch schur"),
                   not_differentiable("JAX defines no derivative"), not_linear};
const Record svd{evaluators::svd, lowering::svd, not_yet("batch svd"), not_yet("jvp svd"), not_linear};
const Record triangular_solve{evaluators::triangular_solve, lowering::triangular_solve,
                              not_yet("batch triangular_solve"), not_yet("jvp triangular_solve"),
                              not_yet("transpose triangular_solve")};
const Record tridiagonal_solve{evaluators::tridiagonal_solve, lowering::tridiagonal_solve,
                               not_yet("batch tridiagonal_solve"), not_yet("jvp tridiagonal_solve"),
                               not_yet("transpose tridiagonal_solve")};

}  // namespace jaxc::compiler::records
