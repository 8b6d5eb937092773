// Cholesky: small matrices by columns, each of which updates what lies right of it; larger ones by panels of rows.
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/panels.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

// Column j's step leaves zeros above the diagonal. A pivot that is not positive makes everything NaN, and so do
// the pivots after it.
Elements factor(const Items& items, const Elements& matrix, std::int64_t n) {
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const Elements& current = step.carries[0];
    const auto pivot = [&](const Point& p) {
      const Scalar j = p.shared(step.position);
      return p.read(current, {j, j}).real_part();
    };
    // l[i] = current[i, j] / sqrt(current[j, j]) at and below the diagonal, 0 above.
    const Elements column = items.generate({n}, [&](const Point& p) {
      const Scalar j = p.shared(step.position);
      const Scalar root = sqrt(pivot(p));
      const Scalar below = select(p[0] < j, p.number(0), p.read(current, {p[0], j}) / root);
      return select(equal(p[0], j), root, below);
    });
    const Elements next = items.generate({n, n}, [&](const Point& p) {
      const Scalar j = p.shared(step.position);
      const Scalar old = p.read(current, {p[0], p[1]});
      const Scalar row = p.read(column, {p[0]});
      const Scalar updated = minus_product(old, row, conj(p.read(column, {p[1]})));
      const Scalar value = select(equal(p[1], j), row, select((j < p[1]) & (p[1] <= p[0]), updated, old));
      return select(p.number(0) < pivot(p), value, value.is_complex() ? complex(p.nan(), p.nan()) : p.nan());
    });
    return {{next}};
  };
  return items.loop({.name = "cholesky", .trip_count = n, .carries = {matrix}}, step).carries[0];
}

// A = U^H U by rows of U. Rows past the last one are padding, in which only storage is right.
class Rows {
 public:
  Rows(const Items& items, const Elements& matrix, std::int64_t n)
      : items_(items), panels_(row_panels_of(n)), matrix_(matrix), n_(n) {}

  /// L = U^H, all NaN where a pivot is not positive.
  Elements factor() const {
    const Elements upper = rows();
    const Elements bad = items_.reduce({}, {n_}, Opcode::bit_or, [&](const Point& p) {
      return !(p.number(0) < p.read(upper, {p[0], p[0]}).real_part());
    });
    return items_.generate({n_, n_}, [&](const Point& p) {
      const Scalar value = select(p[0] < p[1], p.number(0), conj(p.read(upper, {p[1], p[0]})));
      return select(p.read(bad, {}), value.is_complex() ? complex(p.nan(), p.nan()) : p.nan(), value);
    });
  }

 private:
  // Of these rows only what is at or right of the diagonal means anything.
  Elements rows() const {
    const Elements rest = items_.generate({panels_.extent(), n_}, [&](const Point& p) {
      const std::vector<Place> place = {p[1], p[0]};
      if (panels_.extent() == n_) return conj(p.read(matrix_, place));
      return conj(p.read(matrix_, place, p[0] < p.integer(n_)));
    });
    if (panels_.count == 1) return panel(rest, first_panel(items_));
    const auto step = [&](const Items::Step& step) -> Items::Values {
      const Elements rows = panel(step.carries[0], step.position);
      const auto update = [&](ArrayId number, const Elements& below) { return without(below, rows, number); };
      return {{each_panel_from(items_, panels_, next_panel(items_, step.position), false, step.carries[0], update)},
              {rows}};
    };
    return joined(items_, panels_,
                  items_.loop({.name = "cholesky", .trip_count = panels_.count, .carries = {rest}}, step).outputs[0],
                  n_);
  }

  // The panel's rows of U, one after the other: the rows above it in the panel are taken out of each, all at once.
  Elements panel(const Elements& rest, ArrayId number) const {
    const auto step = [&](const Items::Step& step) -> Items::Values {
      const Elements& above = step.carries[0];
      const auto place = [&](const Point& p) { return row_of(panels_, p.shared(number), p.shared(step.position)); };
      const auto diagonal = [&](const Point& p) { return column_of(p.shared(number), p.shared(step.position)); };
      const Elements sum = items_.sum({n_}, {panels_.size}, [&](const Point& p) {
        return conj(p.read(above, {p[1], diagonal(p)})) * p.read(above, {p[1], p[0]});
      });
      const Elements row =
          items_.generate({n_}, [&](const Point& p) { return p.read(rest, {place(p), p[0]}) - p.read(sum, {p[0]}); });
      const Elements root =
          items_.generate({}, [&](const Point& p) { return sqrt(p.read(row, {diagonal(p)}).real_part()); });
      return {{items_.update(above, {n_}, [&](const Point& p) {
        const Scalar number_of_diagonal = row_number(panels_, p.shared(number), p.shared(step.position));
        const Scalar value =
            select(equal(p[0], number_of_diagonal), p.read(root, {}), p.read(row, {p[0]}) / p.read(root, {}));
        return Items::ItemStore{value, {p.shared(step.position), p[0]}};
      })}};
    };
    Elements none = items_.fill({panels_.size, n_}, 0);
    if (rest.imaginary) none.imaginary = items_.fill({panels_.size, n_}, 0).real;
    return items_.loop({.name = "cholesky", .trip_count = panels_.size, .carries = {none}}, step).carries[0];
  }

  // `below` with finished rows taken out of panel `number`, from its diagonal on in blocks of some vectors.
  Elements without(const Elements& below, const Elements& rows, ArrayId number) const {
    const std::int64_t wide = items_.dtype() == DType::f32 ? 2 : 1;
    const Panels blocks{(panels_.count + wide - 1) / wide, wide * panels_.size};
    const Shape block = {panels_.size, blocks.size};
    const bool padded = blocks.extent() != n_;
    const auto update = [&](ArrayId right, const Elements& rest) {
      const auto column = [&](const Point& p) { return row_of(blocks, p.shared(right), p[1]); };
      const auto inside = [&](const Point& p) { return row_number(blocks, p.shared(right), p[1]) < p.integer(n_); };
      const auto read = [&](const Point& p, const Elements& source, const Place& row) {
        const std::vector<Place> place = {row, column(p)};
        return padded ? p.read(source, place, inside(p)) : p.read(source, place);
      };
      const Elements sum = items_.sum(block, {panels_.size}, [&](const Point& p) {
        return conj(p.read(rows, {p[2], column_of(p.shared(number), p[0])})) * read(p, rows, p[2]);
      });
      return items_.update(rest, block, [&](const Point& p) {
        const Place row = row_of(panels_, p.shared(number), p[0]);
        Items::ItemStore store{read(p, rest, row) - p.read(sum, {p[0], p[1]}), {row, column(p)}};
        if (padded) store.guard = inside(p);
        return store;
      });
    };
    const ArrayId first = items_.lowering().map({}, {number}, [&](RegionBuilder& b, auto values) {
      return b.binary(Opcode::div, values[0], b.integer(DType::i64, wide));
    });
    return each_panel_from(items_, blocks, first, false, below, update);
  }

  // The column of a row's diagonal; some column in padding.
  Place column_of(const Scalar& panel, const Scalar& row) const { return row_within(panels_, panel, row, n_); }

  const Items& items_;
  Panels panels_;
  const Elements& matrix_;
  std::int64_t n_;
};

}  // namespace

void cholesky(Lowering& lowering, const Equation& equation) {
  const Operand matrix(lowering, equation.inputs[0], 2);
  const auto outputs =
      lowering.routine("cholesky", matrix.known(MatrixKind::cholesky), {{matrix.array}}, [&]() -> std::vector<ArrayId> {
        const std::int64_t n = matrix.shape.back();
        const Elements whole = matrix.items.split(matrix.array, matrix.is_complex);
        const Elements factored =
            has_panels(lowering, n) ? Rows(matrix.items, whole, n).factor() : factor(matrix.items, whole, n);
        return {matrix.items.join(factored, matrix.is_complex)};
      });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
