// Schur's form by implicit QR iterations on a Hessenberg matrix (Francis 1961): single shifts of complex
// matrices, double shifts of real ones. Each item of a batch has its own active window.
#include "compiler/lower/routines/schur.h"

#include "compiler/lower/routines/jacobi.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

// The 2 x 2 block [[a, b], [c, d]] that ends at a row.
struct Corner {
  Scalar a, b, c, d;
};

class Francis {
 public:
  Francis(const Items& items, std::int64_t n, bool is_complex)
      : items_(items), n_(n), width_(std::min<std::int64_t>(n, 3)), is_complex_(is_complex) {}

  Schur run(const Elements& matrix) const {
    const Elements good = finite(items_, matrix, n_, n_);
    const Elements identity = items_.generate({n_, n_}, [&](const Point& p) {
      const Scalar one = convert(p.dtype, equal(p[0], p[1]));
      return is_complex_ ? complex(one, p.number(0)) : one;
    });
    if (n_ < 2) return {valid(items_, good, matrix, {n_, n_}), valid(items_, good, identity, {n_, n_})};
    std::vector<Elements> reduced = {matrix, identity};
    if (n_ > 2)
      reduced = items_
                    .loop({.name = "schur", .trip_count = n_ - 2, .carries = reduced},
                          [&](const Items::Step& step) -> Items::Values { return {reduce_column(step)}; })
                    .carries;
    Lowering& lowering = items_.lowering();
    // The last row of the active window, and the steps spent on it.
    const Elements last =
        items_.generate({}, [&](const Point& p) { return select(p.read(good, {}), p.integer(n_ - 1), p.integer(0)); });
    const Elements steps = items_.generate({}, [](const Point& p) { return p.integer(0); });
    const Elements count{lowering.scalar(ir::constant_of_integer(DType::i64, 0))};
    const std::vector<Elements> done = items_.loop_while(
        "schur", {reduced[0], reduced[1], last, steps, count},
        [&](const std::vector<Elements>& carries) {
          const ArrayId any = items_.any([&](const Point& p) { return p.integer(0) < p.read(carries[2], {}); });
          return lowering.map({}, {any, carries[4].real}, [&](RegionBuilder& b, auto values) {
            const Scalar number{&b, values[1]};
            return (Scalar{&b, values[0]} & (number < Scalar{&b, b.integer(DType::i64, 30 * (n_ + 1))})).real;
          });
        },
        [&](const std::vector<Elements>& carries) { return iterate(carries); });
    const Elements converged =
        items_.generate({}, [&](const Point& p) { return p.read(good, {}) & (p.read(done[2], {}) <= p.integer(0)); });
    const Elements form = items_.generate({n_, n_}, [&](const Point& p) {
      const Scalar below =
          select(equal(p[0], shift(p, p[1], 1)) & !negligible(p, done[0], p[0]), p.number(1), p.number(0));
      const Scalar value = p.read(done[0], {p[0], p[1]});
      return select((p[0] <= p[1]) | !is_zero(below), value, p.number(0));
    });
    return {valid(items_, converged, form, {n_, n_}), valid(items_, converged, done[1], {n_, n_})};
  }

 private:
  Scalar shift(const Point& p, const Scalar& row, std::int64_t offset) const { return row + p.integer(offset); }
  Scalar clamped(const Point& p, const Scalar& row) const { return max(p.integer(0), min(row, p.integer(n_ - 1))); }
  // Whether the element left of the diagonal in a row is lost in rounding beside its neighbours on the diagonal.
  Scalar negligible(const Point& p, const Elements& h, const Scalar& row) const {
    const Scalar before = clamped(p, shift(p, row, -1));
    const Scalar scale = rough_size(p.read(h, {row, row})) + rough_size(p.read(h, {before, before}));
    const double epsilon = p.dtype == DType::f32 ? 0x1p-23 : 0x1p-52;
    return rough_size(p.read(h, {row, before})) <= p.number(epsilon) * scale;
  }

  // H (the first value) is the reflection I - tau v v^H that takes x to a multiple of the first unit vector.
  struct Reflection {
    Elements vector;  ///< v, of `rows` elements; the first is 1
    Elements tau;
  };
  Reflection reflection(const Elements& x, const Elements& head, std::int64_t rows,
                        const std::function<Scalar(const Point&)>& is_head) const {
    const Elements tail = items_.sum(
        {}, {rows}, [&](const Point& p) { return select(is_head(p), p.number(0), square(p.read(x, {p[0]}))); });
    const auto idle = [&](const Point& p) {
      return is_zero(p.read(tail, {})) & is_zero(p.read(head, {}).imaginary_part());
    };
    const Elements beta = items_.generate({}, [&](const Point& p) {
      const Scalar alpha = p.read(head, {});
      const Scalar norm = sqrt(square(alpha) + p.read(tail, {}));
      return select(alpha.real_part() < p.number(0), norm, -norm);
    });
    const Elements tau = items_.generate({}, [&](const Point& p) {
      const Scalar divisor = select(idle(p), p.number(1), p.read(beta, {}));
      return select(idle(p), p.number(0), (p.read(beta, {}) - p.read(head, {})) / divisor);
    });
    const Elements vector = items_.generate({rows}, [&](const Point& p) {
      const Scalar divisor = select(idle(p), p.number(1), p.read(head, {}) - p.read(beta, {}));
      return select(is_head(p), p.number(1), p.read(x, {p[0]}) / divisor);
    });
    return {vector, tau};
  }

  // One step of the reduction to Hessenberg form: column k below row k + 1 becomes zero.
  std::vector<Elements> reduce_column(const Items::Step& step) const {
    const Elements& h = step.carries[0];
    const Elements x = items_.generate({n_}, [&](const Point& p) {
      const Scalar k = p.shared(step.position);
      return select(k < p[0], p.read(h, {p[0], k}), p.number(0));
    });
    const Elements head =
        items_.generate({}, [&](const Point& p) { return p.read(x, {shifted(p.shared(step.position), 1)}); });
    const Reflection r =
        reflection(x, head, n_, [&](const Point& p) { return equal(p[0], shift(p, p.shared(step.position), 1)); });
    // Rows above the first of the reflection have x = 0, so v = 0.
    const Elements w = items_.sum(
        {n_}, {n_}, [&](const Point& p) { return conj(p.read(r.vector, {p[1]})) * p.read(h, {p[1], p[0]}); });
    const Elements left = items_.generate({n_, n_}, [&](const Point& p) {
      const Scalar scaled = conj(p.read(r.tau, {})) * p.read(w, {p[1]});
      const Scalar value = minus_product(p.read(h, {p[0], p[1]}), p.read(r.vector, {p[0]}), scaled);
      const Scalar k = p.shared(step.position);
      return select(equal(p[1], k) & (shift(p, k, 1) < p[0]), p.number(0), value);
    });
    const auto right = [&](const Elements& matrix) {
      const Elements u = items_.sum(
          {n_}, {n_}, [&](const Point& p) { return p.read(matrix, {p[0], p[1]}) * p.read(r.vector, {p[1]}); });
      return items_.generate({n_, n_}, [&](const Point& p) {
        const Scalar scaled = p.read(r.tau, {}) * conj(p.read(r.vector, {p[1]}));
        return minus_product(p.read(matrix, {p[0], p[1]}), p.read(u, {p[0]}), scaled);
      });
    };
    return {right(left), right(step.carries[1])};
  }

  Corner corner(const Point& p, const Elements& h, const Scalar& last) const {
    const Scalar end = clamped(p, last);
    const Scalar start = clamped(p, shift(p, end, -1));
    return {p.read(h, {start, start}), p.read(h, {start, end}), p.read(h, {end, start}), p.read(h, {end, end})};
  }

  // (a - d)^2 / 4 + b c: negative for complex eigenvalues.
  Scalar discriminant(const Point& p, const Corner& block) const {
    const Scalar half = p.number(0.5) * (block.a - block.d);
    return multiply_add(half, half, block.b * block.c);
  }

  // The first column of (H - shift), or of (H - shift) (H - conj shift), at the head of the window.
  Scalar start_vector(const Point& p, const Elements& h, const Scalar& first, const Scalar& last,
                      const Scalar& exceptional) const {
    const Corner block = corner(p, h, last);
    const Scalar next = clamped(p, shift(p, first, 1));
    const Scalar h00 = p.read(h, {first, first});
    const Scalar h10 = p.read(h, {next, first});
    const auto entry = [&](const Scalar& x0, const Scalar& x1, const Scalar& x2) {
      return select(is_zero(p[0]), x0, select(equal(p[0], p.integer(1)), x1, x2));
    };
    if (is_complex_) {
      // Wilkinson's shift: the eigenvalue of the corner that is nearer to d.
      const Scalar half = p.number(0.5) * (block.a - block.d);
      const Scalar root = complex_sqrt(discriminant(p, block));
      const Scalar sum = half + root;
      const Scalar difference = half - root;
      const Scalar larger = select(square(difference) < square(sum), sum, difference);
      const Scalar idle = is_zero(larger);
      const Scalar near = block.d - select(idle, p.number(0), block.b * block.c) / select(idle, p.number(1), larger);
      const Scalar chosen = select(exceptional, block.d + size(block.c), near);
      return entry(h00 - chosen, h10, complex(p.number(0), p.number(0)));
    }
    const Scalar w = size(block.c) + size(h10);
    const Scalar sum = select(exceptional, p.number(1.5) * w, block.a + block.d);
    const Scalar product = select(exceptional, w * w, block.a * block.d - block.b * block.c);
    const Scalar after = clamped(p, shift(p, first, 2));
    const Scalar h01 = p.read(h, {first, next});
    const Scalar h11 = p.read(h, {next, next});
    const Scalar shifted_column =
        entry(h00 * (h00 - sum) + h01 * h10 + product, h10 * (h00 + h11 - sum), h10 * p.read(h, {after, next}));
    // A window of two rows is finished: its eigenvector where eigenvalues are real, else the direction that
    // makes the diagonal equal: tan 2 t = (d - a) / (b + c).
    const Scalar disc = discriminant(p, block);
    const Scalar half = p.number(0.5) * (block.a - block.d);
    const Scalar root = sqrt(max(disc, p.number(0)));
    const Scalar eigen = entry(half + select(half < p.number(0), -root, root), block.c, p.number(0));
    const Scalar x = block.b + block.c;
    const Scalar y = block.d - block.a;
    const Scalar length = sqrt(square(x) + square(y));
    const Scalar flat = is_zero(length);
    const Scalar divisor = select(flat, p.number(1), length);
    const Scalar sign = select(x < p.number(0), p.number(-1), p.number(1));
    const Scalar cosine = sqrt(p.number(0.5) * (p.number(1) + select(flat, p.number(1), sign * x / divisor)));
    const Scalar sine = p.number(0.5) * sign * y / (divisor * cosine);
    const Scalar balanced = entry(cosine, sine, p.number(0));
    const Scalar pair = equal(shift(p, first, 1), last);
    return select(pair, select(p.number(0) <= disc, eigen, balanced), shifted_column);
  }

  // One QR step on each item's window.
  std::vector<Elements> iterate(const std::vector<Elements>& carries) const {
    const Elements& h = carries[0];
    const Elements last = items_.reduce({}, {n_}, Opcode::max, [&](const Point& p) {
      const Scalar found = (p[0] <= p.read(carries[2], {})) & (is_zero(p[0]) | !negligible(p, h, p[0]));
      return select(found, p[0], p.integer(0));
    });
    const Elements first = items_.reduce({}, {n_}, Opcode::max, [&](const Point& p) {
      const Scalar found = (p[0] <= p.read(last, {})) & (is_zero(p[0]) | negligible(p, h, p[0]));
      return select(found, p[0], p.integer(0));
    });
    const auto is_pair = [&](const Point& p) {
      return is_complex_ ? p.boolean(false) : equal(shift(p, p.read(first, {}), 1), p.read(last, {}));
    };
    const Elements split = items_.generate({}, [&](const Point& p) {
      if (is_complex_) return p.boolean(false);
      return is_pair(p) & (p.number(0) <= discriminant(p, corner(p, h, p.read(last, {}))));
    });
    const Elements steps = items_.generate({}, [&](const Point& p) {
      return select(equal(p.read(last, {}), p.read(carries[2], {})), shift(p, p.read(carries[3], {}), 1), p.integer(0));
    });
    const Elements start = items_.generate({width_}, [&](const Point& p) {
      const Scalar exceptional = equal(binary(Opcode::rem, p.read(steps, {}), p.integer(10)), p.integer(9));
      return start_vector(p, h, p.read(first, {}), p.read(last, {}), exceptional);
    });
    const std::vector<Elements> chased =
        items_
            .loop({.name = "schur", .trip_count = n_ - 1, .carries = {h, carries[1]}},
                  [&](const Items::Step& step) -> Items::Values { return {chase(step, start, first, last, split)}; })
            .carries;
    const Elements next = items_.generate(
        {}, [&](const Point& p) { return select(is_pair(p), shift(p, p.read(first, {}), -1), p.read(last, {})); });
    const ArrayId count = items_.lowering().map({}, {carries[4].real}, [](RegionBuilder& b, auto values) {
      return b.binary(Opcode::add, values[0], b.integer(DType::i64, 1));
    });
    return {chased[0], chased[1], next, steps, {count}};
  }

  // Moves the bulge one row down: a reflection of the three rows and columns from row s on.
  std::vector<Elements> chase(const Items::Step& step, const Elements& start, const Elements& first,
                              const Elements& last, const Elements& split) const {
    const Elements& h = step.carries[0];
    const auto row = [&](const Point& p, const Scalar& i) { return p.shared(step.position) + i; };
    const auto inside = [&](const Point& p, const Scalar& i) { return row(p, i) < p.integer(n_); };
    const auto active = [&](const Point& p) {
      const Scalar s = p.shared(step.position);
      return (p.read(first, {}) <= s) & (s < p.read(last, {}));
    };
    const Elements x = items_.generate({width_}, [&](const Point& p) {
      const Scalar s = p.shared(step.position);
      const Scalar chased = p.read(h, {clamped(p, row(p, p[0])), clamped(p, shift(p, s, -1))});
      const Scalar value = select(equal(s, p.read(first, {})), p.read(start, {p[0]}), chased);
      return select(active(p) & (row(p, p[0]) <= p.read(last, {})), value, p.number(0));
    });
    const Elements head = items_.generate({}, [&](const Point& p) { return p.read(x, {0}); });
    const Reflection r = reflection(x, head, width_, [](const Point& p) { return is_zero(p[0]); });
    const Elements w = items_.sum({n_}, {width_}, [&](const Point& p) {
      return conj(p.read(r.vector, {p[1]})) * p.read(h, {clamped(p, row(p, p[1])), p[0]});
    });
    const Elements left = items_.update(h, {width_, n_}, [&](const Point& p) {
      const Scalar old = p.read(h, {clamped(p, row(p, p[0])), p[1]});
      const Scalar scaled = conj(p.read(r.tau, {})) * p.read(w, {p[1]});
      const Scalar value = minus_product(old, p.read(r.vector, {p[0]}), scaled);
      const Scalar annihilated = active(p) & !is_zero(p[0]) & (row(p, p[0]) <= p.read(last, {})) &
                                 equal(shift(p, p[1], 1), p.shared(step.position));
      const Scalar kept = select(p[1] < p.read(first, {}), old, value);
      return Items::ItemStore{
          select(annihilated & (p.read(first, {}) <= p[1]), p.number(0), kept), {row(p, p[0]), p[1]}, inside(p, p[0])};
    });
    const auto right = [&](const Elements& matrix, bool splits) {
      const Elements u = items_.sum({n_}, {width_}, [&](const Point& p) {
        return p.read(matrix, {p[0], clamped(p, row(p, p[1]))}) * p.read(r.vector, {p[1]});
      });
      return items_.update(matrix, {n_, width_}, [&](const Point& p) {
        const Scalar old = p.read(matrix, {p[0], clamped(p, row(p, p[1]))});
        const Scalar scaled = p.read(r.tau, {}) * conj(p.read(r.vector, {p[1]}));
        const Scalar value = minus_product(old, p.read(u, {p[0]}), scaled);
        const Scalar zero = active(p) & p.read(split, {}) & is_zero(p[1]) & equal(p[0], p.read(last, {}));
        return Items::ItemStore{
            splits ? select(zero, p.number(0), value) : value, {p[0], row(p, p[1])}, inside(p, p[1])};
      });
    };
    return {right(left, true), right(step.carries[1], false)};
  }

  const Items& items_;
  std::int64_t n_;
  std::int64_t width_;  ///< rows of the bulge
  bool is_complex_;
};

}  // namespace

Schur factor_schur(const Items& items, const Elements& matrix, std::int64_t n) {
  return Francis(items, n, matrix.imaginary.has_value()).run(matrix);
}

void schur(Lowering& lowering, const Equation& equation) {
  if (equation.parameters.boolean_or("sort_eig_vals", false))
    lowering.fail("keeps eigenvalues as they come, got sort_eig_vals=True; sort them afterwards");
  const Operand operand(lowering, equation.inputs[0], 2);
  const Items& items = operand.items;
  const ir::MatrixRoutine known = operand.known(MatrixKind::schur);
  const auto outputs = lowering.routine("schur", known, {{operand.array}}, [&]() -> std::vector<ArrayId> {
    const std::int64_t n = operand.shape.back();
    const Elements given = items.split(operand.array, operand.is_complex);
    const Elements largest = largest_part(items, given, n, n);
    const auto times_power = [&](const Elements& matrix, bool inverse) {
      return items.generate({n, n}, [&](const Point& p) {
        return p.read(matrix, {p[0], p[1]}) * squaring_scale(p.read(largest, {}), inverse);
      });
    };
    const Schur result = factor_schur(items, times_power(given, false), n);
    std::vector<ArrayId> results = {items.join(times_power(result.form, true), operand.is_complex)};
    if (equation.outputs.size() > 1) results.push_back(items.join(result.vectors, operand.is_complex));
    return results;
  });
  lowering.define_rounded(equation.outputs, outputs);
}

}  // namespace jaxc::compiler::lowering
