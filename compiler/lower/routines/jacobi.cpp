// What Jacobi's methods share: the order of pairs, rotations, and results in order of size.
#include "compiler/lower/routines/jacobi.h"

#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

constexpr std::int64_t most_sweeps = 40;

}  // namespace

// i + partner = round modulo (players - 1), the last player taking the place of a row's own number.
ArrayId Tournament::partners(Lowering& lowering, ArrayId round_number) const {
  return lowering.generate({n_}, [&](RegionBuilder& b, std::span<const OpId> axes) {
    const Scalar i{&b, axes[0]};
    const Scalar round{&b, lowering.read_scalar(b, round_number)};
    const auto number = [&](std::int64_t value) { return Scalar{&b, b.integer(DType::i64, value)}; };
    const auto modulo = [&](const Scalar& value) { return binary(Opcode::rem, value, number(players_ - 1)); };
    const Scalar other = modulo(round - i + number(players_ - 1));
    // 2 j = round: j = round * players / 2.
    const Scalar halved = modulo(round * number(players_ / 2));
    const Scalar regular = select(equal(other, i), number(players_ - 1), other);
    const Scalar partner = select(equal(i, number(players_ - 1)), halved, regular);
    return select(partner < number(n_), partner, i).real;
  });
}

std::vector<Elements> jacobi_sweeps(
    const Items& items, const std::string& name, std::int64_t n, const std::vector<Elements>& values,
    const std::function<std::vector<Elements>(const std::vector<Elements>&, ArrayId)>& round) {
  Lowering& lowering = items.lowering();
  const Tournament tournament(n);
  std::vector<Elements> initial = values;
  initial.push_back(items.generate({}, [](const Point& p) { return p.boolean(true); }));
  initial.push_back({lowering.scalar(ir::constant_of_integer(DType::i64, 0))});
  const std::size_t rotated = values.size();
  std::vector<Elements> results = items.loop_while(
      name, initial,
      [&](const std::vector<Elements>& carries) {
        const ArrayId any = items.any([&](const Point& p) { return p.read(carries[rotated], {}); });
        return lowering.map({}, {any, carries[rotated + 1].real}, [](RegionBuilder& b, auto operands) {
          const Scalar sweep{&b, operands[1]};
          return (Scalar{&b, operands[0]} & (sweep < Scalar{&b, b.integer(DType::i64, most_sweeps)})).real;
        });
      },
      [&](const std::vector<Elements>& carries) -> std::vector<Elements> {
        const ArrayId next = lowering.map({}, {carries[rotated + 1].real}, [](RegionBuilder& b, auto sweep) {
          return b.binary(Opcode::add, sweep[0], b.integer(DType::i64, 1));
        });
        std::vector<Elements> start(carries.begin(), carries.end() - 2);
        start.push_back(items.generate({}, [](const Point& p) { return p.boolean(false); }));
        std::vector<Elements> swept =
            items
                .loop({.name = name, .trip_count = tournament.rounds(), .carries = start},
                      [&](const Items::Step& step) -> Items::Values {
                        const std::vector<Elements> before(step.carries.begin(), step.carries.end() - 1);
                        std::vector<Elements> after = round(before, tournament.partners(lowering, step.position));
                        const Elements now = after.back();
                        after.back() = items.generate(
                            {}, [&](const Point& p) { return p.read(now, {}) | p.read(step.carries.back(), {}); });
                        return {after};
                      })
                .carries;
        swept.push_back({next});
        return swept;
      });
  results.resize(values.size());
  return results;
}

Rotations rotations(const Items& items, std::int64_t n, ArrayId partners,
                    const std::function<Pair(const Point&, const Scalar&, const Scalar&)>& pair) {
  Lowering& lowering = items.lowering();
  const auto partner = [&](const Point& p) {
    return Scalar{&p.builder, lowering.read(p.builder, partners, {p[0].real})};
  };
  // The tangent of the smaller of two angles, and the coupling's phase.
  const Elements tangent = items.generate({n}, [&](const Point& p) {
    const Scalar other = partner(p);
    const Pair values = pair(p, min(p[0], other), max(p[0], other));
    const Scalar idle = !values.active | is_zero(values.coupling) | equal(p[0], other);
    const Scalar length = size(values.coupling);
    const Scalar one = p.number(1);
    const Scalar theta = (values.second - values.first) / select(idle, one, length + length);
    const Scalar magnitude = one / (size(theta) + sqrt(multiply_add(theta, theta, one)));
    const Scalar value = select(theta < p.number(0), -magnitude, magnitude);
    const Scalar phase = values.coupling / select(idle, one, length);
    return select(idle, p.number(0), value) * phase;
  });
  const Elements cosine = items.generate(
      {n}, [&](const Point& p) { return p.number(1) / sqrt(square(p.read(tangent, {p[0]})) + p.number(1)); });
  const Elements sine = items.generate({n}, [&](const Point& p) {
    const Scalar product = p.read(tangent, {p[0]}) * p.read(cosine, {p[0]});
    return select(p[0] < partner(p), -conj(product), product);
  });
  return {cosine, sine};
}

std::vector<Elements> ordered(const Items& items, std::int64_t n, bool ascending, const Elements& values,
                              const std::vector<std::pair<Elements, std::int64_t>>& matrices) {
  Lowering& lowering = items.lowering();
  const ArrayId rank =
      ranks(lowering, items.batch(), n, [&](RegionBuilder& b, std::span<const OpId> batch, OpId i, OpId j) {
        const Point p{lowering, b, items.dtype(), batch, {}};
        const Scalar first = p.read(values, {Scalar{&b, ascending ? i : j}});
        const Scalar second = p.read(values, {Scalar{&b, ascending ? j : i}});
        const Scalar last = unary(Opcode::is_nan, second) & !unary(Opcode::is_nan, first);
        return ((first < second) | last).real;
      });
  const Elements ranked{rank};
  std::vector<Elements> results;
  results.push_back(items.update(items.fill({n}, 0), {n}, [&](const Point& p) {
    return Items::ItemStore{p.read(values, {p[0]}), {p.read(ranked, {p[0]})}};
  }));
  for (const auto& [matrix, rows] : matrices) {
    const Elements base = items.generate(
        {rows, n}, [&](const Point& p) { return matrix.imaginary ? complex(p.number(0), p.number(0)) : p.number(0); });
    results.push_back(items.update(base, {rows, n}, [&](const Point& p) {
      return Items::ItemStore{p.read(matrix, {p[0], p[1]}), {p[0], p.read(ranked, {p[1]})}};
    }));
  }
  return results;
}

Elements largest_part(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t columns) {
  const Elements largest = items.reduce({}, {rows, columns}, Opcode::max, [&](const Point& p) {
    const Scalar value = p.read(matrix, {p[0], p[1]});
    return max(unary(Opcode::abs, value), unary(Opcode::abs, value.imaginary_part()));
  });
  return items.generate({}, [&](const Point& p) { return max(p.read(largest, {}), p.number(0)); });
}

Elements finite(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t columns) {
  const Elements largest = largest_part(items, matrix, rows, columns);
  return items.generate(
      {}, [&](const Point& p) { return p.read(largest, {}) < p.number(std::numeric_limits<double>::infinity()); });
}

Elements valid(const Items& items, const Elements& good, const Elements& matrix, const Shape& item) {
  return items.generate(item, [&](const Point& p) {
    const Scalar value = p.read(matrix, std::vector<Place>(p.axes.begin(), p.axes.end()));
    return select(p.read(good, {}), value, value.is_complex() ? complex(p.nan(), p.nan()) : p.nan());
  });
}

}  // namespace jaxc::compiler::lowering
