// QR by Householder reflections, in LAPACK's packed form: geqrf, householder_product, qr.
#include "compiler/lower/routines/batched.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

struct Packed {
  ArrayId matrix = 0;  ///< R on and above the diagonal, the reflections' vectors below it (their first element is 1)
  ArrayId scales = 0;  ///< tau of each reflection I - tau v v'
};

// v[i] of reflection k, whose stored part lies below the diagonal of column k.
OpId reflection(RegionBuilder& b, DType dtype, OpId stored, OpId i, OpId k) {
  const OpId below = b.select(less(b, k, i), stored, b.constant(dtype, 0));
  return b.select(equal(b, i, k), b.constant(dtype, 1), below);
}

Packed factor(Lowering& lowering, ArrayId matrix) {
  const Shape& shape = lowering.shape(matrix);
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t columns = shape.back();
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const DType dtype = lowering.dtype(matrix);
  const auto step = [&](const LoopArguments& arguments) -> LoopValues {
    const ArrayId current = arguments.carries[0];
    const auto position = [&](RegionBuilder& b) { return lowering.read_scalar(b, arguments.position); };
    const ArrayId tail = item.reduce({}, {rows}, Opcode::add, dtype, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId value = item.read(b, current, batch, {axes[0], position(b)});
      return b.select(less(b, position(b), axes[0]), b.binary(Opcode::mul, value, value), b.constant(dtype, 0));
    });
    // beta = -sign(alpha) |x|: the new diagonal; alpha itself where the column is already reduced.
    const ArrayId diagonal = item.generate({}, [&](RegionBuilder& b, auto batch, auto) {
      const OpId alpha = item.read(b, current, batch, {position(b), position(b)});
      const OpId rest = item.read(b, tail, batch, {});
      const OpId norm = b.unary(Opcode::sqrt, b.mul_add(alpha, alpha, rest));
      const OpId negative = less(b, alpha, b.constant(dtype, 0));
      const OpId beta = b.select(negative, norm, b.unary(Opcode::neg, norm));
      return b.select(equal(b, rest, b.constant(dtype, 0)), alpha, beta);
    });
    const ArrayId scale = item.generate({}, [&](RegionBuilder& b, auto batch, auto) {
      const OpId alpha = item.read(b, current, batch, {position(b), position(b)});
      const OpId beta = item.read(b, diagonal, batch, {});
      const OpId reduced = equal(b, item.read(b, tail, batch, {}), b.constant(dtype, 0));
      const OpId tau = b.binary(Opcode::div, b.binary(Opcode::sub, beta, alpha), beta);
      return b.select(reduced, b.constant(dtype, 0), tau);
    });
    const ArrayId vector = item.generate({rows}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId alpha = item.read(b, current, batch, {position(b), position(b)});
      const OpId beta = item.read(b, diagonal, batch, {});
      const OpId reduced = equal(b, item.read(b, tail, batch, {}), b.constant(dtype, 0));
      const OpId divisor = b.select(reduced, b.constant(dtype, 1), b.binary(Opcode::sub, alpha, beta));
      const OpId scaled = b.binary(Opcode::div, item.read(b, current, batch, {axes[0], position(b)}), divisor);
      return reflection(b, dtype, scaled, axes[0], position(b));
    });
    const ArrayId product =
        item.reduce({columns}, {rows}, Opcode::add, dtype, [&](RegionBuilder& b, auto batch, auto axes) {
          return b.binary(Opcode::mul, item.read(b, vector, batch, {axes[1]}),
                          item.read(b, current, batch, {axes[1], axes[0]}));
        });
    const ArrayId next = item.generate({rows, columns}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId k = position(b);
      const OpId i = axes[0];
      const OpId j = axes[1];
      const OpId old = item.read(b, current, batch, {i, j});
      const OpId v = item.read(b, vector, batch, {i});
      const OpId scaled = b.binary(Opcode::mul, item.read(b, scale, batch, {}), item.read(b, product, batch, {j}));
      const OpId right = b.select(less(b, k, j), minus_product(b, old, v, scaled), old);
      const OpId packed = b.select(less(b, k, i), v, b.select(equal(b, i, k), item.read(b, diagonal, batch, {}), old));
      return b.select(equal(b, j, k), packed, right);
    });
    return {{next}, {scale}};
  };
  const LoopValues values = lowering.loop({.name = "geqrf",
                                           .trip_count = std::min(rows, columns),
                                           .carries = {matrix},
                                           .output_axis = static_cast<int>(item.batch().size())},
                                          step);
  return {values.carries[0], values.outputs[0]};
}

// The first `columns` columns of the product of the reflections, from the last to the first.
ArrayId product(Lowering& lowering, const Packed& packed, std::int64_t columns) {
  const Shape& shape = lowering.shape(packed.matrix);
  const std::int64_t rows = shape[shape.size() - 2];
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const DType dtype = lowering.dtype(packed.matrix);
  const ArrayId identity = item.generate(
      {rows, columns}, [&](RegionBuilder& b, auto, auto axes) { return b.convert(dtype, equal(b, axes[0], axes[1])); });
  const auto step = [&](const LoopArguments& arguments) -> LoopValues {
    const ArrayId current = arguments.carries[0];
    const ArrayId vector = item.generate({rows}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId k = lowering.read_scalar(b, arguments.position);
      return reflection(b, dtype, item.read(b, packed.matrix, batch, {axes[0], k}), axes[0], k);
    });
    const ArrayId projected =
        item.reduce({columns}, {rows}, Opcode::add, dtype, [&](RegionBuilder& b, auto batch, auto axes) {
          return b.binary(Opcode::mul, item.read(b, vector, batch, {axes[1]}),
                          item.read(b, current, batch, {axes[1], axes[0]}));
        });
    const ArrayId next = item.generate({rows, columns}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId scaled = b.binary(Opcode::mul, item.read(b, arguments.inputs[0], batch, {}),
                                   item.read(b, projected, batch, {axes[1]}));
      return minus_product(b, item.read(b, current, batch, {axes[0], axes[1]}), item.read(b, vector, batch, {axes[0]}),
                           scaled);
    });
    return {{next}, {}};
  };
  return lowering
      .loop({.name = "householder_product",
             .trip_count = lowering.shape(packed.scales).back(),
             .reverse = true,
             .carries = {identity},
             .inputs = {{packed.scales, static_cast<int>(item.batch().size())}}},
            step)
      .carries[0];
}

void require_real(const Lowering& lowering, const Equation& equation) {
  if (is_complex(lowering.type(equation.inputs[0]).dtype)) lowering.fail("complex matrices cannot be lowered");
}

}  // namespace

void geqrf(Lowering& lowering, const Equation& equation) {
  require_real(lowering, equation);
  const ArrayId matrix = lowering.array(equation.inputs[0]);
  const auto outputs = lowering.routine("geqrf", {{matrix}}, [&]() -> std::vector<ArrayId> {
    const Packed packed = factor(lowering, matrix);
    return {packed.matrix, packed.scales};
  });
  lowering.define(equation.outputs[0], outputs[0]);
  lowering.define(equation.outputs[1], outputs[1]);
}

void householder_product(Lowering& lowering, const Equation& equation) {
  require_real(lowering, equation);
  const Packed packed{lowering.array(equation.inputs[0]), lowering.array(equation.inputs[1])};
  const auto outputs = lowering.routine("householder_product", {{packed.matrix, packed.scales}}, [&] {
    return std::vector{product(lowering, packed, lowering.shape(packed.matrix).back())};
  });
  lowering.define(equation.outputs[0], outputs[0]);
}

void qr(Lowering& lowering, const Equation& equation) {
  require_real(lowering, equation);
  if (equation.parameters.boolean_or("pivoting", false)) lowering.fail("pivoting cannot be lowered");
  const ArrayId matrix = lowering.array(equation.inputs[0]);
  const Shape shape = lowering.shape(matrix);
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t columns = shape.back();
  const std::int64_t kept = equation.parameters.boolean_or("full_matrices", false) ? rows : std::min(rows, columns);
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const auto outputs = lowering.routine("qr", {{matrix}}, [&]() -> std::vector<ArrayId> {
    const Packed packed = factor(lowering, matrix);
    const DType dtype = lowering.dtype(matrix);
    const ArrayId upper = item.generate({kept, columns}, [&](RegionBuilder& b, auto batch, auto axes) {
      return b.select(less(b, axes[1], axes[0]), b.constant(dtype, 0),
                      item.read(b, packed.matrix, batch, {axes[0], axes[1]}));
    });
    return {product(lowering, packed, kept), upper};
  });
  lowering.define(equation.outputs[0], outputs[0]);
  lowering.define(equation.outputs[1], outputs[1]);
}

}  // namespace jaxc::compiler::lowering
