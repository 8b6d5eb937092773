// Domain: the operands that a primitive accepts, from which checks and generated tests are made.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "jaxc/types.h"

namespace jaxc::ir {

/// A set of dtype classes, as bits.
enum class DTypes : std::uint8_t {
  none = 0,
  boolean = 1,
  signed_integer = 2,
  unsigned_integer = 4,
  floating = 8,
  complex = 16,
  other = 32,  ///< keys and float0: they can be moved, not computed with
};

constexpr DTypes operator|(DTypes left, DTypes right) {
  return static_cast<DTypes>(static_cast<std::uint8_t>(left) | static_cast<std::uint8_t>(right));
}

namespace dtypes {
inline constexpr DTypes boolean = DTypes::boolean;
inline constexpr DTypes integers = DTypes::signed_integer | DTypes::unsigned_integer;
inline constexpr DTypes floats = DTypes::floating;
inline constexpr DTypes complexes = DTypes::complex;
inline constexpr DTypes inexact = floats | complexes;
inline constexpr DTypes real_numbers = integers | floats;
inline constexpr DTypes numbers = real_numbers | complexes;
inline constexpr DTypes bits = boolean | integers;
inline constexpr DTypes ordered = boolean | real_numbers;
inline constexpr DTypes computable = boolean | numbers;
inline constexpr DTypes keys = DTypes::other;
inline constexpr DTypes any = computable | keys;
}  // namespace dtypes

bool contains(DTypes set, DType dtype);
/// "integer, floating or complex".
std::string describe(DTypes set);

/// A closed interval of values that tests draw from; a primitive accepts others too.
struct Interval {
  double low = -3;
  double high = 3;
};

/// How many operands a primitive takes.
struct OperandCount {
  std::int64_t minimum = 1;
  std::int64_t maximum = 1;

  constexpr OperandCount(std::int64_t exact) : minimum(exact), maximum(exact) {}  // NOLINT: a count is a number
  constexpr OperandCount(std::int64_t low, std::int64_t high) : minimum(low), maximum(high) {}
  static constexpr OperandCount at_least(std::int64_t low) { return {low, INT64_MAX}; }
};

/// What a primitive accepts.
struct Domain {
  DTypes dtypes = dtypes::any;  ///< of the first operand
  OperandCount operands = 1;
  /// Where generated tests draw each operand's values from; operands past the third use the third's.
  std::array<Interval, 3> values = {};
};

}  // namespace jaxc::ir
