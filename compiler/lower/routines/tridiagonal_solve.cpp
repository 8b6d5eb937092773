// Tridiagonal solves by elimination with exchanges of neighbouring rows, as LAPACK's gtsv: a sweep forward that leaves
// two diagonals above the pivots, and a substitution backward.
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

/// What one step of the sweep does with the row that waits and the next one.
struct Elimination {
  Scalar exchange;  ///< the next row is the pivot's
  Scalar factor;    ///< of the pivot's row, taken from the other one
};

/// The steps' operands: lower, main and upper diagonal, right-hand sides; the carries: a row's pivot, upper element and
/// right-hand sides.
Elimination elimination(const Point& p, const Items::Step& step) {
  // The first row of the matrix has none before it: its lower element means nothing.
  const Scalar given = p.read(step.inputs[0], {});
  const Scalar none = given.is_complex() ? complex(p.number(0), p.number(0)) : p.number(0);
  const Scalar lower = select(is_zero(p.shared(step.position)), none, given);
  const Scalar waiting = p.read(step.carries[0], {});
  const Scalar exchange = rough_size(waiting) < rough_size(lower);
  return {exchange, select(exchange, waiting, lower) / select(exchange, lower, waiting)};
}

Elements solve(const Items& items, const std::vector<Elements>& diagonals, const Elements& right_side, std::int64_t n,
               std::int64_t count, bool is_complex) {
  const auto fill = [&](const Shape& item, double value) {
    return items.generate(
        item, [&](const Point& p) { return is_complex ? complex(p.number(value), p.number(0)) : p.number(value); });
  };
  const auto sweep = [&](const Items::Step& step) -> Items::Values {
    // Element `next` of the next row and `waiting` of the row that waits: the pivot's row has one, the other is left.
    const auto pivot_row = [&](const Point& p, const Scalar& waiting, const Scalar& next) {
      return select(elimination(p, step).exchange, next, waiting);
    };
    const auto left_row = [&](const Point& p, const Scalar& waiting, const Scalar& next) {
      const auto [exchange, factor] = elimination(p, step);
      return minus_product(select(exchange, waiting, next), factor, select(exchange, next, waiting));
    };
    const auto zero = [](const Scalar& like) {
      return like.is_complex() ? complex(like.number(0), like.number(0)) : like.number(0);
    };
    const auto upper = [&](const Point& p) { return p.read(step.carries[1], {}); };
    const auto next_main = [&](const Point& p) { return p.read(step.inputs[1], {}); };
    const auto next_upper = [&](const Point& p) { return p.read(step.inputs[2], {}); };
    const Elements pivot = items.generate(
        {}, [&](const Point& p) { return pivot_row(p, p.read(step.carries[0], {}), p.read(step.inputs[0], {})); });
    const Elements above = items.generate({}, [&](const Point& p) { return pivot_row(p, upper(p), next_main(p)); });
    const Elements second =
        items.generate({}, [&](const Point& p) { return pivot_row(p, zero(next_upper(p)), next_upper(p)); });
    const Elements value = items.generate({count}, [&](const Point& p) {
      return pivot_row(p, p.read(step.carries[2], {p[0]}), p.read(step.inputs[3], {p[0]}));
    });
    const Elements main = items.generate({}, [&](const Point& p) { return left_row(p, upper(p), next_main(p)); });
    const Elements next =
        items.generate({}, [&](const Point& p) { return left_row(p, zero(next_upper(p)), next_upper(p)); });
    const Elements rest = items.generate({count}, [&](const Point& p) {
      return left_row(p, p.read(step.carries[2], {p[0]}), p.read(step.inputs[3], {p[0]}));
    });
    return {{main, next, rest}, {pivot, above, second, value}};
  };
  const Items::Values forward = items.loop({.name = "tridiagonal_solve",
                                            .trip_count = n,
                                            .carries = {fill({}, 1), fill({}, 0), fill({count}, 0)},
                                            .inputs = {diagonals[0], diagonals[1], diagonals[2], right_side}},
                                           sweep);
  // A pivot that is zero makes its row's factor 0 / 0, and so every result NaN, as JAX's are; the last has no factor.
  const Elements last = items.generate({count}, [&](const Point& p) {
    const Scalar pivot = p.read(forward.carries[0], {});
    return select(is_zero(pivot), pivot, p.read(forward.carries[2], {p[0]})) / pivot;
  });
  // The rows that the sweep left are one behind: with x_i and x_(i + 1), row i gives x_(i - 1).
  return items
      .loop({.name = "tridiagonal_solve",
             .trip_count = n,
             .reverse = true,
             .carries = {last, fill({count}, 0)},
             .inputs = forward.outputs},
            [&](const Items::Step& step) -> Items::Values {
              const Elements before = items.generate({count}, [&](const Point& p) {
                const Scalar rest = minus_product(p.read(step.inputs[3], {p[0]}), p.read(step.inputs[1], {}),
                                                  p.read(step.carries[0], {p[0]}));
                return minus_product(rest, p.read(step.inputs[2], {}), p.read(step.carries[1], {p[0]})) /
                       p.read(step.inputs[0], {});
              });
              return {{before, step.carries[0]}, {step.carries[0]}};
            })
      .outputs[0];
}

}  // namespace

void tridiagonal_solve(Lowering& lowering, const Equation& equation) {
  const Operand right_side(lowering, equation.inputs[3], 2);
  std::vector<ArrayId> operands;
  for (const ir::Atom& input : equation.inputs) operands.push_back(lowering.widened(input));
  const Items& items = right_side.items;
  const auto outputs = lowering.routine("tridiagonal_solve", operands, [&]() -> std::vector<ArrayId> {
    std::vector<Elements> parts;
    for (const ArrayId operand : operands) parts.push_back(items.split(operand, right_side.is_complex));
    const Elements solved = solve(items, parts, parts[3], right_side.shape[right_side.shape.size() - 2],
                                  right_side.shape.back(), right_side.is_complex);
    return {items.join(solved, right_side.is_complex)};
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
