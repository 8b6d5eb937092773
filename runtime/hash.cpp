// XXH64, after its specification.
#include "runtime/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

static_assert(std::endian::native == std::endian::little, "the hash reads little-endian words");

namespace jaxc::runtime {

namespace {

constexpr std::uint64_t prime1 = 0x9E3779B185EBCA87;
constexpr std::uint64_t prime2 = 0xC2B2AE3D27D4EB4F;
constexpr std::uint64_t prime3 = 0x165667B19E3779F9;
constexpr std::uint64_t prime4 = 0x85EBCA77C2B2AE63;
constexpr std::uint64_t prime5 = 0x27D4EB2F165667C5;

template <typename Word>
std::uint64_t take(std::string_view& bytes) {
  Word word = 0;
  std::copy_n(bytes.begin(), sizeof(Word), reinterpret_cast<char*>(&word));
  bytes.remove_prefix(sizeof(Word));
  return word;
}

std::uint64_t round(std::uint64_t accumulator, std::uint64_t lane) {
  return std::rotl(accumulator + lane * prime2, 31) * prime1;
}

}  // namespace

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  const std::uint64_t length = bytes.size();
  std::uint64_t hash = seed + prime5;
  if (bytes.size() >= 32) {
    std::array<std::uint64_t, 4> lanes = {seed + prime1 + prime2, seed + prime2, seed, seed - prime1};
    while (bytes.size() >= 32)
      for (std::uint64_t& lane : lanes) lane = round(lane, take<std::uint64_t>(bytes));
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (std::uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * prime1 + prime4;
  }
  hash += length;
  while (bytes.size() >= 8) hash = std::rotl(hash ^ round(0, take<std::uint64_t>(bytes)), 27) * prime1 + prime4;
  if (bytes.size() >= 4) hash = std::rotl(hash ^ (take<std::uint32_t>(bytes) * prime1), 23) * prime2 + prime3;
  while (!bytes.empty()) hash = std::rotl(hash ^ (take<std::uint8_t>(bytes) * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

std::string hash_name(std::string_view bytes) {
  return fmt::format("{:016x}{:016x}", hash64(bytes, 0), hash64(bytes, 1));
}

}  // namespace jaxc::runtime
