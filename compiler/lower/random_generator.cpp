// Lowering of rng_bit_generator: XLA's own counter-based generators, Philox and threefry.
#include "compiler/lower/rules.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler::lowering {

using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

namespace {

/// A key's two 64-bit halves; the second one counts.
struct State {
  OpId key;
  OpId counter;
};

struct Halves {
  OpId low;
  OpId high;
};

Halves halves(RegionBuilder& builder, OpId wide) {
  const OpId high = builder.binary(Opcode::shift_right_logical, wide, builder.integer(DType::u64, 32));
  return {builder.convert(DType::u32, wide), builder.convert(DType::u32, high)};
}

OpId joined(RegionBuilder& builder, OpId low, OpId high) {
  const OpId shifted =
      builder.binary(Opcode::shift_left, builder.convert(DType::u64, high), builder.integer(DType::u64, 32));
  return builder.binary(Opcode::bit_or, shifted, builder.convert(DType::u64, low));
}

/// The key is u64[2], or u32[4] with low words first.
State load_state(Lowering& lowering, RegionBuilder& builder, const ir::Atom& key) {
  const auto word = [&](std::int64_t place) { return lowering.element(builder, key, {fixed(place)}); };
  if (lowering.type(key).dtype == DType::u64) return {word(0), word(1)};
  return {joined(builder, word(0), word(1)), joined(builder, word(2), word(3))};
}

OpId unsigned_constant(RegionBuilder& builder, std::int64_t value) {
  return builder.integer(DType::u64, value);
}

/// Both words of threefry's block at a position, the first in the low half.
OpId threefry_block(Lowering& lowering, RegionBuilder& builder, const State& state, OpId position) {
  const Halves key = halves(builder, state.key);
  const Halves counter = halves(builder, builder.binary(Opcode::add, state.counter, position));
  return lowering.call(builder, "threefry2x32", {key.low, key.high, counter.low, counter.high});
}

/// Word number `place` of Philox, whose counter is 128 bits wide: the state's counter below its key.
OpId philox_word(Lowering& lowering, RegionBuilder& builder, const State& state, OpId place) {
  const OpId block = builder.binary(Opcode::shift_right_logical, place, unsigned_constant(builder, 2));
  const OpId lane = builder.convert(DType::u32, builder.binary(Opcode::bit_and, place, unsigned_constant(builder, 3)));
  const OpId counter = builder.binary(Opcode::add, state.counter, block);
  const OpId carry = builder.convert(DType::u64, builder.binary(Opcode::lt, counter, state.counter));
  const Halves key = halves(builder, state.key);
  const Halves low = halves(builder, counter);
  const Halves high = halves(builder, builder.binary(Opcode::add, state.key, carry));
  return lowering.call(builder, "philox4x32", {key.low, key.high, low.low, low.high, high.low, high.high, lane});
}

/// The axis that XLA halves: the first even one, or else the longest.
std::size_t split_axis(const Shape& shape) {
  std::size_t longest = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] % 2 == 0) return axis;
    if (shape[axis] > shape[longest]) longest = axis;
  }
  return longest;
}

/// The position of a point in row-major order, u64.
OpId row_major(RegionBuilder& builder, std::span<const OpId> axes, const Shape& shape) {
  ir::Index index;
  std::int64_t stride = 1;
  for (std::size_t k = axes.size(); k-- > 0; stride *= shape[k]) index.terms.push_back({stride, axes[k]});
  return builder.convert(DType::u64, builder.materialize(index));
}

/// Threefry's words of 32 bits: neighbours along the split axis are the two words of a block.
OpId threefry_word(Lowering& lowering, RegionBuilder& builder, const State& state, std::span<const OpId> axes,
                   const Shape& shape) {
  std::vector<OpId> places(axes.begin(), axes.end());
  Shape half = shape;
  OpId odd = builder.boolean(false);
  if (!shape.empty()) {
    const std::size_t axis = split_axis(shape);
    half[axis] = (shape[axis] + 1) / 2;
    const OpId one = builder.integer(DType::i64, 1);
    odd = builder.binary(Opcode::eq, builder.binary(Opcode::bit_and, axes[axis], one), one);
    places[axis] = builder.binary(Opcode::shift_right_logical, axes[axis], one);
  }
  const Halves words = halves(builder, threefry_block(lowering, builder, state, row_major(builder, places, half)));
  return builder.select(odd, words.high, words.low);
}

bool uses_threefry(const Equation& equation) {
  const ir::Parameter* algorithm = equation.parameters.find("algorithm");
  if (algorithm == nullptr) return false;
  const auto* symbol = std::get_if<ir::Parameter::Symbol>(&algorithm->value);
  const auto* number = std::get_if<std::int64_t>(&algorithm->value);
  return (symbol != nullptr && symbol->text.ends_with("RNG_THREE_FRY")) || (number != nullptr && *number == 1);
}

/// How far the counter moves.
std::int64_t blocks_used(const Shape& shape, bool threefry, bool wide) {
  const std::int64_t count = element_count(shape);
  if (!threefry) return ((wide ? 2 * count : count) + 3) / 4;
  if (wide || shape.empty()) return count;
  Shape half = shape;
  const std::size_t axis = split_axis(shape);
  half[axis] = (shape[axis] + 1) / 2;
  return element_count(half);
}

}  // namespace

// XLA's default on a CPU is Philox. Dtypes narrower than 32 bits keep the low bits of words.
void rng_bit_generator(Lowering& lowering, const Equation& equation) {
  const ir::Atom& key = equation.inputs[0];
  const Type& type = lowering.type(equation.outputs[1]);
  const bool threefry = uses_threefry(equation);
  const bool wide = element_bytes(type.dtype) == 8;
  const Shape& shape = type.shape;
  const auto bits = [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const State state = load_state(lowering, builder, key);
    if (threefry && !wide) return builder.convert(type.dtype, threefry_word(lowering, builder, state, axes, shape));
    const OpId place = row_major(builder, axes, shape);
    if (threefry) return threefry_block(lowering, builder, state, place);
    if (!wide) return builder.convert(type.dtype, philox_word(lowering, builder, state, place));
    const OpId first = builder.binary(Opcode::shift_left, place, unsigned_constant(builder, 1));
    const OpId second = builder.binary(Opcode::add, first, unsigned_constant(builder, 1));
    const OpId low = philox_word(lowering, builder, state, first);
    return joined(builder, low, philox_word(lowering, builder, state, second));
  };
  const auto next_key = [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const State state = load_state(lowering, builder, key);
    const OpId used = unsigned_constant(builder, blocks_used(shape, threefry, wide));
    const OpId counter = builder.binary(Opcode::add, state.counter, used);
    const auto at_place = [&](std::int64_t place) {
      return builder.binary(Opcode::eq, axes[0], builder.integer(DType::i64, place));
    };
    if (lowering.type(key).dtype == DType::u64) return builder.select(at_place(0), state.key, counter);
    const Halves kept = halves(builder, state.key);
    const Halves counted = halves(builder, counter);
    const OpId upper = builder.select(at_place(2), counted.low, counted.high);
    return builder.select(at_place(0), kept.low, builder.select(at_place(1), kept.high, upper));
  };
  lowering.define(equation.outputs[1], lowering.generate(shape, bits));
  lowering.define(equation.outputs[0], lowering.generate(lowering.type(key).shape, next_key));
}

}  // namespace jaxc::compiler::lowering
