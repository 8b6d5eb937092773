// Triangular solves: each step finishes one unknown and takes it out of the others' equations, or, with several right
// sides, finishes a row of unknowns, by panels.
#include <algorithm>
#include <bit>

#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/panels.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

struct Form {
  bool left = true;   ///< op(A) X = B, else X op(A) = B
  bool lower = true;  ///< which triangle of A holds it
  bool transpose = false;
  bool conjugate = false;
  bool unit = false;  ///< the diagonal is ones, and is not read
};

// X op(A) = B is op(A)' X' = B', so unknown number k is row k of X, or column k, and its coefficient in
// equation number i is A[i, k], or A[k, i].
Elements solve(const Items& items, const Elements& matrix, const Elements& right_side, std::int64_t rows,
               std::int64_t columns, const Form& form) {
  const std::int64_t n = form.left ? rows : columns;
  const std::int64_t count = form.left ? columns : rows;
  const bool transposed = form.transpose == form.left;
  const bool forward = form.lower != transposed;
  const auto coefficient = [&](const Point& p, const Scalar& i, const Scalar& k) {
    const Scalar value = transposed ? p.read(matrix, {k, i}) : p.read(matrix, {i, k});
    return form.conjugate ? conj(value) : value;
  };
  const auto step = [&](const Items::Step& step) -> Items::Values {
    const Elements& current = step.carries[0];
    const Elements solved = items.generate({count}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      const Scalar value = form.left ? p.read(current, {k, p[0]}) : p.read(current, {p[0], k});
      return form.unit ? value : value / coefficient(p, k, k);
    });
    const Elements next = items.generate({rows, columns}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      const Scalar& i = p[form.left ? 0 : 1];
      const Scalar& j = p[form.left ? 1 : 0];
      const Scalar old = p.read(current, {p[0], p[1]});
      const Scalar value = p.read(solved, {j});
      const Scalar rest = minus_product(old, coefficient(p, i, k), value);
      return select(equal(i, k), value, select(forward ? k < i : i < k, rest, old));
    });
    return {{next}};
  };
  return items.loop({.name = "triangular_solve", .trip_count = n, .reverse = !forward, .carries = {right_side}}, step)
      .carries[0];
}

// A row of unknowns, one for each right side, is finished after those that its equation needs are taken out of it, all
// at once within a panel; a finished panel is taken out of all panels that follow.
class RowSolve {
 public:
  RowSolve(const Items& items, const Form& form, std::int64_t n, std::int64_t count)
      : items_(items),
        form_(form),
        forward_(form.lower != (form.transpose == form.left)),
        n_(n),
        count_(count),
        panels_(row_panels_of(n)) {}

  Elements solve(const Elements& matrix, const Elements& right_side) const {
    const Elements before = coefficients(matrix);
    const Elements diagonal = form_.unit ? Elements{} : diagonal_of(matrix);
    const Elements rest = rows_of(right_side);
    Elements solved;
    if (panels_.count == 1) {
      solved = panel(before, diagonal, rest, first_panel(items_));
    } else {
      const auto step = [&](const Items::Step& step) -> Items::Values {
        const Elements rows = panel(before, diagonal, step.carries[0], step.position);
        const auto update = [&](ArrayId number, const Elements& others) {
          return without(before, others, rows, number, step.position);
        };
        return {{each_panel_from(items_, panels_, next_panel(items_, step.position, !forward_), !forward_,
                                 step.carries[0], update)},
                {rows}};
      };
      const Items::Form form{
          .name = "triangular_solve", .trip_count = panels_.count, .reverse = !forward_, .carries = {rest}};
      solved = joined(items_, panels_, items_.loop(form, step).outputs[0], count_);
    }
    if (form_.left && panels_.extent() == n_) return solved;
    if (form_.left) return items_.generate({n_, count_}, [&](const Point& p) { return p.read(solved, {p[0], p[1]}); });
    return items_.generate({count_, n_}, [&](const Point& p) { return p.read(solved, {p[1], p[0]}); });
  }

 private:
  bool padded() const { return panels_.extent() != n_; }
  Scalar read(const Point& p, const Elements& source, const std::vector<Place>& place, const Scalar& row) const {
    return padded() ? p.read(source, place, row < p.integer(n_)) : p.read(source, place);
  }

  // What equation i takes of unknown k; zero where that is not solved before it, so that its values do not matter.
  Elements coefficients(const Elements& matrix) const {
    const bool transposed = form_.transpose == form_.left;
    return items_.generate({panels_.extent(), panels_.extent()}, [&](const Point& p) {
      const std::vector<Place> place = transposed ? std::vector<Place>{p[1], p[0]} : std::vector<Place>{p[0], p[1]};
      const Scalar value = read(p, matrix, place, max(p[0], p[1]));
      return select(forward_ ? p[1] < p[0] : p[0] < p[1], form_.conjugate ? conj(value) : value, p.number(0));
    });
  }

  Elements diagonal_of(const Elements& matrix) const {
    return items_.generate({panels_.extent()}, [&](const Point& p) {
      const Scalar value = read(p, matrix, {p[0], p[0]}, p[0]);
      const Scalar element = form_.conjugate ? conj(value) : value;
      return padded() ? select(p[0] < p.integer(n_), element, p.number(1)) : element;
    });
  }

  Elements rows_of(const Elements& right_side) const {
    if (form_.left && !padded()) return right_side;
    return items_.generate({panels_.extent(), count_}, [&](const Point& p) {
      const std::vector<Place> place = form_.left ? std::vector<Place>{p[0], p[1]} : std::vector<Place>{p[1], p[0]};
      return read(p, right_side, place, p[0]);
    });
  }

  Elements panel(const Elements& before, const Elements& diagonal, const Elements& rest, ArrayId number) const {
    const auto step = [&](const Items::Step& step) -> Items::Values {
      const Elements& known = step.carries[0];
      const auto place = [&](const Point& p) { return row_of(panels_, p.shared(number), p.shared(step.position)); };
      const Elements sum = items_.sum({count_}, {panels_.size}, [&](const Point& p) {
        return p.read(before, {place(p), row_of(panels_, p.shared(number), p[1])}) * p.read(known, {p[1], p[0]});
      });
      return {{items_.update(known, {count_}, [&](const Point& p) {
        const Scalar value = p.read(rest, {place(p), p[0]}) - p.read(sum, {p[0]});
        return Items::ItemStore{form_.unit ? value : value / p.read(diagonal, {place(p)}),
                                {p.shared(step.position), p[0]}};
      })}};
    };
    Elements none = items_.fill({panels_.size, count_}, 0);
    if (rest.imaginary) none.imaginary = items_.fill({panels_.size, count_}, 0).real;
    const Items::Form form{
        .name = "triangular_solve", .trip_count = panels_.size, .reverse = !forward_, .carries = {none}};
    return items_.loop(form, step).carries[0];
  }

  // `others` with the panel of finished `rows` taken out of panel `number`.
  Elements without(const Elements& before, const Elements& others, const Elements& rows, ArrayId number,
                   ArrayId finished) const {
    const Elements sum = items_.sum({panels_.size, count_}, {panels_.size}, [&](const Point& p) {
      const Place equation = row_of(panels_, p.shared(number), p[0]);
      return p.read(before, {equation, row_of(panels_, p.shared(finished), p[2])}) * p.read(rows, {p[2], p[1]});
    });
    return items_.update(others, {panels_.size, count_}, [&](const Point& p) {
      const Place equation = row_of(panels_, p.shared(number), p[0]);
      return Items::ItemStore{p.read(others, {equation, p[1]}) - p.read(sum, {p[0], p[1]}), {equation, p[1]}};
    });
  }

  const Items& items_;
  Form form_;
  bool forward_;
  std::int64_t n_;
  std::int64_t count_;
  Panels panels_;
};

// Fewer right sides leave vectors along rows of unknowns empty.
constexpr std::int64_t fewest_right_sides = 8;

// From so many rows on, right sides are padded with zeros to whole vectors or a power of two: what is stored of a part
// of a vector delays the load of the row beside it. Large batches fill vectors by themselves.
constexpr std::int64_t fewest_padded_rows = 16;
constexpr std::int64_t large_batch = 8;

std::int64_t padded_count(const Items& items, std::int64_t n, std::int64_t count, const Form& form) {
  if (!form.left || element_count(items.batch()) >= large_batch) return count;
  if (!has_panels(items.lowering(), n, fewest_padded_rows)) return count;
  const auto whole = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(count)));
  return std::min(whole, (count + fewest_right_sides - 1) / fewest_right_sides * fewest_right_sides);
}

Elements solve_any(const Items& items, const Elements& matrix, const Elements& right_side, std::int64_t rows,
                   std::int64_t columns, const Form& form) {
  const std::int64_t n = form.left ? rows : columns;
  const std::int64_t count = form.left ? columns : rows;
  if (const std::int64_t padded = padded_count(items, n, count, form); padded != count) {
    const Elements wide = items.generate(
        {rows, padded}, [&](const Point& p) { return p.read(right_side, {p[0], p[1]}, p[1] < p.integer(count)); });
    const Elements solved = solve_any(items, matrix, wide, rows, padded, form);
    return items.generate({rows, columns}, [&](const Point& p) { return p.read(solved, {p[0], p[1]}); });
  }
  if (has_panels(items.lowering(), n) && count >= fewest_right_sides)
    return RowSolve(items, form, n, count).solve(matrix, right_side);
  return solve(items, matrix, right_side, rows, columns, form);
}

}  // namespace

void triangular_solve(Lowering& lowering, const Equation& equation) {
  const Form form{equation.parameters.boolean_or("left_side", false), equation.parameters.boolean_or("lower", false),
                  equation.parameters.boolean_or("transpose_a", false),
                  equation.parameters.boolean_or("conjugate_a", false),
                  equation.parameters.boolean_or("unit_diagonal", false)};
  const Operand matrix(lowering, equation.inputs[0], 2);
  const Operand right_side(lowering, equation.inputs[1], 2);
  const Items& items = right_side.items;
  const std::int64_t rows = right_side.shape[right_side.shape.size() - 2];
  ir::MatrixRoutine known = matrix.known(MatrixKind::triangular_solve);
  known.lower = form.lower;
  known.left = form.left;
  known.transpose = form.transpose;
  known.conjugate = form.conjugate;
  known.unit = form.unit;
  const auto outputs = lowering.routine("triangular_solve", known, {{matrix.array, right_side.array}}, [&] {
    const bool is_complex = matrix.is_complex;
    const Elements coefficients = items.split(matrix.array, is_complex);
    const Elements right_sides = items.split(right_side.array, is_complex);
    const std::int64_t columns = right_side.shape.back();
    const Elements solved = solve_any(items, coefficients, right_sides, rows, columns, form);
    return std::vector{items.join(solved, is_complex)};
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
