// Evaluation of threefry keys and of random bits.
#include <array>
#include <cstring>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/threefry.h"
#include "compiler/evaluate/values.h"
#include "compiler/prims/gamma_sampler.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;
using Word = std::uint32_t;
using Pair = std::array<Word, 2>;

// The hash of a list of words: the first half are first words, the second half second words, zero-padded.
std::vector<Word> threefry_list(Pair key, std::vector<Word> counters) {
  const std::size_t size = counters.size();
  if (size % 2 == 1) counters.push_back(0);
  const std::size_t half = counters.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const Pair hashed = threefry(key, {counters[i], counters[half + i]});
    counters[i] = hashed[0];
    counters[half + i] = hashed[1];
  }
  counters.resize(size);
  return counters;
}

std::vector<Word> counting(std::size_t count) {
  std::vector<Word> counters(count);
  for (std::size_t i = 0; i < count; ++i) counters[i] = static_cast<Word>(i);
  return counters;
}

// A key is two words in memory.
std::vector<Pair> load_keys(const Array& array, std::size_t count) {
  std::vector<Pair> keys(count);
  if (count > 0) std::memcpy(keys.data(), array.bytes().data(), count * sizeof(Pair));
  return keys;
}

Array store_keys(const Type& type, const std::vector<Pair>& keys) {
  Array result(type);
  if (!keys.empty()) std::memcpy(result.mutable_bytes().data(), keys.data(), keys.size() * sizeof(Pair));
  return result;
}

std::size_t count_of(const Shape& shape) {
  return static_cast<std::size_t>(element_count(shape));
}

Pair counter_at(std::size_t position) {
  return {static_cast<Word>(std::uint64_t{position} >> 32), static_cast<Word>(position)};
}

Pair seeded(std::uint64_t seed) {
  return {static_cast<Word>(seed >> 32), static_cast<Word>(seed)};
}

// Seeds narrower than 64 bits are sign-extended within 32 bits: their high word is 0.
Results seed_keys(const Application& application) {
  const Type& type = application.operands[0].type();
  std::vector<Pair> keys;
  for (std::uint64_t seed : load<std::uint64_t>(application.operands[0])) {
    keys.push_back(seeded(element_bytes(type.dtype) == 8 ? seed : seed & 0xFFFFFFFF));
  }
  return {store_keys(application.types[0], keys)};
}

Results split_keys(const Application& application) {
  const std::size_t parents = count_of(application.operands[0].type().shape);
  const std::size_t each = count_of(application.parameters().integers("shape"));
  std::vector<Pair> keys;
  for (const Pair& parent : load_keys(application.operands[0], parents)) {
    if (application.options.threefry_partitionable) {
      for (std::size_t i = 0; i < each; ++i) keys.push_back(threefry(parent, counter_at(i)));
    } else {
      const auto words = threefry_list(parent, counting(2 * each));
      for (std::size_t i = 0; i < each; ++i) keys.push_back({words[2 * i], words[2 * i + 1]});
    }
  }
  return {store_keys(application.types[0], keys)};
}

Results fold_in(const Application& application) {
  const Type& type = application.types[0];
  const auto places = broadcast_places(application.operands[0].type().shape, type.shape);
  const auto keys = load_keys(application.operands[0], count_of(application.operands[0].type().shape));
  const auto data = load<std::uint64_t>(application.operands[1], type.shape);
  std::vector<Pair> results;
  for (std::size_t i = 0; i < places.size(); ++i) {
    results.push_back(threefry(keys[places[i]], seeded(data[i] & 0xFFFFFFFF)));
  }
  return {store_keys(type, results)};
}

std::vector<std::uint64_t> partitionable_bits(Pair key, std::size_t count, std::int64_t width) {
  std::vector<std::uint64_t> bits;
  for (std::size_t i = 0; i < count; ++i) {
    const Pair hashed = threefry(key, counter_at(i));
    bits.push_back(width == 64 ? std::uint64_t{hashed[0]} << 32 | hashed[1] : std::uint64_t{hashed[0] ^ hashed[1]});
  }
  return bits;
}

// JAX's form before jax_threefry_partitionable.
std::vector<std::uint64_t> original_bits(Pair key, std::size_t count, std::int64_t width) {
  const std::size_t words = (count * static_cast<std::size_t>(width) + 31) / 32;
  const auto hashed = threefry_list(key, counting(words));
  std::vector<std::uint64_t> bits;
  for (std::size_t i = 0; i < count; ++i) {
    if (width == 64) {
      bits.push_back(std::uint64_t{hashed[i]} << 32 | hashed[count + i]);
    } else {
      const std::size_t per_word = 32 / static_cast<std::size_t>(width);
      bits.push_back(hashed[i / per_word] >> (i % per_word * static_cast<std::size_t>(width)));
    }
  }
  return bits;
}

Results random_words(const Application& application) {
  const std::size_t parents = count_of(application.operands[0].type().shape);
  const std::size_t each = count_of(application.parameters().integers("shape"));
  const std::int64_t width = application.parameters().integer("bit_width");
  std::vector<std::uint64_t> results;
  for (const Pair& key : load_keys(application.operands[0], parents)) {
    const auto bits = application.options.threefry_partitionable ? partitionable_bits(key, each, width)
                                                                 : original_bits(key, each, width);
    results.insert(results.end(), bits.begin(), bits.end());
  }
  return {store(application.types[0], results)};
}

Results hash(const Application& application) {
  const Shape& shape = application.types[0].shape;
  std::array<std::vector<std::uint64_t>, 4> words;
  for (std::size_t i = 0; i < 4; ++i) words[i] = load<std::uint64_t>(application.operands[i], shape);
  std::vector<std::uint64_t> first;
  std::vector<std::uint64_t> second;
  for (std::size_t i = 0; i < words[0].size(); ++i) {
    const Pair hashed = threefry({static_cast<Word>(words[0][i]), static_cast<Word>(words[1][i])},
                                 {static_cast<Word>(words[2][i]), static_cast<Word>(words[3][i])});
    first.push_back(hashed[0]);
    second.push_back(hashed[1]);
  }
  return {store(application.types[0], first), store(application.types[1], second)};
}

}  // namespace

namespace evaluators {

Results random_seed(const Application& a) {
  return seed_keys(a);
}
Results random_split(const Application& a) {
  return split_keys(a);
}
Results random_fold_in(const Application& a) {
  return fold_in(a);
}
Results random_bits(const Application& a) {
  return random_words(a);
}
Results random_gamma(const Application& a) {
  const ir::Jaxpr sampler =
      gamma_sampler(a.operands[0].type().shape, a.types[0], a.parameters().boolean_or("log_space", true));
  return a.call(sampler, a.operands);
}
Results random_wrap(const Application& a) {
  return {Array(a.types[0], a.operands[0].bytes())};
}
Results random_unwrap(const Application& a) {
  return {Array(a.types[0], a.operands[0].bytes())};
}
Results threefry2x32(const Application& a) {
  return hash(a);
}

}  // namespace evaluators

}  // namespace jaxc::compiler
