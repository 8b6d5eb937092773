// Hermitian eigenproblems by Jacobi rotations in parallel order: each round rotates disjoint pairs of rows and
// columns all at once.
#include "compiler/lower/routines/jacobi.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

// One round on the matrix and the eigenvectors, as columns; the last result says whether anything was rotated.
std::vector<Elements> rotate(const Items& items, std::int64_t n, const std::vector<Elements>& values,
                             ArrayId partners) {
  const Elements& matrix = values[0];
  const double epsilon = items.dtype() == DType::f32 ? 0x1p-24 : 0x1p-53;
  const auto partner = [&](const Point& p, const Scalar& i) {
    return Scalar{&p.builder, items.lowering().read(p.builder, partners, {i.real})};
  };
  const Elements diagonal = items.reduce({}, {n}, Opcode::max, [&](const Point& p) {
    return unary(Opcode::abs, p.read(matrix, {p[0], p[0]}).real_part());
  });
  // What is below the rounding errors of the whole matrix is left.
  const auto large = [&](const Point& p, const Scalar& coupling) {
    return p.number(epsilon) * p.read(diagonal, {}) < size(coupling);
  };
  const Rotations rotations =
      lowering::rotations(items, n, partners, [&](const Point& p, const Scalar& first, const Scalar& second) {
        const Scalar coupling = p.read(matrix, {first, second});
        return Pair{p.read(matrix, {first, first}).real_part(), p.read(matrix, {second, second}).real_part(), coupling,
                    large(p, coupling)};
      });
  const Elements rotated =
      items.reduce({}, {n}, Opcode::bit_or, [&](const Point& p) { return !is_zero(p.read(rotations.sine, {p[0]})); });
  const auto rotate_columns = [&](const Elements& source) {
    return items.generate({n, n}, [&](const Point& p) {
      const Scalar theirs = p.read(rotations.sine, {p[1]}) * p.read(source, {p[0], partner(p, p[1])});
      return multiply_add(p.read(rotations.cosine, {p[1]}), p.read(source, {p[0], p[1]}), theirs);
    });
  };
  const Elements rows = items.generate({n, n}, [&](const Point& p) {
    const Scalar theirs = conj(p.read(rotations.sine, {p[0]})) * p.read(matrix, {partner(p, p[0]), p[1]});
    return multiply_add(p.read(rotations.cosine, {p[0]}), p.read(matrix, {p[0], p[1]}), theirs);
  });
  const Elements both = items.generate({n, n}, [&](const Point& p) {
    const Scalar other = partner(p, p[1]);
    const Scalar sine = p.read(rotations.sine, {p[1]});
    const Scalar value =
        multiply_add(p.read(rotations.cosine, {p[1]}), p.read(rows, {p[0], p[1]}), sine * p.read(rows, {p[0], other}));
    const Scalar annihilated = equal(p[0], other) & !equal(p[0], p[1]) & !is_zero(sine);
    return select(annihilated, p.number(0), value);
  });
  return {both, rotate_columns(values[1]), rotated};
}

}  // namespace

void eigh(Lowering& lowering, const Equation& equation) {
  const bool lower = equation.parameters.boolean_or("lower", true);
  const Operand operand(lowering, equation.inputs[0], 2);
  const Items& items = operand.items;
  const std::int64_t n = operand.shape.back();
  const auto subset = equation.parameters.integers_or("subset_by_index", {0, n});
  ir::MatrixRoutine known = operand.known(MatrixKind::eigh);
  known.lower = lower;
  known.first = subset[0];
  const auto outputs = lowering.routine("eigh", known, {{operand.array}}, [&]() -> std::vector<ArrayId> {
    const Elements whole = items.split(operand.array, operand.is_complex);
    // One triangle is read; the diagonal counts as real.
    const Elements hermitian = items.generate({n, n}, [&](const Point& p) {
      const Scalar large = max(p[0], p[1]);
      const Scalar small = min(p[0], p[1]);
      const Scalar value = lower ? p.read(whole, {large, small}) : p.read(whole, {small, large});
      const Scalar mirrored = select(lower ? p[0] < p[1] : p[1] < p[0], conj(value), value);
      return select(equal(p[0], p[1]), value.real_part(), mirrored);
    });
    const Elements good = finite(items, hermitian, n, n);
    const Elements matrix = valid(items, good, hermitian, {n, n});
    const Elements identity = items.generate({n, n}, [&](const Point& p) {
      const Scalar one = select(p.read(good, {}), convert(items.dtype(), equal(p[0], p[1])), p.nan());
      return operand.is_complex ? complex(one, p.number(0)) : one;
    });
    std::vector<Elements> rotated = {matrix, identity};
    if (n > 1)
      rotated = jacobi_sweeps(items, "eigh", n, rotated, [&](const std::vector<Elements>& values, ArrayId partners) {
        return rotate(items, n, values, partners);
      });
    const Elements values =
        items.generate({n}, [&](const Point& p) { return p.read(rotated[0], {p[0], p[0]}).real_part(); });
    const std::vector<Elements> sorted = ordered(items, n, true, values, {{rotated[1], n}});
    const std::int64_t count = subset[1] - subset[0];
    if (count == n) return {items.join(sorted[1], operand.is_complex), sorted[0].real};
    const Elements chosen =
        items.generate({n, count}, [&](const Point& p) { return p.read(sorted[1], {p[0], shifted(p[1], subset[0])}); });
    const Elements chosen_values =
        items.generate({count}, [&](const Point& p) { return p.read(sorted[0], {shifted(p[0], subset[0])}); });
    return {items.join(chosen, operand.is_complex), chosen_values.real};
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
