// The lowering rules of dense linear algebra and sorts: each expands into loops and nests.
#pragma once

#include "compiler/lower/lowering.h"

namespace jaxc::compiler::lowering {

using ir::Equation;

void cholesky(Lowering& lowering, const Equation& equation);
void triangular_solve(Lowering& lowering, const Equation& equation);
void tridiagonal_solve(Lowering& lowering, const Equation& equation);
void lu(Lowering& lowering, const Equation& equation);
void lu_pivots_to_permutation(Lowering& lowering, const Equation& equation);
void geqrf(Lowering& lowering, const Equation& equation);
void householder_product(Lowering& lowering, const Equation& equation);
void qr(Lowering& lowering, const Equation& equation);
void eigh(Lowering& lowering, const Equation& equation);
void eig(Lowering& lowering, const Equation& equation);
void schur(Lowering& lowering, const Equation& equation);
void svd(Lowering& lowering, const Equation& equation);
void fft(Lowering& lowering, const Equation& equation);
void sort(Lowering& lowering, const Equation& equation);
void top_k(Lowering& lowering, const Equation& equation);

/// For each position of the last axis, how many elements come before it when that axis is sorted; i64.
/// `before(builder, axes, i, j)` says whether element i comes strictly before element j; ties keep their order.
using Precedes = std::function<ir::OpId(ir::RegionBuilder&, std::span<const ir::OpId> batch, ir::OpId i, ir::OpId j)>;
ir::ArrayId ranks(Lowering& lowering, const Shape& batch, std::int64_t extent, const Precedes& before);

}  // namespace jaxc::compiler::lowering
