// Sorts: by counting for short axes, by a bitonic network on positions for long ones, by selection where few leading
// elements are wanted; all are stable.
#include <algorithm>
#include <bit>

#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

constexpr std::int64_t counted_extent = 64;

// JAX's order of sort keys: -0 equals 0, every NaN is equal and last; complex numbers go by their real parts,
// then by their imaginary ones.
Scalar key_equal(const Scalar& left, const Scalar& right) {
  if (left.is_complex())
    return key_equal(left.real_part(), right.real_part()) & key_equal(left.imaginary_part(), right.imaginary_part());
  const Scalar same = equal(left, right);
  if (!is_floating(left.dtype())) return same;
  return same | (unary(Opcode::is_nan, left) & unary(Opcode::is_nan, right));
}

Scalar key_less(const Scalar& left, const Scalar& right) {
  if (left.is_complex()) {
    const Scalar tie = key_equal(left.real_part(), right.real_part());
    return key_less(left.real_part(), right.real_part()) |
           (tie & key_less(left.imaginary_part(), right.imaginary_part()));
  }
  const Scalar smaller = binary(Opcode::lt, left, right);
  if (!is_floating(left.dtype())) return smaller;
  return smaller | (unary(Opcode::is_nan, right) & !unary(Opcode::is_nan, left));
}

// Whether element i of an item comes before element j, where they are not equal.
using Before = std::function<Scalar(const Point&, const Scalar& i, const Scalar& j)>;

// Rank by counting: elements that come before, in any place, and equal ones at earlier places.
Elements counted_ranks(const Items& items, std::int64_t extent, const Before& before) {
  return items.sum({extent}, {extent}, [&](const Point& p) {
    const Scalar tie = (p[1] < p[0]) & !before(p, p[0], p[1]);
    return convert(DType::i64, before(p, p[1], p[0]) | tie);
  });
}

// order[r] is the element of rank r: a bitonic network over positions, padded with positions past the end,
// which come last (Batcher 1968). Ties go by position, so the network sorts stably.
Elements network_order(const Items& items, std::int64_t extent, const Before& before) {
  Lowering& lowering = items.lowering();
  const auto padded = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(extent)));
  const int stages = std::countr_zero(static_cast<std::uint64_t>(padded));
  const auto exchange = [&](const Elements& order, ArrayId size, ArrayId distance) {
    return items.generate({padded}, [&](const Point& p) {
      const Scalar& here = p[0];
      const Scalar partner = binary(Opcode::bit_xor, here, p.shared(distance));
      const Scalar mine = p.read(order, {here});
      const Scalar other = p.read(order, {partner});
      const Scalar last = p.integer(extent - 1);
      const Scalar mine_inside = min(mine, last);
      const Scalar other_inside = min(other, last);
      const Scalar by_position = other < mine;
      const Scalar tie = by_position & !before(p, mine_inside, other_inside);
      const Scalar other_first =
          select(last < max(mine, other), by_position, before(p, other_inside, mine_inside) | tie);
      const Scalar ascending = is_zero(here & p.shared(size));
      const Scalar keep_first = equal(ascending, here < partner);
      return select(equal(keep_first, other_first), other, mine);
    });
  };
  const auto shifted_left = [&](std::int64_t number, ArrayId exponent) {
    return lowering.map({}, {exponent}, [&](RegionBuilder& b, auto values) {
      return b.binary(Opcode::shift_left, b.integer(DType::i64, number), values[0]);
    });
  };
  const Elements identity = items.generate({padded}, [](const Point& p) { return p[0]; });
  const auto stage = [&](const Items::Step& step) -> Items::Values {
    const ArrayId size = shifted_left(2, step.position);
    // Distances size / 2 ... 1.
    const std::vector<Elements> values = items.loop_while(
        "sort", {{step.position}, step.carries[0]},
        [&](const std::vector<Elements>& carries) {
          return lowering.map({}, {carries[0].real}, [](RegionBuilder& b, auto exponent) {
            return b.binary(Opcode::le, b.integer(DType::i64, 0), exponent[0]);
          });
        },
        [&](const std::vector<Elements>& carries) -> std::vector<Elements> {
          const Elements sorted = exchange(carries[1], size, shifted_left(1, carries[0].real));
          const ArrayId smaller = lowering.map({}, {carries[0].real}, [](RegionBuilder& b, auto exponent) {
            return b.binary(Opcode::sub, exponent[0], b.integer(DType::i64, 1));
          });
          return {{smaller}, sorted};
        });
    return {{values[1]}};
  };
  return items.loop({.name = "sort", .trip_count = stages, .carries = {identity}}, stage).carries[0];
}

// How often a network goes over a line.
std::int64_t network_passes(std::int64_t extent) {
  const std::int64_t stages = std::bit_width(static_cast<std::uint64_t>(extent - 1));
  return stages * (stages + 1) / 2;
}

// The permutation of leading ranks: order[r] is the element of rank r.
Elements leading_order(const Items& items, std::int64_t extent, const Before& before) {
  if (extent > counted_extent) return network_order(items, extent, before);
  const Elements rank = counted_ranks(items, extent, before);
  const Elements zeros = items.generate({extent}, [](const Point& p) { return p.integer(0); });
  return items.update(zeros, {extent}, [&](const Point& p) { return Items::ItemStore{p[0], {p.read(rank, {p[0]})}}; });
}

// An operand of a sort, whose lines run along one axis; the other axes are the batch.
struct Key {
  Lowering& lowering;
  ArrayId array = 0;
  DType dtype = DType::f32;
  std::int64_t axis = 0;

  // The indices of position `place` in the line of `batch`.
  std::vector<ir::Index> at_place(std::span<const OpId> batch, const Scalar& place) const {
    std::vector<ir::Index> indices = at(batch);
    indices.insert(indices.begin() + axis, at(place.real));
    return indices;
  }
  // For a library; nothing for complex numbers.
  std::optional<ir::Ordering> ordering(ir::Ordering::Result result) const {
    if (jaxc::is_complex(dtype)) return std::nullopt;
    return ir::Ordering{result, dtype, static_cast<int>(axis)};
  }
  // In the type that comparisons are done in.
  Scalar read(const Point& p, const Scalar& place) const {
    std::vector<ir::Index> indices = at_place(p.batch, place);
    if (!jaxc::is_complex(dtype))
      return {&p.builder, lowering.widen(p.builder, dtype, lowering.read(p.builder, array, std::move(indices)))};
    indices.push_back(fixed(0));
    const OpId real = lowering.read(p.builder, array, indices);
    indices.back() = fixed(1);
    return {&p.builder, real, lowering.read(p.builder, array, std::move(indices))};
  }
  // The elements in `order`, the first `count` of each line, in storage form.
  ArrayId permuted(const Items& items, const Elements& order, std::int64_t count) const {
    Shape shape = lowering.shape(array);
    shape[static_cast<std::size_t>(axis)] = count;
    const std::size_t rank = items.batch().size() + 1;
    return lowering.generate(shape, [&](RegionBuilder& b, std::span<const OpId> axes) {
      std::vector<OpId> batch(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(rank));
      batch.erase(batch.begin() + axis);
      const Point p{lowering, b, items.dtype(), batch, {}};
      std::vector<ir::Index> indices =
          at_place(batch, p.read(order, {Scalar{&b, axes[static_cast<std::size_t>(axis)]}}));
      for (const OpId part : axes.subspan(rank)) indices.push_back(at(part));
      return lowering.read(b, array, std::move(indices));
    });
  }
};

// The permutation that sorts lines by one real key, as a routine.
Elements order_by(const Items& items, const Key& key, std::int64_t extent) {
  const auto expansion = [&]() -> std::vector<ArrayId> {
    const Elements whole = leading_order(items, extent, [&](const Point& p, const Scalar& i, const Scalar& j) {
      return key_less(key.read(p, i), key.read(p, j));
    });
    // The network's order is padded to a power of two.
    return {items.generate({extent}, [&](const Point& p) { return p.read(whole, {p[0]}); }).real};
  };
  return {key.lowering.routine("argsort", {{key.array}}, expansion, key.ordering(ir::Ordering::Result::positions))[0]};
}

Items lines_of(Lowering& lowering, Shape shape, std::int64_t axis) {
  shape.erase(shape.begin() + axis);
  return {lowering, shape, DType::i64};
}

}  // namespace

ArrayId ranks(Lowering& lowering, const Shape& batch, std::int64_t extent, const Precedes& before) {
  return counted_ranks(Items(lowering, batch, DType::i64), extent,
                       [&](const Point& p, const Scalar& i, const Scalar& j) {
                         return Scalar{&p.builder, before(p.builder, p.batch, i.real, j.real)};
                       })
      .real;
}

void sort(Lowering& lowering, const Equation& equation) {
  const std::int64_t axis = equation.parameters.integer("dimension");
  const auto keys = static_cast<std::size_t>(equation.parameters.integer_or("num_keys", 1));
  const std::vector<ArrayId> arrays = lowering.arrays(equation.inputs);
  const Shape shape = lowering.type(equation.inputs[0]).shape;
  const std::int64_t extent = shape[static_cast<std::size_t>(axis)];
  if (element_count(shape) == 0 || extent == 1) {
    for (std::size_t k = 0; k < arrays.size(); ++k) lowering.define(equation.outputs[k], arrays[k]);
    return;
  }
  std::vector<Key> operands;
  for (std::size_t k = 0; k < arrays.size(); ++k)
    operands.push_back({lowering, arrays[k], lowering.type(equation.inputs[k]).dtype, axis});
  const Items items = lines_of(lowering, shape, axis);
  const Before before = [&](const Point& p, const Scalar& i, const Scalar& j) {
    Scalar result = p.boolean(false);
    for (std::size_t k = keys; k-- > 0;) {
      const Scalar left = operands[k].read(p, i);
      const Scalar right = operands[k].read(p, j);
      const Scalar decided = key_less(left, right);
      result = k + 1 == keys ? decided : decided | (key_equal(left, right) & result);
    }
    return result;
  };
  const auto permuted = [&](const Elements& order) {
    std::vector<ArrayId> sorted;
    for (const Key& operand : operands) sorted.push_back(operand.permuted(items, order, extent));
    return sorted;
  };
  std::vector<ArrayId> outputs;
  const bool have_order = std::none_of(operands.begin(), operands.begin() + static_cast<std::ptrdiff_t>(keys),
                                       [](const Key& key) { return jaxc::is_complex(key.dtype); });
  if (keys > 1 && extent > counted_extent && have_order && lowering.is_outermost() && lowering.options().for_caches) {
    // Stable sorts from the last key to the first, each of which a library knows.
    std::optional<Elements> order;
    for (std::size_t k = keys; k-- > 0;) {
      Key key = operands[k];
      if (order) key.array = key.permuted(items, *order, extent);
      const Elements next = order_by(items, key, extent);
      order = !order ? next
                     : items.generate({extent}, [&](const Point& p) { return p.read(*order, {p.read(next, {p[0]})}); });
    }
    outputs = permuted(*order);
  } else if (arrays.size() > 1 && keys == 1 && extent > counted_extent && !jaxc::is_complex(operands[0].dtype)) {
    // What is ordered along with the key stays outside, where an iota becomes the order itself.
    outputs = permuted(order_by(items, operands[0], extent));
  } else {
    const auto ordering = arrays.size() == 1 ? operands[0].ordering(ir::Ordering::Result::values) : std::nullopt;
    outputs =
        lowering.routine("sort", arrays, [&] { return permuted(leading_order(items, extent, before)); }, ordering);
  }
  for (std::size_t k = 0; k < arrays.size(); ++k) lowering.define(equation.outputs[k], outputs[k]);
}

namespace {

// A float's bits as an integer in the total order -NaN < -inf < ... < -0 < 0 < ... < inf < NaN, and back.
OpId total_order(RegionBuilder& builder, DType integer, OpId bits) {
  const auto width = static_cast<std::int64_t>(8 * element_bytes(integer));
  const OpId sign = builder.binary(Opcode::shift_right_arithmetic, bits, builder.integer(integer, width - 1));
  return builder.binary(Opcode::bit_xor, bits,
                        builder.binary(Opcode::shift_right_logical, sign, builder.integer(integer, 1)));
}

// The positions of the `count` largest integers, equal ones in order: each the first of the largest among those that
// come after the one before, by two folds.
Elements selected_order(const Items& items, const Key& key, std::int64_t extent, std::int64_t count) {
  const auto limit = [&](const Point& p, Opcode merge) {
    const DType dtype = key.read(p, p.integer(0)).dtype();
    return Scalar{&p.builder, p.builder.constant(identity_of(merge, dtype))};
  };
  const auto select_next = [&](const Items::Step& step) -> Items::Values {
    const Elements& last_key = step.carries[0];
    const Elements& last_place = step.carries[1];
    const auto remains = [&](const Point& p, const Scalar& value) {
      const Scalar last = p.read(last_key, {});
      return (value < last) | (equal(value, last) & (p.read(last_place, {}) < p[0]));
    };
    const Elements largest = items.reduce({}, {extent}, Opcode::max, [&](const Point& p) {
      const Scalar value = key.read(p, p[0]);
      return select(remains(p, value), value, limit(p, Opcode::max));
    });
    const Elements place = items.reduce({}, {extent}, Opcode::min, [&](const Point& p) {
      const Scalar value = key.read(p, p[0]);
      return select(remains(p, value) & equal(value, p.read(largest, {})), p[0], p.integer(extent));
    });
    return {.carries = {largest, place}, .outputs = {place}};
  };
  const Elements first_key = items.generate({}, [&](const Point& p) { return limit(p, Opcode::min); });
  const Elements before_all = items.generate({}, [](const Point& p) { return p.integer(-1); });
  return items.loop({.name = "top_k", .trip_count = count, .carries = {first_key, before_all}}, select_next).outputs[0];
}

}  // namespace

// The largest in total order, in which 0 comes before -0, so floats are ordered as integers.
void top_k(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.inputs[0]);
  const std::int64_t axis = equation.parameters.integer_or("axis", static_cast<std::int64_t>(type.shape.size()) - 1);
  const std::int64_t extent = type.shape[static_cast<std::size_t>(axis)];
  const std::int64_t count = equation.parameters.integer("k");
  const ArrayId given = lowering.array(equation.inputs[0]);
  const DType storage = lowering.dtype(given);
  const std::size_t bytes = element_bytes(storage);
  const bool floating = is_floating(type.dtype);
  const DType integer = bytes == 2 ? DType::i16 : bytes == 4 ? DType::i32 : DType::i64;
  const ArrayId keys = !floating ? given : lowering.map(type.shape, {given}, [&](RegionBuilder& b, auto values) {
    return total_order(b, integer, b.bitcast(integer, values[0]));
  });
  const Key operand{lowering, keys, floating ? integer : type.dtype, axis};
  const Items items = lines_of(lowering, type.shape, axis);
  const DType index = lowering.type(equation.outputs[1]).dtype;
  const Before before = [&](const Point& p, const Scalar& i, const Scalar& j) {
    return key_less(operand.read(p, j), operand.read(p, i));
  };
  const auto expansion = [&]() -> std::vector<ArrayId> {
    // A pass of a network takes a processor longer than four selections: it looks elements up.
    const std::int64_t passes = network_passes(extent) * (lowering.options().for_caches ? 4 : 1);
    const bool few = extent > counted_extent && count <= passes;
    const Elements order = few ? selected_order(items, operand, extent, count) : leading_order(items, extent, before);
    // Ranks lie along the last axis of the order; along the operand's axis in the results.
    Shape shape = type.shape;
    shape[static_cast<std::size_t>(axis)] = count;
    const ArrayId placed = lowering.generate(shape, [&](RegionBuilder& b, std::span<const OpId> axes) {
      std::vector<OpId> indices(axes.begin(), axes.end());
      indices.erase(indices.begin() + axis);
      indices.push_back(axes[static_cast<std::size_t>(axis)]);
      return b.convert(index, lowering.read(b, order.real, indices));
    });
    return {operand.permuted(items, order, count), placed};
  };
  const auto outputs =
      lowering.routine("top_k", {{operand.array}}, expansion, operand.ordering(ir::Ordering::Result::largest));
  const auto decoded = [&](RegionBuilder& b, std::span<const OpId> values) {
    return b.bitcast(storage, total_order(b, integer, values[0]));
  };
  const Shape shape = lowering.shape(outputs[0]);
  lowering.define(equation.outputs[0], floating ? lowering.map(shape, {outputs[0]}, decoded) : outputs[0]);
  lowering.define(equation.outputs[1], outputs[1]);
}

}  // namespace jaxc::compiler::lowering
