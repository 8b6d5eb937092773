// Keys: numbers as unsigned integers whose order is JAX's.
#pragma once

#include <limits>
#include <type_traits>

namespace jaxc::cpu {

/// Elements are given by their bits. Integers are shifted so that the least is 0; of floats, negative ones are
/// inverted and positive ones lie above them, both zeros are one key, and all NaN are the greatest one.
template <typename Bits, bool floating>
struct Keys {
  static constexpr Bits sign = static_cast<Bits>(Bits{1} << (std::numeric_limits<Bits>::digits - 1));
  static constexpr Bits nan = std::numeric_limits<Bits>::max();
  static constexpr Bits zero = sign;

  Bits flip = 0;      ///< of integers: the sign where they have one
  Bits infinity = 0;  ///< of floats: its bits

  static constexpr Bits magnitude(Bits bits) { return static_cast<Bits>(bits & ~sign); }
  bool is_nan(Bits bits) const { return floating && magnitude(bits) > infinity; }
  static constexpr bool is_zero(Bits bits) { return floating && magnitude(bits) == 0; }
  /// The key stands for other bits too, so that bits come back from the input alone.
  bool ambiguous(Bits bits) const { return floating && (bits == sign || is_nan(bits)); }

  Bits encode(Bits bits) const {
    if constexpr (!floating) return static_cast<Bits>(bits ^ flip);
    const auto ordered = static_cast<Bits>((bits & sign) != 0 ? ~bits : bits | sign);
    return is_nan(bits) ? nan : is_zero(bits) ? zero : ordered;
  }
  Bits decode(Bits key) const {
    if constexpr (!floating) return static_cast<Bits>(key ^ flip);
    return static_cast<Bits>((key & sign) != 0 ? key ^ sign : ~key);
  }
};

}  // namespace jaxc::cpu
