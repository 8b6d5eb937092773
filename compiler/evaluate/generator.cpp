// Evaluation of rng_bit_generator, XLA's own counter-based generators.
#include <cstring>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/threefry.h"
#include "compiler/evaluate/values.h"

namespace jaxc::compiler {

namespace {

// A key's two halves; the second one counts.
struct State {
  std::uint64_t key = 0;
  std::uint64_t counter = 0;
};

std::uint32_t low(std::uint64_t x) {
  return static_cast<std::uint32_t>(x);
}
std::uint32_t high(std::uint64_t x) {
  return static_cast<std::uint32_t>(x >> 32);
}
std::uint64_t joined(std::uint32_t low_word, std::uint32_t high_word) {
  return std::uint64_t{high_word} << 32 | low_word;
}

std::array<std::uint32_t, 2> threefry_block(const State& state, std::int64_t position) {
  const std::uint64_t counter = state.counter + static_cast<std::uint64_t>(position);
  return threefry({low(state.key), high(state.key)}, {low(counter), high(counter)});
}

// The axis that XLA halves: the first even one, or else the longest.
std::size_t split_axis(const Shape& shape) {
  std::size_t longest = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] % 2 == 0) return axis;
    if (shape[axis] > shape[longest]) longest = axis;
  }
  return longest;
}

// Neighbours along one axis are the two words of a block.
std::vector<std::uint64_t> threefry_words(State& state, const Shape& shape) {
  if (shape.empty()) return threefry_words(state, {1});
  const std::size_t axis = split_axis(shape);
  Shape half = shape;
  half[axis] = (shape[axis] + 1) / 2;
  const Index strides = row_major_strides(half);
  std::vector<std::uint64_t> words;
  for_each_index(shape, [&](Index index) {
    const std::int64_t word = index[axis] % 2;
    index[axis] /= 2;
    words.push_back(threefry_block(state, place_of(index, strides))[word]);
  });
  state.counter += static_cast<std::uint64_t>(element_count(half));
  return words;
}

std::vector<std::uint64_t> threefry_pairs(State& state, std::int64_t count) {
  std::vector<std::uint64_t> pairs;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto block = threefry_block(state, i);
    pairs.push_back(joined(block[0], block[1]));
  }
  state.counter += static_cast<std::uint64_t>(count);
  return pairs;
}

// The counter is 128 bits wide: the state's counter below its key.
std::vector<std::uint64_t> philox_words(State& state, std::int64_t count) {
  std::vector<std::uint64_t> words;
  for (std::uint64_t block = 0; std::cmp_less(words.size(), count); ++block) {
    const std::uint64_t counter = state.counter + block;
    const std::uint64_t above = state.key + (counter < state.counter ? 1 : 0);
    for (std::uint32_t word :
         philox({low(state.key), high(state.key)}, {low(counter), high(counter), low(above), high(above)})) {
      words.push_back(word);
    }
  }
  state.counter += words.size() / 4;
  words.resize(static_cast<std::size_t>(count));
  return words;
}

std::vector<std::uint64_t> paired(const std::vector<std::uint64_t>& words) {
  std::vector<std::uint64_t> pairs;
  for (std::size_t i = 0; i < words.size(); i += 2) pairs.push_back(joined(low(words[i]), low(words[i + 1])));
  return pairs;
}

bool uses_threefry(const Application& application) {
  const ir::Parameter* algorithm = application.parameters().find("algorithm");
  if (algorithm == nullptr) return false;
  const auto* symbol = std::get_if<ir::Parameter::Symbol>(&algorithm->value);
  const auto* number = std::get_if<std::int64_t>(&algorithm->value);
  return (symbol != nullptr && symbol->text.ends_with("RNG_THREE_FRY")) || (number != nullptr && *number == 1);
}

}  // namespace

// XLA's default on a CPU is Philox. Dtypes narrower than 32 bits keep the low bits of words.
std::vector<Array> evaluators::rng_bit_generator(const Application& a) {
  const Type& type = a.types[1];
  const std::int64_t count = element_count(type.shape);
  const bool wide = element_bytes(type.dtype) == 8;
  State state;
  std::memcpy(&state, a.operands[0].bytes().data(), sizeof(State));
  std::vector<std::uint64_t> bits;
  if (uses_threefry(a)) {
    bits = wide ? threefry_pairs(state, count) : threefry_words(state, type.shape);
  } else {
    bits = wide ? paired(philox_words(state, 2 * count)) : philox_words(state, count);
  }
  Array key(a.types[0]);
  std::memcpy(key.mutable_bytes().data(), &state, sizeof(State));
  return {key, store(type, bits)};
}

}  // namespace jaxc::compiler
