// Cholesky by columns, right-looking: each step scales one column and updates what lies right of it.
#include "compiler/lower/routines/batched.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

ArrayId factor(Lowering& lowering, ArrayId matrix) {
  const Shape& shape = lowering.shape(matrix);
  const std::int64_t n = shape.back();
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const DType dtype = lowering.dtype(matrix);
  const ArrayId lower = item.generate({n, n}, [&](RegionBuilder& b, auto batch, auto axes) {
    return b.select(less(b, axes[0], axes[1]), b.constant(dtype, 0), item.read(b, matrix, batch, {axes[0], axes[1]}));
  });
  const auto step = [&](const LoopArguments& arguments) -> LoopValues {
    const ArrayId current = arguments.carries[0];
    // l[i] = current[i, j] / sqrt(current[j, j]) at and below the diagonal, 0 above.
    const ArrayId column = item.generate({n}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId j = lowering.read_scalar(b, arguments.position);
      const OpId root = b.unary(Opcode::sqrt, item.read(b, current, batch, {j, j}));
      const OpId scaled = b.binary(Opcode::div, item.read(b, current, batch, {axes[0], j}), root);
      const OpId below = b.select(less(b, axes[0], j), b.constant(dtype, 0), scaled);
      return b.select(equal(b, axes[0], j), root, below);
    });
    const ArrayId next = item.generate({n, n}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId j = lowering.read_scalar(b, arguments.position);
      const OpId i = axes[0];
      const OpId k = axes[1];
      const OpId old = item.read(b, current, batch, {i, k});
      const OpId row = item.read(b, column, batch, {i});
      const OpId updated = minus_product(b, old, row, item.read(b, column, batch, {k}));
      const OpId inside = both(b, less(b, j, k), b.binary(Opcode::le, k, i));
      return b.select(equal(b, k, j), row, b.select(inside, updated, old));
    });
    return {{next}, {}};
  };
  const ArrayId factored = lowering.loop({.name = "cholesky", .trip_count = n, .carries = {lower}}, step).carries[0];
  // A matrix that is not positive definite gives NaN throughout.
  const ArrayId good =
      item.reduce({}, {n}, Opcode::bit_and, DType::boolean, [&](RegionBuilder& b, auto batch, auto axes) {
        return less(b, b.constant(dtype, 0), item.read(b, factored, batch, {axes[0], axes[0]}));
      });
  return item.generate({n, n}, [&](RegionBuilder& b, auto batch, auto axes) {
    return b.select(item.read(b, good, batch, {}), item.read(b, factored, batch, {axes[0], axes[1]}),
                    b.constant(dtype, std::numeric_limits<double>::quiet_NaN()));
  });
}

}  // namespace

void cholesky(Lowering& lowering, const Equation& equation) {
  if (is_complex(lowering.type(equation.inputs[0]).dtype)) lowering.fail("complex matrices cannot be lowered");
  const ArrayId matrix = lowering.array(equation.inputs[0]);
  lowering.define(equation.outputs[0],
                  lowering.routine("cholesky", {{matrix}}, [&] { return std::vector{factor(lowering, matrix)}; })[0]);
}

}  // namespace jaxc::compiler::lowering
