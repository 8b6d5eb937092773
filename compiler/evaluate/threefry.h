// The counter-based hash functions of random bits.
//
// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011).
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace jaxc::compiler {

/// Threefry-2x32 with 20 rounds.
inline std::array<std::uint32_t, 2> threefry(std::array<std::uint32_t, 2> key, std::array<std::uint32_t, 2> counter) {
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const std::array<std::uint32_t, 3> schedule = {key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA};
  std::uint32_t x = counter[0] + schedule[0];
  std::uint32_t y = counter[1] + schedule[1];
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (int rotation : rotations[round % 2]) {
      x += y;
      y = std::rotl(y, rotation) ^ x;
    }
    x += schedule[(round + 1) % 3];
    y += schedule[(round + 2) % 3] + round + 1;
  }
  return {x, y};
}

/// Philox-4x32 with 10 rounds.
inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 2> key, std::array<std::uint32_t, 4> counter) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{counter[0]} * 0xD2511F53;
    const std::uint64_t second = std::uint64_t{counter[2]} * 0xCD9E8D57;
    counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(second),
               static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(first)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

}  // namespace jaxc::compiler
