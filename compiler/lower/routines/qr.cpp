// QR by Householder reflections, in LAPACK's packed form: geqrf, householder_product, qr.
#include "compiler/lower/routines/qr.h"

#include "compiler/lower/routines/jacobi.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

// v[i] of reflection k, whose stored part lies below the diagonal of column k.
Scalar reflection(const Point& p, const Scalar& stored, const Scalar& i, const Scalar& k) {
  return select(equal(i, k), p.number(1), select(k < i, stored, p.number(0)));
}

// `matrix` and `order` with column `step` and the remaining column of largest norm exchanged.
std::vector<Elements> pivoted(const Items& items, const std::vector<Elements>& carries, ArrayId position,
                              std::int64_t rows, std::int64_t columns) {
  const Elements norms = items.sum({columns}, {rows}, [&](const Point& p) {
    return select(p.shared(position) <= p[1], square(p.read(carries[0], {p[1], p[0]})), p.number(0));
  });
  const auto usable = [&](const Point& p) {
    return select(p.shared(position) <= p[0], p.read(norms, {p[0]}), p.number(-1));
  };
  const Elements largest = items.reduce({}, {columns}, Opcode::max, usable);
  const Elements first = items.reduce({}, {columns}, Opcode::min, [&](const Point& p) {
    return select(equal(usable(p), p.read(largest, {})), p[0], p.integer(columns));
  });
  const auto source = [&](const Point& p, const Scalar& column) {
    const Scalar k = p.shared(position);
    const Scalar found = p.read(first, {});
    const Scalar pivot = select(found < p.integer(columns), found, k);  // all NaN: no exchange
    return select(equal(column, k), pivot, select(equal(column, pivot), k, column));
  };
  return {items.generate({rows, columns}, [&](const Point& p) { return p.read(carries[0], {p[0], source(p, p[1])}); }),
          items.generate({columns}, [&](const Point& p) { return p.read(carries[1], {source(p, p[0])}); })};
}

}  // namespace

Packed factor_qr(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t columns, bool pivoting) {
  // Columns times powers of two have the same reflections. Where norms are compared, it is one power for all.
  const auto part = [&](const Scalar& value) {
    return max(unary(Opcode::abs, value), unary(Opcode::abs, value.imaginary_part()));
  };
  const Elements largest = pivoting ? largest_part(items, matrix, rows, columns)
                                    : items.reduce({columns}, {rows}, Opcode::max,
                                                   [&](const Point& p) { return part(p.read(matrix, {p[1], p[0]})); });
  const auto scale = [&](const Point& p, bool inverse) {
    const std::vector<Place> place = pivoting ? std::vector<Place>{} : std::vector<Place>{p[1]};
    return squaring_scale(p.read(largest, place), inverse);
  };
  const Elements scaled =
      items.generate({rows, columns}, [&](const Point& p) { return p.read(matrix, {p[0], p[1]}) * scale(p, false); });
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const std::vector<Elements> carries =
        pivoting ? pivoted(items, step.carries, step.position, rows, columns) : step.carries;
    const Elements& current = carries[0];
    const auto alpha = [&](const Point& p) {
      return p.read(current, {p.shared(step.position), p.shared(step.position)});
    };
    const Elements tail = items.sum({}, {rows}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      return select(k < p[0], square(p.read(current, {p[0], k})), p.number(0));
    });
    const auto reduced = [&](const Point& p) { return is_zero(p.read(tail, {})) & is_zero(alpha(p).imaginary_part()); };
    // beta = -sign(alpha) |x|: the new diagonal, real; alpha itself where the column is already reduced.
    const Elements diagonal = items.generate({}, [&](const Point& p) {
      const Scalar head = alpha(p);
      const Scalar norm = sqrt(square(head) + p.read(tail, {}));
      return select(reduced(p), head.real_part(), select(head.real_part() < p.number(0), norm, -norm));
    });
    const Elements scale = items.generate({}, [&](const Point& p) {
      const Scalar beta = p.read(diagonal, {});
      return select(reduced(p), p.number(0), (beta - alpha(p)) / beta);
    });
    const Elements vector = items.generate({rows}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      const Scalar divisor = select(reduced(p), p.number(1), alpha(p) - p.read(diagonal, {}));
      return reflection(p, p.read(current, {p[0], k}) / divisor, p[0], k);
    });
    const Elements product = items.sum({columns}, {rows}, [&](const Point& p) {
      return conj(p.read(vector, {p[1]})) * p.read(current, {p[1], p[0]});
    });
    const Elements next = items.generate({rows, columns}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      const Scalar& i = p[0];
      const Scalar& j = p[1];
      const Scalar old = p.read(current, {i, j});
      const Scalar v = p.read(vector, {i});
      const Scalar scaled = conj(p.read(scale, {})) * p.read(product, {j});
      const Scalar right = select(k < j, minus_product(old, v, scaled), old);
      const Scalar packed = select(k < i, v, select(equal(i, k), p.read(diagonal, {}), old));
      return select(equal(j, k), packed, right);
    });
    Items::Values values{{next}, {scale}};
    if (pivoting) values.carries.push_back(carries[1]);
    return values;
  };
  std::vector<Elements> carries = {scaled};
  if (pivoting) carries.push_back(items.generate({columns}, [](const Point& p) { return convert(DType::i32, p[0]); }));
  const Items::Values values =
      items.loop({.name = "geqrf", .trip_count = std::min(rows, columns), .carries = carries}, step);
  const Elements packed = items.generate({rows, columns}, [&](const Point& p) {
    const Scalar value = p.read(values.carries[0], {p[0], p[1]});
    return select(p[0] <= p[1], value * scale(p, true), value);
  });
  return {packed, values.outputs[0], values.carries.back()};
}

Elements reflection_product(const Items& items, const Packed& packed, std::int64_t rows, std::int64_t columns,
                            std::int64_t count) {
  const bool is_complex = packed.matrix.imaginary.has_value();
  const Elements identity = items.generate({rows, columns}, [&](const Point& p) {
    const Scalar one = convert(items.dtype(), equal(p[0], p[1]));
    return is_complex ? complex(one, p.number(0)) : one;
  });
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const Elements& current = step.carries[0];
    const Elements vector = items.generate({rows}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      return reflection(p, p.read(packed.matrix, {p[0], k}), p[0], k);
    });
    const Elements projected = items.sum({columns}, {rows}, [&](const Point& p) {
      return conj(p.read(vector, {p[1]})) * p.read(current, {p[1], p[0]});
    });
    const Elements next = items.generate({rows, columns}, [&](const Point& p) {
      const Scalar scaled = p.read(step.inputs[0], {}) * p.read(projected, {p[1]});
      return minus_product(p.read(current, {p[0], p[1]}), p.read(vector, {p[0]}), scaled);
    });
    return {{next}};
  };
  return items
      .loop({.name = "householder_product",
             .trip_count = count,
             .reverse = true,
             .carries = {identity},
             .inputs = {packed.scales}},
            step)
      .carries[0];
}

void geqrf(Lowering& lowering, const Equation& equation) {
  const Operand matrix(lowering, equation.inputs[0], 2);
  const Items& items = matrix.items;
  const auto outputs =
      lowering.routine("geqrf", matrix.known(MatrixKind::geqrf), {{matrix.array}}, [&]() -> std::vector<ArrayId> {
        const Packed packed = factor_qr(items, items.split(matrix.array, matrix.is_complex),
                                        matrix.shape[matrix.shape.size() - 2], matrix.shape.back(), false);
        return {items.join(packed.matrix, matrix.is_complex), items.join(packed.scales, matrix.is_complex)};
      });
  lowering.define_rounded(equation.outputs, outputs);
}

void householder_product(Lowering& lowering, const Equation& equation) {
  const Operand matrix(lowering, equation.inputs[0], 2);
  const Operand scales(lowering, equation.inputs[1], 1);
  const Items& items = matrix.items;
  const auto outputs = lowering.routine(
      "householder_product", matrix.known(MatrixKind::householder_product), {{matrix.array, scales.array}}, [&] {
        const Packed packed{
            items.split(matrix.array, matrix.is_complex), items.split(scales.array, matrix.is_complex), {}};
        const Elements product = reflection_product(items, packed, matrix.shape[matrix.shape.size() - 2],
                                                    matrix.shape.back(), scales.shape.back());
        return std::vector{items.join(product, matrix.is_complex)};
      });
  lowering.define_rounded(equation.outputs, outputs);
}

void qr(Lowering& lowering, const Equation& equation) {
  const bool pivoting = equation.parameters.boolean_or("pivoting", false);
  const Operand matrix(lowering, equation.inputs[0], 2);
  const Items& items = matrix.items;
  const std::int64_t rows = matrix.shape[matrix.shape.size() - 2];
  const std::int64_t columns = matrix.shape.back();
  const std::int64_t least = std::min(rows, columns);
  const std::int64_t kept = equation.parameters.boolean_or("full_matrices", false) ? rows : least;
  const auto outputs = lowering.routine(
      "qr", matrix.known(pivoting ? MatrixKind::pivoted_qr : MatrixKind::qr), {{matrix.array}},
      [&]() -> std::vector<ArrayId> {
        const Packed packed = factor_qr(items, items.split(matrix.array, matrix.is_complex), rows, columns, pivoting);
        const Elements upper = items.generate({kept, columns}, [&](const Point& p) {
          return select(p[1] < p[0], p.number(0), p.read(packed.matrix, {p[0], p[1]}));
        });
        const Elements product = reflection_product(items, packed, rows, kept, least);
        std::vector<ArrayId> results = {items.join(product, matrix.is_complex), items.join(upper, matrix.is_complex)};
        if (pivoting) results.push_back(packed.order.real);
        return results;
      });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
