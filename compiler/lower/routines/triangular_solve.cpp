// Triangular solves by columns: each step finishes one unknown and takes it out of the others' equations.
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

struct Form {
  bool left = true;   ///< op(A) X = B, else X op(A) = B
  bool lower = true;  ///< which triangle of A holds it
  bool transpose = false;
  bool conjugate = false;
  bool unit = false;  ///< the diagonal is ones, and is not read
};

// X op(A) = B is op(A)' X' = B', so unknown number k is row k of X, or column k, and its coefficient in
// equation number i is A[i, k], or A[k, i].
Elements solve(const Items& items, const Elements& matrix, const Elements& right_side, std::int64_t rows,
               std::int64_t columns, const Form& form) {
  const std::int64_t n = form.left ? rows : columns;
  const std::int64_t count = form.left ? columns : rows;
  const bool transposed = form.transpose == form.left;
  const bool forward = form.lower != transposed;
  const auto coefficient = [&](const Point& p, const Scalar& i, const Scalar& k) {
    const Scalar value = transposed ? p.read(matrix, {k, i}) : p.read(matrix, {i, k});
    return form.conjugate ? conj(value) : value;
  };
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const Elements& current = step.carries[0];
    const Elements solved = items.generate({count}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      const Scalar value = form.left ? p.read(current, {k, p[0]}) : p.read(current, {p[0], k});
      return form.unit ? value : value / coefficient(p, k, k);
    });
    const Elements next = items.generate({rows, columns}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      const Scalar& i = p[form.left ? 0 : 1];
      const Scalar& j = p[form.left ? 1 : 0];
      const Scalar old = p.read(current, {p[0], p[1]});
      const Scalar value = p.read(solved, {j});
      const Scalar rest = minus_product(old, coefficient(p, i, k), value);
      return select(equal(i, k), value, select(forward ? k < i : i < k, rest, old));
    });
    return {{next}};
  };
  return items.loop({.name = "triangular_solve", .trip_count = n, .reverse = !forward, .carries = {right_side}}, step)
      .carries[0];
}

}  // namespace

void triangular_solve(Lowering& lowering, const Equation& equation) {
  const Form form{equation.parameters.boolean_or("left_side", false), equation.parameters.boolean_or("lower", false),
                  equation.parameters.boolean_or("transpose_a", false),
                  equation.parameters.boolean_or("conjugate_a", false),
                  equation.parameters.boolean_or("unit_diagonal", false)};
  const Operand matrix(lowering, equation.inputs[0], 2);
  const Operand right_side(lowering, equation.inputs[1], 2);
  const Items& items = right_side.items;
  const std::int64_t rows = right_side.shape[right_side.shape.size() - 2];
  ir::MatrixRoutine known = matrix.known(MatrixKind::triangular_solve);
  known.lower = form.lower;
  known.left = form.left;
  known.transpose = form.transpose;
  known.conjugate = form.conjugate;
  known.unit = form.unit;
  const auto outputs = lowering.routine("triangular_solve", known, {{matrix.array, right_side.array}}, [&] {
    const bool is_complex = matrix.is_complex;
    const Elements solved = solve(items, items.split(matrix.array, is_complex),
                                  items.split(right_side.array, is_complex), rows, right_side.shape.back(), form);
    return std::vector{items.join(solved, is_complex)};
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
