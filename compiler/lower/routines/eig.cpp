// Eigenvalues and eigenvectors of general matrices: Schur's form in complex numbers, then substitution.
#include "compiler/lower/routines/jacobi.h"
#include "compiler/lower/routines/routines.h"
#include "compiler/lower/routines/schur.h"

namespace jaxc::compiler::lowering {

namespace {

// The eigenvectors of a triangular form, as columns: row by row of (T - t_kk) y = 0 from the diagonal upwards,
// or, for left eigenvectors, of (T - t_kk)^H y = 0 downwards.
Elements substitute(const Items& items, const Elements& form, std::int64_t n, bool left) {
  const Elements sizes =
      items.reduce({}, {n, n}, Opcode::max, [&](const Point& p) { return rough_size(p.read(form, {p[0], p[1]})); });
  const double epsilon = items.dtype() == DType::f32 ? 0x1p-23 : 0x1p-52;
  const double tiny = items.dtype() == DType::f32 ? 0x1p-120 : 0x1p-1000;
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const Elements& y = step.carries[0];
    const Elements row = items.sum({n}, {n}, [&](const Point& p) {
      const Scalar i = p.shared(step.position);
      const Scalar factor = left ? conj(p.read(form, {p[1], i})) : p.read(form, {i, p[1]});
      return select(left ? p[1] < i : i < p[1], factor * p.read(y, {p[1], p[0]}), p.number(0));
    });
    const Elements next = items.update(y, {n}, [&](const Point& p) {
      const Scalar i = p.shared(step.position);
      const Scalar gap = p.read(form, {p[0], p[0]}) - p.read(form, {i, i});
      // Equal eigenvalues are held apart by rounding errors.
      const Scalar least = max(p.number(epsilon) * p.read(sizes, {}), p.number(tiny));
      const Scalar apart = select(rough_size(gap) < least, complex(least, p.number(0)), gap);
      const Scalar value = p.read(row, {p[0]}) / (left ? conj(apart) : apart);
      const Scalar outside = left ? i < p[0] : p[0] < i;
      const Scalar zero = complex(p.number(0), p.number(0));
      const Scalar one = complex(p.number(1), p.number(0));
      return Items::ItemStore{select(equal(i, p[0]), one, select(outside, zero, value)), {i, p[0]}};
    });
    return {{next}};
  };
  const Elements zeros = items.generate({n, n}, [](const Point& p) { return complex(p.number(0), p.number(0)); });
  return items.loop({.name = "eig", .trip_count = n, .reverse = !left, .carries = {zeros}}, step).carries[0];
}

// vectors * triangular with columns of unit length whose largest element is real, as LAPACK's geev gives them.
Elements normalized(const Items& items, const Elements& vectors, const Elements& triangular, std::int64_t n) {
  // Columns of a defective matrix can be long: they are made shorter first, so that squares stay finite.
  const Elements longest =
      items.reduce({n}, {n}, Opcode::max, [&](const Point& p) { return rough_size(p.read(triangular, {p[1], p[0]})); });
  const Elements product = items.sum({n, n}, {n}, [&](const Point& p) {
    return p.read(vectors, {p[0], p[2]}) * (p.read(triangular, {p[2], p[1]}) / p.read(longest, {p[1]}));
  });
  const auto length = [&](const Point& p, const Scalar& row, const Scalar& column) {
    return square(p.read(product, {row, column}));
  };
  const Elements squares = items.sum({n}, {n}, [&](const Point& p) { return length(p, p[1], p[0]); });
  const Elements largest = items.reduce({n}, {n}, Opcode::max, [&](const Point& p) { return length(p, p[1], p[0]); });
  const Elements place = items.reduce({n}, {n}, Opcode::min, [&](const Point& p) {
    return select(equal(length(p, p[1], p[0]), p.read(largest, {p[0]})), p[1], p.integer(n - 1));
  });
  const Elements factor = items.generate({n}, [&](const Point& p) {
    const Scalar head = p.read(product, {p.read(place, {p[0]}), p[0]});
    return conj(head) / (size(head) * sqrt(p.read(squares, {p[0]})));
  });
  return items.generate({n, n}, [&](const Point& p) { return p.read(product, {p[0], p[1]}) * p.read(factor, {p[1]}); });
}

}  // namespace

void eig(Lowering& lowering, const Equation& equation) {
  const bool left = equation.parameters.boolean_or("compute_left_eigenvectors", true);
  const bool right = equation.parameters.boolean_or("compute_right_eigenvectors", true);
  const Operand operand(lowering, equation.inputs[0], 2);
  const Items& items = operand.items;
  const std::int64_t n = operand.shape.back();
  ir::MatrixRoutine known = operand.known(MatrixKind::eig);
  known.left = left;
  const auto outputs = lowering.routine("eig", known, {{operand.array}}, [&]() -> std::vector<ArrayId> {
    const Elements given = items.split(operand.array, operand.is_complex);
    const Elements largest = largest_part(items, given, n, n);
    const Elements matrix = items.generate({n, n}, [&](const Point& p) {
      const Scalar value = p.read(given, {p[0], p[1]}) * squaring_scale(p.read(largest, {}));
      return complex(value.real_part(), value.imaginary_part());
    });
    const Schur schur = factor_schur(items, matrix, n);
    const Elements values = items.generate({n}, [&](const Point& p) {
      return p.read(schur.form, {p[0], p[0]}) * squaring_scale(p.read(largest, {}), true);
    });
    std::vector<ArrayId> results = {items.join(values, true)};
    for (const bool side : {true, false}) {
      if (side ? !left : !right) continue;
      const Elements triangular = substitute(items, schur.form, n, side);
      results.push_back(items.join(normalized(items, schur.vectors, triangular, n), true));
    }
    return results;
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
