// Tridiagonal solves by Thomas's algorithm: a forward sweep that eliminates the lower diagonal, and a
// substitution backward.
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

Elements solve(const Items& items, const std::vector<Elements>& diagonals, const Elements& right_side, std::int64_t n,
               std::int64_t count, bool is_complex) {
  const auto zero = [&](const Shape& item) {
    return items.generate(item,
                          [&](const Point& p) { return is_complex ? complex(p.number(0), p.number(0)) : p.number(0); });
  };
  const Items::Values forward = items.loop(
      {.name = "tridiagonal_solve",
       .trip_count = n,
       .carries = {zero({}), zero({count})},
       .inputs = {diagonals[0], diagonals[1], diagonals[2], right_side}},
      [&](const Items::Step& step) -> Items::Values {
        const auto denominator = [&](const Point& p) {
          return minus_product(p.read(step.inputs[1], {}), p.read(step.inputs[0], {}), p.read(step.carries[0], {}));
        };
        const Elements upper =
            items.generate({}, [&](const Point& p) { return p.read(step.inputs[2], {}) / denominator(p); });
        const Elements value = items.generate({count}, [&](const Point& p) {
          const Scalar rest = minus_product(p.read(step.inputs[3], {p[0]}), p.read(step.inputs[0], {}),
                                            p.read(step.carries[1], {p[0]}));
          return rest / denominator(p);
        });
        return {{upper, value}, {upper, value}};
      });
  return items
      .loop({.name = "tridiagonal_solve",
             .trip_count = n,
             .reverse = true,
             .carries = {zero({count})},
             .inputs = forward.outputs},
            [&](const Items::Step& step) -> Items::Values {
              const Elements value = items.generate({count}, [&](const Point& p) {
                return minus_product(p.read(step.inputs[1], {p[0]}), p.read(step.inputs[0], {}),
                                     p.read(step.carries[0], {p[0]}));
              });
              return {{value}, {value}};
            })
      .outputs[0];
}

}  // namespace

void tridiagonal_solve(Lowering& lowering, const Equation& equation) {
  const Operand right_side(lowering, equation.inputs[3], 2);
  const std::vector<ArrayId> operands = lowering.arrays(equation.inputs);
  const Items& items = right_side.items;
  const auto outputs = lowering.routine("tridiagonal_solve", operands, [&]() -> std::vector<ArrayId> {
    std::vector<Elements> parts;
    for (const ArrayId operand : operands) parts.push_back(items.split(operand, right_side.is_complex));
    const Elements solved = solve(items, parts, parts[3], right_side.shape[right_side.shape.size() - 2],
                                  right_side.shape.back(), right_side.is_complex);
    return {items.join(solved, right_side.is_complex)};
  });
  lowering.define(equation.outputs[0], outputs[0]);
}

}  // namespace jaxc::compiler::lowering
