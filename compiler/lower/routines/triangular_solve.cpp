// Triangular solves by columns: each step finishes one unknown and takes it out of the others' equations.
#include "compiler/lower/routines/batched.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

struct Form {
  bool left = true;   ///< op(A) X = B, else X op(A) = B
  bool lower = true;  ///< which triangle of A holds it
  bool transpose = false;
  bool unit = false;  ///< the diagonal is ones, and is not read
};

// X op(A) = B is op(A)' X' = B', so unknown number k is row k of X, or column k, and its coefficient in
// equation number i is A[i, k], or A[k, i].
ArrayId solve(Lowering& lowering, ArrayId matrix, ArrayId right_side, const Form& form) {
  const Shape& shape = lowering.shape(right_side);
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t columns = shape.back();
  const std::int64_t n = form.left ? rows : columns;
  const std::int64_t count = form.left ? columns : rows;
  const bool transposed = form.transpose == form.left;
  const bool forward = form.lower != transposed;
  const auto coefficient = [&](RegionBuilder& b, auto batch, OpId i, OpId k) {
    return transposed ? item.read(b, matrix, batch, {k, i}) : item.read(b, matrix, batch, {i, k});
  };
  const auto unknown = [&](RegionBuilder& b, ArrayId array, auto batch, OpId k, OpId j) {
    return form.left ? item.read(b, array, batch, {k, j}) : item.read(b, array, batch, {j, k});
  };
  const auto step = [&](const LoopArguments& arguments) -> LoopValues {
    const ArrayId current = arguments.carries[0];
    const ArrayId solved = item.generate({count}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId k = lowering.read_scalar(b, arguments.position);
      const OpId value = unknown(b, current, batch, k, axes[0]);
      return form.unit ? value : b.binary(Opcode::div, value, coefficient(b, batch, k, k));
    });
    const ArrayId next = item.generate({rows, columns}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId k = lowering.read_scalar(b, arguments.position);
      const OpId i = axes[form.left ? 0 : 1];
      const OpId j = axes[form.left ? 1 : 0];
      const OpId old = item.read(b, current, batch, {axes[0], axes[1]});
      const OpId value = item.read(b, solved, batch, {j});
      const OpId rest = minus_product(b, old, coefficient(b, batch, i, k), value);
      const OpId later = forward ? less(b, k, i) : less(b, i, k);
      return b.select(equal(b, i, k), value, b.select(later, rest, old));
    });
    return {{next}, {}};
  };
  return lowering
      .loop({.name = "triangular_solve", .trip_count = n, .reverse = !forward, .carries = {right_side}}, step)
      .carries[0];
}

}  // namespace

void triangular_solve(Lowering& lowering, const Equation& equation) {
  if (is_complex(lowering.type(equation.inputs[0]).dtype)) lowering.fail("complex matrices cannot be lowered");
  const Form form{equation.parameters.boolean_or("left_side", false), equation.parameters.boolean_or("lower", false),
                  equation.parameters.boolean_or("transpose_a", false),
                  equation.parameters.boolean_or("unit_diagonal", false)};
  const ArrayId matrix = lowering.array(equation.inputs[0]);
  const ArrayId right_side = lowering.array(equation.inputs[1]);
  lowering.define(equation.outputs[0], lowering.routine("triangular_solve", {{matrix, right_side}}, [&] {
    return std::vector{solve(lowering, matrix, right_side, form)};
  })[0]);
}

void tridiagonal_solve(Lowering& lowering, const Equation& equation) {
  // Thomas's algorithm: a forward sweep that eliminates the lower diagonal, and a substitution backward.
  const std::vector<ArrayId> operands = lowering.arrays(equation.inputs);
  const ArrayId right_side = operands[3];
  const Shape shape = lowering.shape(right_side);
  const std::size_t rank = shape.size();
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const std::int64_t count = shape.back();
  const int axis = static_cast<int>(rank) - 2;
  const DType dtype = lowering.dtype(right_side);
  const auto outputs = lowering.routine("tridiagonal_solve", operands, [&]() -> std::vector<ArrayId> {
    const ArrayId zero = lowering.fill(ir::constant_of(dtype, 0), item.shape({}));
    const ArrayId zeros = lowering.fill(ir::constant_of(dtype, 0), item.shape({count}));
    const LoopValues forward = lowering.loop(
        {.name = "tridiagonal_solve",
         .trip_count = shape[rank - 2],
         .carries = {zero, zeros},
         .inputs = {{operands[0], axis}, {operands[1], axis}, {operands[2], axis}, {right_side, axis}},
         .output_axis = axis},
        [&](const LoopArguments& arguments) -> LoopValues {
          const auto denominator = [&](RegionBuilder& b, auto batch) {
            return minus_product(b, item.read(b, arguments.inputs[1], batch, {}),
                                 item.read(b, arguments.inputs[0], batch, {}),
                                 item.read(b, arguments.carries[0], batch, {}));
          };
          const ArrayId upper = item.generate({}, [&](RegionBuilder& b, auto batch, auto) {
            return b.binary(Opcode::div, item.read(b, arguments.inputs[2], batch, {}), denominator(b, batch));
          });
          const ArrayId value = item.generate({count}, [&](RegionBuilder& b, auto batch, auto axes) {
            const OpId rest = minus_product(b, item.read(b, arguments.inputs[3], batch, {axes[0]}),
                                            item.read(b, arguments.inputs[0], batch, {}),
                                            item.read(b, arguments.carries[1], batch, {axes[0]}));
            return b.binary(Opcode::div, rest, denominator(b, batch));
          });
          return {{upper, value}, {upper, value}};
        });
    const LoopValues backward =
        lowering.loop({.name = "tridiagonal_solve",
                       .trip_count = shape[rank - 2],
                       .reverse = true,
                       .carries = {zeros},
                       .inputs = {{forward.outputs[0], axis}, {forward.outputs[1], axis}},
                       .output_axis = axis},
                      [&](const LoopArguments& arguments) -> LoopValues {
                        const ArrayId value = item.generate({count}, [&](RegionBuilder& b, auto batch, auto axes) {
                          return minus_product(b, item.read(b, arguments.inputs[1], batch, {axes[0]}),
                                               item.read(b, arguments.inputs[0], batch, {}),
                                               item.read(b, arguments.carries[0], batch, {axes[0]}));
                        });
                        return {{value}, {value}};
                      });
    return {backward.outputs[0]};
  });
  lowering.define(equation.outputs[0], outputs[0]);
}

}  // namespace jaxc::compiler::lowering
