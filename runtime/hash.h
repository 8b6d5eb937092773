// hash64: a fast 64-bit hash of bytes, for names and checksums.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jaxc::runtime {

/// XXH64 (Y. Collet, github.com/Cyan4973/xxHash, doc/xxhash_spec.md). Not cryptographic.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

/// 128 bits, as 32 hexadecimal digits: XXH64 with the seeds 0 and 1.
std::string hash_name(std::string_view bytes);

}  // namespace jaxc::runtime
