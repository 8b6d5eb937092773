// Symmetric eigenproblems by Jacobi rotations in parallel order (Brent and Luk 1985): each round rotates
// disjoint pairs of rows and columns all at once, a sweep's rounds pair every two.
#include "compiler/lower/routines/batched.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

constexpr std::int64_t most_sweeps = 30;

class Jacobi {
 public:
  Jacobi(Lowering& lowering, ArrayId matrix)
      : lowering_(lowering),
        dtype_(lowering.dtype(matrix)),
        n_(lowering.shape(matrix).back()),
        players_(n_ + n_ % 2),
        item_(lowering, Batched::batch_of(lowering.shape(matrix), 2)) {}

  // The eigenvalues' array (the rotated matrix) and the eigenvectors as columns.
  struct Rotated {
    ArrayId matrix = 0;
    ArrayId vectors = 0;
  };

  Rotated run(ArrayId symmetric) const {
    const ArrayId identity = item_.generate(
        {n_, n_}, [&](RegionBuilder& b, auto, auto axes) { return b.convert(dtype_, equal(b, axes[0], axes[1])); });
    const ArrayId zero = lowering_.scalar(ir::constant_of_integer(DType::i64, 0));
    const std::vector<ArrayId> values = lowering_.loop_while(
        "eigh", {{zero, symmetric, identity}}, [&](auto carries) { return unfinished(carries[0], carries[1]); },
        [&](auto carries) -> std::vector<ArrayId> {
          const ArrayId next = lowering_.map({}, {carries[0]}, [](RegionBuilder& b, auto count) {
            return b.binary(Opcode::add, count[0], b.integer(DType::i64, 1));
          });
          const LoopValues swept =
              lowering_.loop({.name = "eigh", .trip_count = players_ - 1, .carries = {carries[1], carries[2]}},
                             [&](const LoopArguments& arguments) { return round(arguments); });
          return {next, swept.carries[0], swept.carries[1]};
        });
    return {values[1], values[2]};
  }

 private:
  // More sweeps are needed while an off-diagonal element is above epsilon times the diagonal's size in any item.
  ArrayId unfinished(ArrayId sweep, ArrayId matrix) const {
    const double epsilon = dtype_ == DType::f32 ? 0x1p-24 : 0x1p-53;
    const auto largest = [&](bool diagonal) {
      return item_.reduce({}, {n_, n_}, Opcode::max, dtype_, [&](RegionBuilder& b, auto batch, auto axes) {
        const OpId size = b.unary(Opcode::abs, item_.read(b, matrix, batch, {axes[0], axes[1]}));
        const OpId on_diagonal = equal(b, axes[0], axes[1]);
        const OpId zero = b.constant(dtype_, 0);
        return diagonal ? b.select(on_diagonal, size, zero) : b.select(on_diagonal, zero, size);
      });
    };
    const ArrayId on = largest(true);
    const ArrayId off = largest(false);
    const ArrayId any =
        lowering_.reduce({}, item_.batch(), Opcode::bit_or, DType::boolean, [&](RegionBuilder& b, auto, auto batch) {
          const OpId bound = b.binary(Opcode::mul, b.constant(dtype_, epsilon), item_.read(b, on, batch, {}));
          return less(b, bound, item_.read(b, off, batch, {}));
        });
    return lowering_.map({}, {any, sweep}, [](RegionBuilder& b, auto values) {
      return both(b, values[0], less(b, values[1], b.integer(DType::i64, most_sweeps)));
    });
  }

  // The row that row i is paired with in a round: i + partner = round modulo (players - 1), the last player
  // taking the place of a row's own number. Row n, of an odd n, stands for no pairing.
  OpId partner(RegionBuilder& b, OpId i, OpId round) const {
    const auto number = [&](std::int64_t value) { return b.integer(DType::i64, value); };
    const std::int64_t modulus = players_ - 1;
    const OpId sum = b.binary(Opcode::add, b.binary(Opcode::sub, round, i), number(modulus));
    const OpId other = b.binary(Opcode::rem, sum, number(modulus));
    const OpId own = equal(b, other, i);
    // 2 j = round: j = round * (modulus + 1) / 2.
    const OpId halved = b.binary(Opcode::rem, b.binary(Opcode::mul, round, number(players_ / 2)), number(modulus));
    const OpId regular = b.select(own, number(players_ - 1), other);
    return b.select(equal(b, i, number(players_ - 1)), halved, regular);
  }

  LoopValues round(const LoopArguments& arguments) const {
    const ArrayId matrix = arguments.carries[0];
    const ArrayId pairs = lowering_.generate({n_}, [&](RegionBuilder& b, auto axes) {
      const OpId other = partner(b, axes[0], lowering_.read_scalar(b, arguments.position));
      return b.select(less(b, other, b.integer(DType::i64, n_)), other, axes[0]);
    });
    const auto partner_of = [&](RegionBuilder& b, OpId i) { return lowering_.read(b, pairs, {i}); };
    // tan of the angle that makes the pair's off-diagonal element zero, the smaller of two (Rutishauser 1966).
    const ArrayId tangent = item_.generate({n_}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId i = axes[0];
      const OpId other = partner_of(b, i);
      const OpId p = b.binary(Opcode::min, i, other);
      const OpId q = b.binary(Opcode::max, i, other);
      const OpId off = item_.read(b, matrix, batch, {p, q});
      const OpId difference =
          b.binary(Opcode::sub, item_.read(b, matrix, batch, {q, q}), item_.read(b, matrix, batch, {p, p}));
      const OpId one = b.constant(dtype_, 1);
      const OpId zero = b.constant(dtype_, 0);
      const OpId idle = either(b, equal(b, off, zero), equal(b, p, q));
      const OpId divisor = b.select(idle, one, b.binary(Opcode::add, off, off));
      const OpId theta = b.binary(Opcode::div, difference, divisor);
      const OpId size = b.unary(Opcode::abs, theta);
      const OpId root = b.unary(Opcode::sqrt, b.mul_add(theta, theta, one));
      const OpId magnitude = b.binary(Opcode::div, one, b.binary(Opcode::add, size, root));
      const OpId signed_value = b.select(less(b, theta, zero), b.unary(Opcode::neg, magnitude), magnitude);
      return b.select(idle, zero, signed_value);
    });
    const ArrayId cosine = item_.generate({n_}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId t = item_.read(b, tangent, batch, {axes[0]});
      const OpId one = b.constant(dtype_, 1);
      return b.binary(Opcode::div, one, b.unary(Opcode::sqrt, b.mul_add(t, t, one)));
    });
    // The sine with the sign that row i takes its partner's with.
    const ArrayId sine = item_.generate({n_}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId product =
          b.binary(Opcode::mul, item_.read(b, tangent, batch, {axes[0]}), item_.read(b, cosine, batch, {axes[0]}));
      return b.select(less(b, axes[0], partner_of(b, axes[0])), b.unary(Opcode::neg, product), product);
    });
    const auto rotate = [&](ArrayId source, bool rows) {
      return item_.generate({n_, n_}, [&, rows](RegionBuilder& b, auto batch, auto axes) {
        const OpId line = axes[rows ? 0 : 1];
        const OpId other = partner_of(b, line);
        const OpId mine = item_.read(b, source, batch, {axes[0], axes[1]});
        const OpId theirs =
            rows ? item_.read(b, source, batch, {other, axes[1]}) : item_.read(b, source, batch, {axes[0], other});
        return b.mul_add(item_.read(b, cosine, batch, {line}), mine,
                         b.binary(Opcode::mul, item_.read(b, sine, batch, {line}), theirs));
      });
    };
    const ArrayId rotated = rotate(rotate(matrix, true), false);
    return {{rotated, rotate(arguments.carries[1], false)}, {}};
  }

  Lowering& lowering_;
  DType dtype_;
  std::int64_t n_;
  std::int64_t players_;  ///< n, or n + 1 when that is odd
  Batched item_;
};

}  // namespace

void eigh(Lowering& lowering, const Equation& equation) {
  if (is_complex(lowering.type(equation.inputs[0]).dtype)) lowering.fail("complex matrices cannot be lowered");
  const ir::Parameter* subset = equation.parameters.find("subset_by_index");
  if (subset != nullptr && !std::holds_alternative<ir::Parameter::None>(subset->value))
    lowering.fail("subset_by_index cannot be lowered");
  const bool lower = equation.parameters.boolean_or("lower", true);
  const ArrayId matrix = lowering.array(equation.inputs[0]);
  const Shape shape = lowering.shape(matrix);
  const std::int64_t n = shape.back();
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const auto outputs = lowering.routine("eigh", {{matrix}}, [&]() -> std::vector<ArrayId> {
    const ArrayId symmetric = item.generate({n, n}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId large = b.binary(Opcode::max, axes[0], axes[1]);
      const OpId small = b.binary(Opcode::min, axes[0], axes[1]);
      return lower ? item.read(b, matrix, batch, {large, small}) : item.read(b, matrix, batch, {small, large});
    });
    Jacobi::Rotated result{symmetric, 0};
    if (n > 1) {
      result = Jacobi(lowering, matrix).run(symmetric);
    } else {
      result.vectors = lowering.fill(ir::constant_of(lowering.dtype(matrix), 1), shape);
    }
    const ArrayId rank = ranks(lowering, item.batch(), n, [&](RegionBuilder& b, auto batch, OpId i, OpId j) {
      return less(b, item.read(b, result.matrix, batch, {i, i}), item.read(b, result.matrix, batch, {j, j}));
    });
    const DType dtype = lowering.dtype(matrix);
    const ArrayId values = item.update(
        lowering.fill(ir::constant_of(dtype, 0), item.shape({n})), {n}, [&](RegionBuilder& b, auto batch, auto axes) {
          return Batched::ItemStore{item.read(b, result.matrix, batch, {axes[0], axes[0]}),
                                    {item.read(b, rank, batch, {axes[0]})}};
        });
    const ArrayId vectors = item.update(
        lowering.fill(ir::constant_of(dtype, 0), shape), {n, n}, [&](RegionBuilder& b, auto batch, auto axes) {
          return Batched::ItemStore{item.read(b, result.vectors, batch, {axes[0], axes[1]}),
                                    {axes[0], item.read(b, rank, batch, {axes[1]})}};
        });
    return {vectors, values};
  });
  lowering.define(equation.outputs[0], outputs[0]);
  lowering.define(equation.outputs[1], outputs[1]);
}

}  // namespace jaxc::compiler::lowering
