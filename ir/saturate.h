// Counts that only need to be compared: products that stay within bounds.
#pragma once

#include <cstdint>

namespace jaxc::ir {

/// More operations, steps or bytes than any program has time or room for.
inline constexpr std::int64_t unlimited = std::int64_t{1} << 50;

/// The product of two counts, at most `unlimited`.
constexpr std::int64_t saturated_product(std::int64_t left, std::int64_t right) {
  return right != 0 && left > unlimited / right ? unlimited : left * right;
}

}  // namespace jaxc::ir
