// Cholesky by columns, right-looking: each step scales one column and updates what lies right of it.
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

// Column j's step leaves zeros above the diagonal. A pivot that is not positive makes everything NaN, and so do
// the pivots after it.
Elements factor(const Items& items, const Elements& matrix, std::int64_t n) {
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const Elements& current = step.carries[0];
    const auto pivot = [&](const Point& p) {
      const Scalar j = p.shared(step.position);
      return p.read(current, {j, j}).real_part();
    };
    // l[i] = current[i, j] / sqrt(current[j, j]) at and below the diagonal, 0 above.
    const Elements column = items.generate({n}, [&](const Point& p) {
      const Scalar j = p.shared(step.position);
      const Scalar root = sqrt(pivot(p));
      const Scalar below = select(p[0] < j, p.number(0), p.read(current, {p[0], j}) / root);
      return select(equal(p[0], j), root, below);
    });
    const Elements next = items.generate({n, n}, [&](const Point& p) {
      const Scalar j = p.shared(step.position);
      const Scalar old = p.read(current, {p[0], p[1]});
      const Scalar row = p.read(column, {p[0]});
      const Scalar updated = minus_product(old, row, conj(p.read(column, {p[1]})));
      const Scalar value = select(equal(p[1], j), row, select((j < p[1]) & (p[1] <= p[0]), updated, old));
      return select(p.number(0) < pivot(p), value, value.is_complex() ? complex(p.nan(), p.nan()) : p.nan());
    });
    return {{next}};
  };
  return items.loop({.name = "cholesky", .trip_count = n, .carries = {matrix}}, step).carries[0];
}

}  // namespace

void cholesky(Lowering& lowering, const Equation& equation) {
  const Operand matrix(lowering, equation.inputs[0], 2);
  const auto outputs =
      lowering.routine("cholesky", matrix.known(MatrixKind::cholesky), {{matrix.array}}, [&]() -> std::vector<ArrayId> {
        const Elements factored =
            factor(matrix.items, matrix.items.split(matrix.array, matrix.is_complex), matrix.shape.back());
        return {matrix.items.join(factored, matrix.is_complex)};
      });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
