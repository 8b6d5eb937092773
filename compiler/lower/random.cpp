// Lowering of threefry keys (u32[..., 2]) and of random bits, bit for bit as JAX draws them.
#include "compiler/lower/rules.h"
#include "compiler/prims/gamma_sampler.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler::lowering {

using ir::ArrayId;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

namespace {

struct Words {
  OpId first;
  OpId second;
};

/// The position of a point in row-major order.
OpId position(RegionBuilder& builder, std::span<const OpId> axes, const Shape& shape) {
  ir::Index index;
  std::int64_t stride = 1;
  for (std::size_t k = axes.size(); k-- > 0; stride *= shape[k]) index.terms.push_back({stride, axes[k]});
  return builder.materialize(index);
}

/// The key of an operand of keys.
Words key_at(Lowering& lowering, RegionBuilder& builder, const ir::Atom& keys, const std::vector<ir::Index>& places) {
  const auto word = [&](std::int64_t number) {
    std::vector<ir::Index> indices = places;
    indices.push_back(fixed(number));
    return lowering.element(builder, keys, std::move(indices));
  };
  return {word(0), word(1)};
}

/// The high and the low 32 bits of a 64-bit integer.
Words halves(RegionBuilder& builder, OpId wide) {
  const OpId high = builder.binary(Opcode::shift_right_logical, wide, builder.integer(builder.dtype(wide), 32));
  return {builder.convert(DType::u32, high), builder.convert(DType::u32, wide)};
}

/// The two words of the hash, packed with the first in the low half.
OpId packed_hash(Lowering& lowering, RegionBuilder& builder, Words key, Words counter) {
  return lowering.call(builder, "threefry2x32", {key.first, key.second, counter.first, counter.second});
}

Words hash(Lowering& lowering, RegionBuilder& builder, Words key, Words counter) {
  const Words reversed = halves(builder, packed_hash(lowering, builder, key, counter));
  return {reversed.second, reversed.first};
}

/// Word number `place` of the hash of 0, 1, ..., count - 1, whose first half are first words and whose second
/// half are second words of the counters, a zero appended when the count is odd.
OpId word_of_list(Lowering& lowering, RegionBuilder& builder, Words key, OpId place, std::int64_t count) {
  const std::int64_t half = (count + 1) / 2;
  const auto constant = [&](std::int64_t value) { return builder.integer(DType::i64, value); };
  const OpId early = builder.binary(Opcode::lt, place, constant(half));
  const OpId lane = builder.select(early, place, builder.binary(Opcode::sub, place, constant(half)));
  OpId partner = builder.binary(Opcode::add, lane, constant(half));
  if (count % 2 == 1)
    partner = builder.select(builder.binary(Opcode::lt, partner, constant(count)), partner, constant(0));
  const Words counter = {builder.convert(DType::u32, lane), builder.convert(DType::u32, partner)};
  const Words hashed = hash(lowering, builder, key, counter);
  return builder.select(early, hashed.first, hashed.second);
}

/// An array of keys from the two words at each point.
void define_keys(Lowering& lowering, const Equation& equation,
                 const std::function<Words(RegionBuilder&, std::span<const OpId> axes)>& words) {
  const ir::Variable result = equation.outputs[0];
  lowering.define(result, lowering.generate(storage_shape(lowering.type(result)), [&](RegionBuilder& builder,
                                                                                      std::span<const OpId> axes) {
    const Words key = words(builder, axes.first(axes.size() - 1));
    const OpId first = builder.binary(Opcode::eq, axes.back(), builder.integer(DType::i64, 0));
    return builder.select(first, key.first, key.second);
  }));
}

/// Where an operand of a broadcasting equation is read: scalars have no axes, extents of 1 are at 0.
std::vector<ir::Index> places_of(Lowering& lowering, const ir::Atom& operand, std::span<const OpId> axes) {
  const Shape& shape = lowering.type(operand).shape;
  std::vector<ir::Index> places;
  for (std::size_t k = 0; k < shape.size(); ++k) places.push_back(shape[k] == 1 ? fixed(0) : at(axes[k]));
  return places;
}

OpId partitionable_bits(Lowering& lowering, RegionBuilder& builder, Words key, OpId place, DType dtype) {
  const Words hashed = hash(lowering, builder, key, halves(builder, place));
  if (dtype != DType::u64) return builder.convert(dtype, builder.binary(Opcode::bit_xor, hashed.first, hashed.second));
  const OpId high =
      builder.binary(Opcode::shift_left, builder.convert(DType::u64, hashed.first), builder.integer(DType::u64, 32));
  return builder.binary(Opcode::bit_or, high, builder.convert(DType::u64, hashed.second));
}

/// JAX's form before jax_threefry_partitionable.
OpId original_bits(Lowering& lowering, RegionBuilder& builder, Words key, OpId place, DType dtype, std::int64_t count) {
  const auto width = static_cast<std::int64_t>(8 * element_bytes(dtype));
  const std::int64_t words = (count * width + 31) / 32;
  const auto constant = [&](std::int64_t value) { return builder.integer(DType::i64, value); };
  if (width == 64) {
    const OpId high = word_of_list(lowering, builder, key, place, words);
    const OpId low = word_of_list(lowering, builder, key, builder.binary(Opcode::add, place, constant(count)), words);
    const OpId shifted =
        builder.binary(Opcode::shift_left, builder.convert(DType::u64, high), builder.integer(DType::u64, 32));
    return builder.binary(Opcode::bit_or, shifted, builder.convert(DType::u64, low));
  }
  const std::int64_t per_word = 32 / width;
  if (per_word == 1) return word_of_list(lowering, builder, key, place, words);
  const OpId word = word_of_list(lowering, builder, key, builder.binary(Opcode::div, place, constant(per_word)), words);
  const OpId lane = builder.binary(Opcode::rem, place, constant(per_word));
  const OpId shift = builder.convert(DType::u32, builder.binary(Opcode::mul, lane, constant(width)));
  return builder.convert(dtype, builder.binary(Opcode::shift_right_logical, word, shift));
}

}  // namespace

// A seed's high and low words; seeds below 64 bits have no high word.
void random_seed(Lowering& lowering, const Equation& equation) {
  const ir::Atom& seeds = equation.inputs[0];
  define_keys(lowering, equation, [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const OpId seed = lowering.element(builder, seeds, at(axes));
    if (element_bytes(builder.dtype(seed)) == 8) return halves(builder, seed);
    return Words{builder.integer(DType::u32, 0), builder.convert(DType::u32, seed)};
  });
}

void random_split(Lowering& lowering, const Equation& equation) {
  const ir::Atom& keys = equation.inputs[0];
  const std::size_t rank = lowering.type(keys).shape.size();
  const Shape shape = equation.parameters.integers("shape");
  const std::int64_t count = element_count(shape);
  define_keys(lowering, equation, [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const Words key = key_at(lowering, builder, keys, at(axes.first(rank)));
    const OpId place = position(builder, axes.subspan(rank), shape);
    if (lowering.options().threefry_partitionable) return hash(lowering, builder, key, halves(builder, place));
    const OpId even = builder.binary(Opcode::mul, place, builder.integer(DType::i64, 2));
    const OpId odd = builder.binary(Opcode::add, even, builder.integer(DType::i64, 1));
    const OpId first = word_of_list(lowering, builder, key, even, 2 * count);
    return Words{first, word_of_list(lowering, builder, key, odd, 2 * count)};
  });
}

// The key's hash of the data as a 32-bit seed.
void random_fold_in(Lowering& lowering, const Equation& equation) {
  const ir::Atom& keys = equation.inputs[0];
  const ir::Atom& data = equation.inputs[1];
  define_keys(lowering, equation, [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const Words key = key_at(lowering, builder, keys, places_of(lowering, keys, axes));
    const OpId value = lowering.element(builder, data, places_of(lowering, data, axes));
    return hash(lowering, builder, key, {builder.integer(DType::u32, 0), builder.convert(DType::u32, value)});
  });
}

void random_bits(Lowering& lowering, const Equation& equation) {
  const ir::Atom& keys = equation.inputs[0];
  const ir::Variable result = equation.outputs[0];
  const Type& type = lowering.type(result);
  const std::size_t rank = lowering.type(keys).shape.size();
  const Shape shape = equation.parameters.integers("shape");
  const std::int64_t count = element_count(shape);
  lowering.define(result, lowering.generate(type.shape, [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const Words key = key_at(lowering, builder, keys, at(axes.first(rank)));
    const OpId place = position(builder, axes.subspan(rank), shape);
    return lowering.options().threefry_partitionable ? partitionable_bits(lowering, builder, key, place, type.dtype)
                                                     : original_bits(lowering, builder, key, place, type.dtype, count);
  }));
}

void random_gamma(Lowering& lowering, const Equation& equation) {
  const std::vector<ArrayId> operands = lowering.arrays(equation.inputs);
  const ir::Jaxpr sampler = gamma_sampler(lowering.type(equation.inputs[0]).shape, lowering.type(equation.outputs[0]),
                                          equation.parameters.boolean_or("log_space", true));
  lowering.define(equation.outputs[0], lowering.lower_jaxpr(sampler, operands).at(0));
}

// Keys are their words.
void random_wrap(Lowering& lowering, const Equation& equation) {
  lowering.define(equation.outputs[0], lowering.array(equation.inputs[0]));
}

void random_unwrap(Lowering& lowering, const Equation& equation) {
  lowering.define(equation.outputs[0], lowering.array(equation.inputs[0]));
}

// One nest computes both words.
void threefry2x32(Lowering& lowering, const Equation& equation) {
  const Shape shape = lowering.type(equation.outputs[0]).shape;
  RegionBuilder builder;
  ir::Nest nest;
  std::vector<OpId> axes;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    nest.axes.push_back({shape[k], ir::AxisKind::parallel});
    axes.push_back(builder.axis(static_cast<int>(k)));
  }
  const auto word = [&](std::size_t k) {
    const ir::Atom& operand = equation.inputs[k];
    return lowering.element(builder, operand, places_of(lowering, operand, axes));
  };
  const Words key = {word(0), word(1)};
  const Words counter = {word(2), word(3)};
  const Words hashed = hash(lowering, builder, key, counter);
  for (std::size_t k = 0; k < 2; ++k) {
    const ArrayId result = lowering.new_array(DType::u32, shape);
    nest.outputs.push_back({result, std::nullopt, at(axes), std::nullopt, std::nullopt});
    lowering.define(equation.outputs[k], result);
  }
  nest.body = builder.finish({hashed.first, hashed.second});
  lowering.emit(std::move(nest));
}

}  // namespace jaxc::compiler::lowering
