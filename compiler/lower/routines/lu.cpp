// LU with partial pivoting, right-looking: each step swaps two rows, scales a column, updates what is left; of larger
// matrices what is left of a panel of columns, and then of the matrix.
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/panels.h"
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

// Matrices that are worked on by panels, and that have wide ones.
constexpr std::int64_t fewest_steps = 24;
constexpr std::int64_t many_steps = 96;

// By panels of columns, which are turned around so that vectors run along columns. The last panel may reach past the
// last step: what it finds there changes nothing.
class PanelFactors {
 public:
  PanelFactors(const Items& items, std::int64_t rows, std::int64_t columns)
      : items_(items),
        rows_(rows),
        columns_(columns),
        steps_(std::min(rows, columns)),
        panels_(steps_ < many_steps ? panels_of(steps_, 6, 10) : panels_of(steps_, 12, 18)),
        row_panels_{(rows + panels_.size - 1) / panels_.size, panels_.size} {}

  Factors factor(const Elements& matrix) const {
    const Elements whole = items_.generate({row_panels_.extent(), columns_}, [&](const Point& p) {
      if (row_panels_.extent() == rows_) return p.read(matrix, {p[0], p[1]});
      return p.read(matrix, {p[0], p[1]}, p[0] < p.integer(rows_));
    });
    const auto step = [&](const Items::Step& step) -> Items::Values {
      const Items::Values panel = factor_panel(step.carries[0], step.carries[1], step.position);
      const Elements& columns = panel.carries[0];
      const Elements turned = with_columns(panel.carries[2], columns, step.position);
      const Elements right = solved_rows(turned, columns, step.position);
      const Elements with_right = with_rows(turned, right, step.position);
      const auto update = [&](ArrayId number, const Elements& below) {
        return without(below, columns, right, number, step.position);
      };
      return {{each_panel_from(items_, row_panels_, next_panel(items_, step.position), false, with_right, update),
               panel.carries[1]},
              {panel.outputs[0]}};
    };
    const Items::Values values =
        items_.loop({.name = "lu", .trip_count = panels_.count, .carries = {whole, identity(items_, rows_)}}, step);
    const auto pivot = [&](const Point& p) {
      const Scalar size = p.integer(panels_.size);
      return p.read(values.outputs[0], {binary(Opcode::div, p[0], size), binary(Opcode::rem, p[0], size)});
    };
    const Elements result =
        items_.generate({rows_, columns_}, [&](const Point& p) { return p.read(values.carries[0], {p[0], p[1]}); });
    return {result, items_.generate({steps_}, pivot), values.carries[1]};
  }

 private:
  // Carries: columns of the panel as rows, the permutation, the matrix with rows swapped; outputs: pivots.
  Items::Values factor_panel(const Elements& matrix, const Elements& permutation, ArrayId number) const {
    const Elements columns = items_.generate({panels_.size, rows_}, [&](const Point& p) {
      const std::vector<Place> place = {p[1], row_of(panels_, p.shared(number), p[0])};
      if (panels_.extent() <= columns_) return p.read(matrix, place);
      return p.read(matrix, place, row_number(panels_, p.shared(number), p[0]) < p.integer(columns_));
    });
    const auto step = [&](const Items::Step& step) -> Items::Values {
      const ArrayId j = step.position;
      const ArrayId position =
          scalar([&](const Point& p) { return row_number(panels_, p.shared(number), p.shared(j)); });
      const ArrayId row = scalar([&](const Point& p) { return min(p.shared(position), p.integer(rows_ - 1)); });
      const Elements& all = step.carries[0];
      const Elements column =
          items_.generate({rows_}, [&](const Point& p) { return p.read(all, {p.shared(j), p[0]}); });
      const Elements pivot = pivot_of(column, position, row);
      const Elements upper =
          items_.generate({panels_.size}, [&](const Point& p) { return p.read(all, {p[0], p.shared(row)}); });
      const Elements lower =
          items_.generate({panels_.size}, [&](const Point& p) { return p.read(all, {p[0], p.read(pivot, {})}); });
      const Elements swapped = items_.update(all, {panels_.size}, [&](const Point& p) {
        return Items::ItemStore{p.read(upper, {p[0]}), {p[0], p.read(pivot, {})}};
      });
      const Elements scaled = items_.generate({rows_}, [&](const Point& p) {
        const Scalar diagonal = p.read(lower, {p.shared(j)});
        const Scalar old = select(equal(p[0], p.read(pivot, {})), p.read(upper, {p.shared(j)}), p.read(column, {p[0]}));
        return old / select(is_zero(diagonal), p.number(1), diagonal);
      });
      const Elements next = items_.generate({panels_.size, rows_}, [&](const Point& p) {
        const Scalar old = p.read(swapped, {p[0], p[1]});
        const Scalar factor = p.read(scaled, {p[1]});
        const Scalar rest = minus_product(old, factor, p.read(lower, {p[0]}));
        const Scalar below = select(equal(p[0], p.shared(j)), factor, select(p.shared(j) < p[0], rest, old));
        const Scalar above = select(equal(p[1], p.shared(row)), p.read(lower, {p[0]}), old);
        return select(p.shared(position) < p[1], below, above);
      });
      const Elements output =
          items_.generate({}, [&](const Point& p) { return convert(DType::i32, p.read(pivot, {})); });
      return {{next, swap_rows(items_, step.carries[1], row, pivot, 0),
               swap_rows(items_, step.carries[2], row, pivot, columns_)},
              {output}};
    };
    return items_.loop({.name = "lu", .trip_count = panels_.size, .carries = {columns, permutation, matrix}}, step);
  }

  // A scalar that the batch shares.
  ArrayId scalar(const Items::Body& value) const {
    return Items(items_.lowering(), {}, items_.dtype()).generate({}, value).real;
  }

  // As pivot_row; past the last step, the step's own row.
  Elements pivot_of(const Elements& column, ArrayId position, ArrayId row) const {
    const Elements sizes = items_.generate({rows_}, [&](const Point& p) {
      const Scalar size = rough_size(p.read(column, {p[0]}));
      return select((p[0] < p.shared(position)) | unary(Opcode::is_nan, size), p.number(-1), size);
    });
    const Elements largest =
        items_.reduce({}, {rows_}, Opcode::max, [&](const Point& p) { return p.read(sizes, {p[0]}); });
    const auto narrow = [](const Point& p, std::int64_t number) {
      return Scalar{&p.builder, p.builder.integer(DType::i32, number)};
    };
    const Elements first = items_.reduce({}, {rows_}, Opcode::min, [&](const Point& p) {
      const Scalar found = equal(p.read(sizes, {p[0]}), p.read(largest, {}));
      return select(found, convert(DType::i32, p[0]), narrow(p, rows_));
    });
    return items_.generate({}, [&](const Point& p) {
      const Scalar none = p.read(largest, {}) < p.number(0);
      const Scalar idle = none | (p.integer(steps_) <= p.shared(position));
      return select(idle, p.shared(row), min(convert(DType::i64, p.read(first, {})), p.integer(rows_ - 1)));
    });
  }

  // The matrix with the panel's columns turned back.
  Elements with_columns(const Elements& matrix, const Elements& columns, ArrayId number) const {
    return items_.update(matrix, {rows_, panels_.size}, [&](const Point& p) {
      Items::ItemStore store{p.read(columns, {p[1], p[0]}), {p[0], row_of(panels_, p.shared(number), p[1])}};
      if (panels_.extent() > columns_) store.guard = row_number(panels_, p.shared(number), p[1]) < p.integer(columns_);
      return store;
    });
  }

  Scalar is_right(const Point& p, ArrayId number, const Scalar& column) const {
    return row_number(panels_, p.shared(number), p.integer(panels_.size - 1)) < column;
  }

  // The panel's rows of U right of it, and zeros elsewhere.
  Elements solved_rows(const Elements& matrix, const Elements& columns, ArrayId number) const {
    const Elements factors = items_.generate({panels_.size, panels_.size}, [&](const Point& p) {
      const Scalar value = p.read(columns, {p[1], row_within(row_panels_, p.shared(number), p[0], rows_)});
      return select(p[1] < p[0], value, p.number(0));
    });
    const auto step = [&](const Items::Step& step) -> Items::Values {
      const Elements& above = step.carries[0];
      const Elements sum = items_.sum({columns_}, {panels_.size}, [&](const Point& p) {
        return p.read(factors, {p.shared(step.position), p[1]}) * p.read(above, {p[1], p[0]});
      });
      return {{items_.update(above, {columns_}, [&](const Point& p) {
        const Place row = row_of(panels_, p.shared(number), p.shared(step.position));
        const Scalar value = p.read(matrix, {row, p[0]}) - p.read(sum, {p[0]});
        return Items::ItemStore{select(is_right(p, number, p[0]), value, p.number(0)), {p.shared(step.position), p[0]}};
      })}};
    };
    Elements none = items_.fill({panels_.size, columns_}, 0);
    if (matrix.imaginary) none.imaginary = items_.fill({panels_.size, columns_}, 0).real;
    return items_.loop({.name = "lu", .trip_count = panels_.size, .carries = {none}}, step).carries[0];
  }

  Elements with_rows(const Elements& matrix, const Elements& right, ArrayId number) const {
    return items_.update(matrix, {panels_.size, columns_}, [&](const Point& p) {
      const Place row = row_of(panels_, p.shared(number), p[0]);
      const Scalar value = select(is_right(p, number, p[1]), p.read(right, {p[0], p[1]}), p.read(matrix, {row, p[1]}));
      return Items::ItemStore{value, {row, p[1]}};
    });
  }

  // `below` with the product of the panel and its rows of U taken out of rows of panel `number`.
  Elements without(const Elements& below, const Elements& columns, const Elements& right, ArrayId number,
                   ArrayId finished) const {
    const Elements sum = items_.sum({panels_.size, columns_}, {panels_.size}, [&](const Point& p) {
      return p.read(columns, {p[2], row_within(row_panels_, p.shared(number), p[0], rows_)}) *
             p.read(right, {p[2], p[1]});
    });
    return items_.update(below, {panels_.size, columns_}, [&](const Point& p) {
      const Place row = row_of(panels_, p.shared(number), p[0]);
      const Scalar old = p.read(below, {row, p[1]});
      return Items::ItemStore{select(is_right(p, finished, p[1]), old - p.read(sum, {p[0], p[1]}), old), {row, p[1]}};
    });
  }

  const Items& items_;
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t steps_;
  Panels panels_;
  Panels row_panels_;
};

}  // namespace

void lu(Lowering& lowering, const Equation& equation) {
  const Operand matrix(lowering, equation.inputs[0], 2);
  const auto outputs =
      lowering.routine("lu", matrix.known(MatrixKind::lu), {{matrix.array}}, [&]() -> std::vector<ArrayId> {
        const std::int64_t rows = matrix.shape[matrix.shape.size() - 2];
        const std::int64_t columns = matrix.shape.back();
        const Elements whole = matrix.items.split(matrix.array, matrix.is_complex);
        const Factors factors = has_panels(lowering, std::min(rows, columns), fewest_steps)
                                    ? PanelFactors(matrix.items, rows, columns).factor(whole)
                                    : factor(matrix.items, whole, rows, columns);
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
