// Sorts: by counting for short axes, by a bitonic network on positions for long ones; both are stable.
#include <bit>

#include "compiler/lower/routines/batched.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

constexpr std::int64_t counted_extent = 64;

// JAX's order of sort keys: -0 equals 0, every NaN is equal and last.
OpId key_less(RegionBuilder& b, OpId left, OpId right) {
  const OpId smaller = less(b, left, right);
  if (!is_floating(b.dtype(left))) return smaller;
  const OpId right_only =
      both(b, b.unary(Opcode::is_nan, right), b.unary(Opcode::bit_not, b.unary(Opcode::is_nan, left)));
  return either(b, smaller, right_only);
}

OpId key_equal(RegionBuilder& b, OpId left, OpId right) {
  const OpId same = equal(b, left, right);
  if (!is_floating(b.dtype(left))) return same;
  return either(b, same, both(b, b.unary(Opcode::is_nan, left), b.unary(Opcode::is_nan, right)));
}

// A key in the type that comparisons are done in.
OpId compared(Lowering& lowering, RegionBuilder& b, DType dtype, OpId stored) {
  if (dtype == DType::bf16) return lowering.call(b, "f32_from_bf16", {stored});
  if (dtype == DType::f16) return lowering.call(b, "f32_from_f16", {stored});
  return stored;
}

// Rank by counting: elements that come before, in any place, and equal ones at earlier places.
ArrayId counted_ranks(const Batched& item, std::int64_t extent, const Precedes& before) {
  return item.reduce({extent}, {extent}, Opcode::add, DType::i64, [&](RegionBuilder& b, auto batch, auto axes) {
    const OpId i = axes[0];
    const OpId j = axes[1];
    const OpId tie = both(b, less(b, j, i), b.unary(Opcode::bit_not, before(b, batch, i, j)));
    return b.convert(DType::i64, either(b, before(b, batch, j, i), tie));
  });
}

// order[r] is the element of rank r: a bitonic network over positions, padded with positions past the end,
// which come last (Batcher 1968). Ties go by position, so the network sorts stably.
ArrayId network_order(Lowering& lowering, const Batched& item, std::int64_t extent, const Precedes& before) {
  const auto padded = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(extent)));
  const int stages = std::countr_zero(static_cast<std::uint64_t>(padded));
  const ArrayId identity = item.generate({padded}, [](RegionBuilder&, auto, auto axes) { return axes[0]; });
  const auto exchange = [&](ArrayId order, ArrayId size, ArrayId distance) {
    return item.generate({padded}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId here = axes[0];
      const OpId partner = b.binary(Opcode::bit_xor, here, lowering.read_scalar(b, distance));
      const OpId mine = item.read(b, order, batch, {here});
      const OpId other = item.read(b, order, batch, {partner});
      const OpId last = b.integer(DType::i64, extent - 1);
      const OpId mine_inside = b.binary(Opcode::min, mine, last);
      const OpId other_inside = b.binary(Opcode::min, other, last);
      const OpId past_end = less(b, last, b.binary(Opcode::max, mine, other));
      const OpId by_position = less(b, other, mine);
      const OpId tie = both(b, by_position, b.unary(Opcode::bit_not, before(b, batch, mine_inside, other_inside)));
      const OpId other_first =
          b.select(past_end, by_position, either(b, before(b, batch, other_inside, mine_inside), tie));
      const OpId zero = b.integer(DType::i64, 0);
      const OpId ascending = equal(b, b.binary(Opcode::bit_and, here, lowering.read_scalar(b, size)), zero);
      const OpId lower_half = less(b, here, partner);
      const OpId keep_first = equal(b, ascending, lower_half);
      return b.select(equal(b, keep_first, other_first), other, mine);
    });
  };
  const auto power = [&](ArrayId exponent) {
    return lowering.map({}, {exponent}, [](RegionBuilder& b, auto values) {
      return b.binary(Opcode::shift_left, b.integer(DType::i64, 1), values[0]);
    });
  };
  return lowering
      .loop({.name = "sort", .trip_count = stages, .carries = {identity}},
            [&](const LoopArguments& outer) -> LoopValues {
              const ArrayId size = lowering.map({}, {outer.position}, [](RegionBuilder& b, auto values) {
                return b.binary(Opcode::shift_left, b.integer(DType::i64, 2), values[0]);
              });
              // Distances size/2 ... 1: steps above this stage's do nothing, since they compare nothing.
              const std::vector<ArrayId> values = lowering.loop_while(
                  "sort", {{outer.position, outer.carries[0]}},
                  [&](auto carries) {
                    return lowering.map({}, {carries[0]}, [](RegionBuilder& b, auto exponent) {
                      return b.binary(Opcode::le, b.integer(DType::i64, 0), exponent[0]);
                    });
                  },
                  [&](auto carries) -> std::vector<ArrayId> {
                    const ArrayId sorted = exchange(carries[1], size, power(carries[0]));
                    const ArrayId smaller = lowering.map({}, {carries[0]}, [](RegionBuilder& b, auto exponent) {
                      return b.binary(Opcode::sub, exponent[0], b.integer(DType::i64, 1));
                    });
                    return {smaller, sorted};
                  });
              return {{values[1]}, {}};
            })
      .carries[0];
}

// The permutation of `count` leading ranks: order[r] is the element of rank r.
ArrayId leading_order(Lowering& lowering, const Batched& item, std::int64_t extent, const Precedes& before) {
  if (extent > counted_extent) return network_order(lowering, item, extent, before);
  const ArrayId rank = counted_ranks(item, extent, before);
  const ArrayId zeros = lowering.fill(ir::constant_of_integer(DType::i64, 0), item.shape({extent}));
  return item.update(zeros, {extent}, [&](RegionBuilder& b, auto batch, auto axes) {
    return Batched::ItemStore{axes[0], {item.read(b, rank, batch, {axes[0]})}};
  });
}

}  // namespace

ArrayId ranks(Lowering& lowering, const Shape& batch, std::int64_t extent, const Precedes& before) {
  return counted_ranks(Batched(lowering, batch), extent, before);
}

void sort(Lowering& lowering, const Equation& equation) {
  const std::int64_t axis = equation.parameters.integer("dimension");
  const auto keys = static_cast<std::size_t>(equation.parameters.integer_or("num_keys", 1));
  const std::vector<ArrayId> operands = lowering.arrays(equation.inputs);
  for (std::size_t k = 0; k < keys; ++k)
    if (is_complex(lowering.type(equation.inputs[k]).dtype)) lowering.fail("complex keys cannot be lowered");
  const Shape shape = lowering.type(equation.inputs[0]).shape;
  const std::int64_t extent = shape[static_cast<std::size_t>(axis)];
  if (element_count(shape) == 0 || extent == 1) {
    for (std::size_t k = 0; k < operands.size(); ++k) lowering.define(equation.outputs[k], operands[k]);
    return;
  }
  Shape batch = shape;
  batch.erase(batch.begin() + axis);
  const Batched item(lowering, batch);
  const auto place = [&](std::span<const OpId> batch_axes, OpId position) {
    std::vector<OpId> indices(batch_axes.begin(), batch_axes.end());
    indices.insert(indices.begin() + axis, position);
    return indices;
  };
  const auto key = [&](RegionBuilder& b, std::size_t k, auto batch_axes, OpId position) {
    return compared(lowering, b, lowering.type(equation.inputs[k]).dtype,
                    lowering.read(b, operands[k], place(batch_axes, position)));
  };
  const Precedes before = [&](RegionBuilder& b, std::span<const OpId> batch_axes, OpId i, OpId j) {
    OpId result = b.boolean(false);
    for (std::size_t k = keys; k-- > 0;) {
      const OpId left = key(b, k, batch_axes, i);
      const OpId right = key(b, k, batch_axes, j);
      const OpId decided = key_less(b, left, right);
      result = k + 1 == keys ? decided : either(b, decided, both(b, key_equal(b, left, right), result));
    }
    return result;
  };
  const auto outputs = lowering.routine("sort", operands, [&] {
    const ArrayId order = leading_order(lowering, item, extent, before);
    std::vector<ArrayId> sorted;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const std::size_t parts = lowering.shape(operands[k]).size() - shape.size();
      sorted.push_back(lowering.generate(lowering.shape(operands[k]), [&](RegionBuilder& b, auto axes) {
        std::vector<OpId> batch_axes(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(shape.size()));
        const OpId position = batch_axes[static_cast<std::size_t>(axis)];
        batch_axes.erase(batch_axes.begin() + axis);
        std::vector<OpId> indices = place(batch_axes, item.read(b, order, batch_axes, {position}));
        for (std::size_t part = 0; part < parts; ++part) indices.push_back(axes[shape.size() + part]);
        return lowering.read(b, operands[k], indices);
      }));
    }
    return sorted;
  });
  for (std::size_t k = 0; k < operands.size(); ++k) lowering.define(equation.outputs[k], outputs[k]);
}

void top_k(Lowering& lowering, const Equation& equation) {
  const ArrayId operand = lowering.array(equation.inputs[0]);
  const DType dtype = lowering.type(equation.inputs[0]).dtype;
  const Shape shape = lowering.shape(operand);
  const auto axis =
      static_cast<std::size_t>(equation.parameters.integer_or("axis", static_cast<std::int64_t>(shape.size()) - 1));
  if (axis + 1 != shape.size()) lowering.fail("only the last axis can be lowered");
  const std::int64_t count = equation.parameters.integer("k");
  const Batched item(lowering, Batched::batch_of(shape, 1));
  const Precedes before = [&](RegionBuilder& b, std::span<const OpId> batch, OpId i, OpId j) {
    return key_less(b, compared(lowering, b, dtype, item.read(b, operand, batch, {j})),
                    compared(lowering, b, dtype, item.read(b, operand, batch, {i})));
  };
  const auto outputs = lowering.routine("top_k", {{operand}}, [&]() -> std::vector<ArrayId> {
    const ArrayId order = leading_order(lowering, item, shape.back(), before);
    const ArrayId values = item.generate({count}, [&](RegionBuilder& b, auto batch, auto axes) {
      return item.read(b, operand, batch, {item.read(b, order, batch, {axes[0]})});
    });
    const DType index = lowering.type(equation.outputs[1]).dtype;
    const ArrayId positions = item.generate({count}, [&](RegionBuilder& b, auto batch, auto axes) {
      return b.convert(index, item.read(b, order, batch, {axes[0]}));
    });
    return {values, positions};
  });
  lowering.define(equation.outputs[0], outputs[0]);
  lowering.define(equation.outputs[1], outputs[1]);
}

}  // namespace jaxc::compiler::lowering
