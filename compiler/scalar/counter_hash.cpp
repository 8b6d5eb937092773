// The counter-based hash functions of random bits (Salmon, Moraes, Dror, Shaw: Parallel random numbers, 2011).
#include <array>

#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

Scalar rotate_left(Scalar x, int amount) {
  return (x << amount) | (x >> (32 - amount));
}

/// Threefry-2x32 with 20 rounds: the hash of a counter (two words) under a key (two words), packed as first | second
/// << 32.
Scalar threefry(Scalar key0, Scalar key1, Scalar counter0, Scalar counter1) {
  constexpr std::array<std::array<int, 4>, 2> rotations = {{{13, 15, 26, 6}, {17, 29, 16, 24}}};
  const std::array<Scalar, 3> key = {key0, key1, key0 ^ key1 ^ static_cast<double>(0x1bd11bda)};
  Scalar x0 = counter0 + key0;
  Scalar x1 = counter1 + key1;
  for (int group = 0; group < 5; ++group) {
    for (int amount : rotations[group % 2]) {
      x0 = x0 + x1;
      x1 = rotate_left(x1, amount) ^ x0;
    }
    x0 = x0 + key[(group + 1) % 3];
    x1 = x1 + key[(group + 2) % 3] + static_cast<double>(group + 1);
  }
  return convert(DType::u64, x0) | (convert(DType::u64, x1) << 32);
}

/// Philox-4x32 with 10 rounds: word number `lane` of the hash of a counter (four words) under a key (two words).
Scalar philox(std::array<Scalar, 2> key, std::array<Scalar, 4> counter, Scalar lane) {
  const auto high = [](Scalar a, Scalar b) { return a.code->binary(ir::Opcode::mul_high, a, b); };
  for (int round = 0; round < 10; ++round) {
    const Scalar first = like(counter[0], 0xd2511f53);
    const Scalar second = like(counter[2], 0xcd9e8d57);
    counter = {high(counter[2], second) ^ counter[1] ^ key[0], counter[2] * second,
               high(counter[0], first) ^ counter[3] ^ key[1], counter[0] * first};
    key = {key[0] + static_cast<double>(0x9e3779b9), key[1] + static_cast<double>(0xbb67ae85)};
  }
  return select(lane < 2.0, select(lane == 0.0, counter[0], counter[1]), select(lane == 2.0, counter[2], counter[3]));
}

}  // namespace

std::vector<FunctionRow> random_functions() {
  const auto words = [](std::size_t count) { return std::vector<DType>(count, DType::u32); };
  return {{"threefry2x32", words(4),
           [](ScalarCode&, std::span<const Scalar> a) { return threefry(a[0], a[1], a[2], a[3]); }},
          {"philox4x32", words(7), [](ScalarCode&, std::span<const Scalar> a) {
             return philox({a[0], a[1]}, {a[2], a[3], a[4], a[5]}, a[6]);
           }}};
}

}  // namespace jaxc::compiler
