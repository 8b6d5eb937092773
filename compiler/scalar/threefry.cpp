// Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011), JAX's random bits.
#include <array>

#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

Scalar rotate_left(Scalar x, int amount) {
  return (x << amount) | (x >> (32 - amount));
}

/// The hash of a counter (two words) under a key (two words), packed as first | second << 32.
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

}  // namespace

std::vector<FunctionRow> threefry_functions() {
  const std::vector<DType> words(4, DType::u32);
  return {
      {"threefry2x32", words, [](ScalarCode&, std::span<const Scalar> a) { return threefry(a[0], a[1], a[2], a[3]); }}};
}

}  // namespace jaxc::compiler
