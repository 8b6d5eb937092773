// Singular values by Jacobi rotations of columns until they are orthogonal (Hestenes 1958), disjoint pairs at once.
#include <algorithm>
#include <cmath>

#include "compiler/lower/routines/jacobi.h"
#include "compiler/lower/routines/qr.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

struct Decomposed {
  Elements values;
  Elements left;   ///< [rows, count]
  Elements right;  ///< [columns, columns]
};

// One round on the columns and the right singular vectors.
std::vector<Elements> rotate(const Items& items, std::int64_t rows, std::int64_t n, const std::vector<Elements>& values,
                             ArrayId partners) {
  const Elements& matrix = values[0];
  const auto partner = [&](const Point& p, const Scalar& i) {
    return Scalar{&p.builder, items.lowering().read(p.builder, partners, {i.real})};
  };
  // What rounding leaves of the product of orthogonal columns.
  const double epsilon =
      (items.dtype() == DType::f32 ? 0x1p-23 : 0x1p-52) * std::max(2.0, std::sqrt(static_cast<double>(rows)));
  const Elements lengths = items.sum({n}, {rows}, [&](const Point& p) { return square(p.read(matrix, {p[1], p[0]})); });
  const Elements coupling = items.sum({n}, {rows}, [&](const Point& p) {
    const Scalar other = partner(p, p[0]);
    return conj(p.read(matrix, {p[1], min(p[0], other)})) * p.read(matrix, {p[1], max(p[0], other)});
  });
  const Rotations rotations =
      lowering::rotations(items, n, partners, [&](const Point& p, const Scalar& first, const Scalar& second) {
        const Scalar value = p.read(coupling, {first});
        const Scalar a = p.read(lengths, {first});
        const Scalar b = p.read(lengths, {second});
        return Pair{a, b, value, p.number(epsilon) * sqrt(a) * sqrt(b) < size(value)};
      });
  const Elements rotated =
      items.reduce({}, {n}, Opcode::bit_or, [&](const Point& p) { return !is_zero(p.read(rotations.sine, {p[0]})); });
  const auto rotate_columns = [&](const Elements& source, std::int64_t extent) {
    return items.generate({extent, n}, [&](const Point& p) {
      const Scalar theirs = p.read(rotations.sine, {p[1]}) * p.read(source, {p[0], partner(p, p[1])});
      return multiply_add(p.read(rotations.cosine, {p[1]}), p.read(source, {p[0], p[1]}), theirs);
    });
  };
  return {rotate_columns(matrix, rows), rotate_columns(values[1], n), rotated};
}

// matrix = left diag(values) right^H, rows >= n; `count` columns of left.
Decomposed decompose(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t n,
                     std::int64_t count) {
  // Scaled by a power of two, so that squares neither overflow nor vanish; NaN where an element is not finite.
  const Elements largest = largest_part(items, matrix, rows, n);
  const auto finite = [&](const Point& p) {
    return p.read(largest, {}) < p.number(std::numeric_limits<double>::infinity());
  };
  const Elements scaled = items.generate({rows, n}, [&](const Point& p) {
    const Scalar value = p.read(matrix, {p[0], p[1]}) * squaring_scale(p.read(largest, {}));
    return select(finite(p), value, value.is_complex() ? complex(p.nan(), p.nan()) : p.nan());
  });
  const Elements identity = items.generate({n, n}, [&](const Point& p) {
    const Scalar one = select(finite(p), convert(items.dtype(), equal(p[0], p[1])), p.nan());
    return matrix.imaginary ? complex(one, p.number(0)) : one;
  });
  std::vector<Elements> rotated = {scaled, identity};
  if (n > 1)
    rotated = jacobi_sweeps(items, "svd", n, rotated, [&](const std::vector<Elements>& values, ArrayId partners) {
      return rotate(items, rows, n, values, partners);
    });
  const Elements lengths =
      items.sum({n}, {rows}, [&](const Point& p) { return square(p.read(rotated[0], {p[1], p[0]})); });
  const Elements norms = items.generate({n}, [&](const Point& p) { return sqrt(p.read(lengths, {p[0]})); });
  const std::vector<Elements> sorted = ordered(items, n, false, norms, {{rotated[0], rows}, {rotated[1], n}});
  const Elements values = items.generate(
      {n}, [&](const Point& p) { return p.read(sorted[0], {p[0]}) * squaring_scale(p.read(largest, {}), true); });
  // Orthogonal columns are Q times a real diagonal R. Q completes the basis, also where columns vanish.
  const Packed packed = factor_qr(items, sorted[1], rows, n, false);
  const Elements basis = reflection_product(items, packed, rows, count, n);
  const Elements left = items.generate({rows, count}, [&](const Point& p) {
    const Scalar value = p.read(basis, {p[0], p[1]});
    if (n == 0) return value;
    const Scalar column = min(p[1], p.integer(n - 1));
    const Scalar turned = (p[1] < p.integer(n)) & (p.read(packed.matrix, {column, column}).real_part() < p.number(0));
    return select(turned, -value, value);
  });
  return {values, left, sorted[2]};
}

}  // namespace

void svd(Lowering& lowering, const Equation& equation) {
  const bool vectors = equation.parameters.boolean_or("compute_uv", true);
  const bool full = equation.parameters.boolean_or("full_matrices", true);
  const Operand operand(lowering, equation.inputs[0], 2);
  const Items& items = operand.items;
  const std::int64_t rows = operand.shape[operand.shape.size() - 2];
  const std::int64_t columns = operand.shape.back();
  const bool wide = rows < columns;
  const std::int64_t tall = std::max(rows, columns);
  const std::int64_t n = std::min(rows, columns);
  const auto subset = equation.parameters.integers_or("subset_by_index", {0, n});
  ir::MatrixRoutine known = operand.known(MatrixKind::svd);
  known.first = subset[0];
  const auto outputs = lowering.routine("svd", known, {{operand.array}}, [&]() -> std::vector<ArrayId> {
    const Elements whole = items.split(operand.array, operand.is_complex);
    const Elements matrix =
        wide ? items.generate({tall, n}, [&](const Point& p) { return conj(p.read(whole, {p[1], p[0]})); }) : whole;
    const Decomposed result = decompose(items, matrix, tall, n, full && vectors ? tall : n);
    const std::int64_t first = subset[0];
    const std::int64_t count = subset[1] - subset[0];
    const Elements values =
        items.generate({count}, [&](const Point& p) { return p.read(result.values, {shifted(p[0], first)}); });
    if (!vectors) return {values.real};
    const Elements& left = wide ? result.right : result.left;
    const Elements& right = wide ? result.left : result.right;
    const Elements u = items.generate({rows, full ? rows : count},
                                      [&](const Point& p) { return p.read(left, {p[0], shifted(p[1], first)}); });
    const Elements v = items.generate({full ? columns : count, columns}, [&](const Point& p) {
      return conj(p.read(right, {p[1], shifted(p[0], first)}));
    });
    return {values.real, items.join(u, operand.is_complex), items.join(v, operand.is_complex)};
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
