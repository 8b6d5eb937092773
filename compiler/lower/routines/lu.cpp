// LU with partial pivoting, right-looking: each step swaps two rows, scales a column, updates what is left.
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

// The first row at or below `step` whose element in that column is the largest; i64.
Elements pivot_row(const Items& items, const Elements& matrix, ArrayId position, std::int64_t rows) {
  const Elements largest = items.reduce({}, {rows}, Opcode::max, [&](const Point& p) {
    const Scalar k = p.shared(position);
    const Scalar size = rough_size(p.read(matrix, {p[0], k}));
    return select((p[0] < k) | unary(Opcode::is_nan, size), p.number(-1), size);
  });
  const Elements first = items.reduce({}, {rows}, Opcode::min, [&](const Point& p) {
    const Scalar k = p.shared(position);
    const Scalar size = rough_size(p.read(matrix, {p[0], k}));
    return select((k <= p[0]) & equal(size, p.read(largest, {})), p[0], p.integer(rows));
  });
  return items.generate({}, [&](const Point& p) {  // all NaN: no swap
    const Scalar found = p.read(first, {});
    return min(found, select(found < p.integer(rows), p.integer(rows - 1), p.shared(position)));
  });
}

// `array` (items of `width` elements a row, or of scalars when width is 0) with rows `step` and `pivot` swapped.
Elements swap_rows(const Items& items, const Elements& array, ArrayId position, const Elements& pivot,
                   std::int64_t width) {
  const Shape row = width == 0 ? Shape{} : Shape{width};
  const auto place = [&](const Point& p, const Scalar& number) {
    std::vector<Place> places = {number};
    if (width != 0) places.push_back(p[0]);
    return places;
  };
  const auto within = [&](const Point& p) { return width == 0 ? std::vector<Place>{} : std::vector<Place>{p[0]}; };
  const Elements upper =
      items.generate(row, [&](const Point& p) { return p.read(array, place(p, p.shared(position))); });
  const Elements lower =
      items.generate(row, [&](const Point& p) { return p.read(array, place(p, p.read(pivot, {}))); });
  const Elements first = items.update(array, row, [&](const Point& p) {
    return Items::ItemStore{p.read(lower, within(p)), place(p, p.shared(position))};
  });
  return items.update(first, row, [&](const Point& p) {
    return Items::ItemStore{p.read(upper, within(p)), place(p, p.read(pivot, {}))};
  });
}

Elements identity(const Items& items, std::int64_t size) {
  return items.generate({size}, [](const Point& p) { return convert(DType::i32, p[0]); });
}

struct Factors {
  Elements matrix;
  Elements pivots;
  Elements permutation;
};

Factors factor(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t columns) {
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const ArrayId position = step.position;
    const Elements pivot = pivot_row(items, step.carries[0], position, rows);
    const Elements swapped = swap_rows(items, step.carries[0], position, pivot, columns);
    const Elements permutation = swap_rows(items, step.carries[1], position, pivot, 0);
    const Elements row =
        items.generate({columns}, [&](const Point& p) { return p.read(swapped, {p.shared(position), p[0]}); });
    const Elements column = items.generate({rows}, [&](const Point& p) {
      const Scalar k = p.shared(position);
      const Scalar diagonal = p.read(swapped, {k, k});
      return p.read(swapped, {p[0], k}) / select(is_zero(diagonal), p.number(1), diagonal);
    });
    const Elements next = items.generate({rows, columns}, [&](const Point& p) {
      const Scalar k = p.shared(position);
      const Scalar old = p.read(swapped, {p[0], p[1]});
      const Scalar scaled = p.read(column, {p[0]});
      const Scalar right = select(k < p[1], minus_product(old, scaled, p.read(row, {p[1]})), old);
      return select(k < p[0], select(equal(p[1], k), scaled, right), old);
    });
    const Elements number = items.generate({}, [&](const Point& p) { return convert(DType::i32, p.read(pivot, {})); });
    return {{next, permutation}, {number}};
  };
  // Without columns, a step has nothing to read; it is never taken.
  if (columns == 0)
    return {matrix, items.generate({0}, [](const Point& p) { return convert(DType::i32, p.integer(0)); }),
            identity(items, rows)};
  const Items::Values values = items.loop(
      {.name = "lu", .trip_count = std::min(rows, columns), .carries = {matrix, identity(items, rows)}}, step);
  return {values.carries[0], values.outputs[0], values.carries[1]};
}

}  // namespace

void lu(Lowering& lowering, const Equation& equation) {
  const Operand matrix(lowering, equation.inputs[0], 2);
  const auto outputs =
      lowering.routine("lu", matrix.known(MatrixKind::lu), {{matrix.array}}, [&]() -> std::vector<ArrayId> {
        const Factors factors = factor(matrix.items, matrix.items.split(matrix.array, matrix.is_complex),
                                       matrix.shape[matrix.shape.size() - 2], matrix.shape.back());
        return {matrix.items.join(factors.matrix, matrix.is_complex), factors.pivots.real, factors.permutation.real};
      });
  lowering.define_rounded(equation.outputs, outputs);
}

void lu_pivots_to_permutation(Lowering& lowering, const Equation& equation) {
  const Operand pivots(lowering, equation.inputs[0], 1);
  const Items& items = pivots.items;
  const std::int64_t size = equation.parameters.integer("permutation_size");
  const auto outputs = lowering.routine("lu_pivots_to_permutation", {{pivots.array}}, [&]() -> std::vector<ArrayId> {
    const auto step = [&](const Items::Step& step) -> Items::Values {
      const Elements pivot = items.generate({}, [&](const Point& p) {
        const Scalar row = convert(DType::i64, p.read(step.inputs[0], {}));
        return max(p.integer(0), min(row, p.integer(size - 1)));
      });
      return {{swap_rows(items, step.carries[0], step.position, pivot, 0)}};
    };
    return {items
                .loop({.name = "lu_pivots_to_permutation",
                       .trip_count = pivots.shape.back(),
                       .carries = {identity(items, size)},
                       .inputs = {{pivots.array}}},
                      step)
                .carries[0]
                .real};
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
