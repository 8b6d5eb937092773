// Floating formats narrower than 32 bits.
#include "compiler/evaluate/small_float.h"

#include <cmath>
#include <limits>

#include "jaxc/error.h"

namespace jaxc::compiler {

namespace {

// How a format spends its highest codes.
enum class Specials {
  ieee,           // the highest exponent holds infinity and NaN
  nan_only,       // fn: only the all-ones code is NaN
  unsigned_zero,  // fnuz: negative zero's code is NaN
};

struct Format {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  Specials specials;
};

Format format_of(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return {5, 10, 15, Specials::ieee};
    case DType::bf16:
      return {8, 7, 127, Specials::ieee};
    case DType::f8_e3m4:
      return {3, 4, 3, Specials::ieee};
    case DType::f8_e4m3:
      return {4, 3, 7, Specials::ieee};
    case DType::f8_e4m3b11fnuz:
      return {4, 3, 11, Specials::unsigned_zero};
    case DType::f8_e4m3fn:
      return {4, 3, 7, Specials::nan_only};
    case DType::f8_e4m3fnuz:
      return {4, 3, 8, Specials::unsigned_zero};
    case DType::f8_e5m2:
      return {5, 2, 15, Specials::ieee};
    case DType::f8_e5m2fnuz:
      return {5, 2, 16, Specials::unsigned_zero};
    default:
      throw InternalError("small_float: not a narrow floating dtype");
  }
}

// f8_e8m0fnu is a power of two: an exponent without sign or mantissa; 255 is NaN.
double decode_power(std::uint32_t code) {
  return code == 255 ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, static_cast<int>(code) - 127);
}

std::uint32_t encode_power(double value) {
  if (!(value > 0) || std::isinf(value)) return value == 0 ? 0 : 255;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);  // in [0.5, 1): the midpoint of two powers is 0.75
  const int code = exponent - 1 + 127 + (fraction >= 0.75 ? 1 : 0);
  return code > 254 ? 255u : static_cast<std::uint32_t>(std::max(code, 0));
}

}  // namespace

double decode_small_float(DType dtype, std::uint32_t code) {
  if (dtype == DType::f8_e8m0fnu) return decode_power(code);
  const Format format = format_of(dtype);
  const std::uint32_t sign_bit = 1u << (format.exponent_bits + format.mantissa_bits);
  const std::uint32_t magnitude = code & (sign_bit - 1);
  const std::uint32_t mantissa = magnitude & ((1u << format.mantissa_bits) - 1);
  const std::uint32_t exponent = magnitude >> format.mantissa_bits;
  const bool negative = (code & sign_bit) != 0;
  const double sign = negative ? -1.0 : 1.0;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (format.specials == Specials::ieee && exponent == (1u << format.exponent_bits) - 1) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity() : std::copysign(nan, sign);
  }
  if (format.specials == Specials::nan_only && magnitude == sign_bit - 1) return nan;
  if (format.specials == Specials::unsigned_zero && code == sign_bit) return nan;
  const int scale = static_cast<int>(exponent == 0 ? 1 : exponent) - format.bias - format.mantissa_bits;
  const std::uint32_t significand = exponent == 0 ? mantissa : mantissa | (1u << format.mantissa_bits);
  return sign * std::ldexp(static_cast<double>(significand), scale);
}

std::uint32_t encode_small_float(DType dtype, double value) {
  if (dtype == DType::f8_e8m0fnu) return encode_power(value);
  const Format format = format_of(dtype);
  const std::uint32_t sign_bit = 1u << (format.exponent_bits + format.mantissa_bits);
  const std::uint32_t highest = ((1u << format.exponent_bits) - 1) << format.mantissa_bits;
  const bool has_infinity = format.specials == Specials::ieee;
  const std::uint32_t sign = std::signbit(value) ? sign_bit : 0;
  const std::uint32_t nan = has_infinity ? sign | highest | (1u << (format.mantissa_bits - 1))
                            : format.specials == Specials::nan_only ? sign | (sign_bit - 1)
                                                                    : sign_bit;
  const std::uint32_t overflow = has_infinity ? sign | highest : nan;
  if (std::isnan(value)) return nan;
  if (std::isinf(value)) return overflow;
  std::uint32_t code = 0;
  if (value != 0) {
    int exponent = 0;
    std::frexp(value, &exponent);
    exponent = std::max(exponent - 1, 1 - format.bias);
    // The significand in units of the last place; rounding may carry it into the next binade, where the sum
    // below is right too.
    const double significand = std::nearbyint(std::ldexp(std::fabs(value), format.mantissa_bits - exponent));
    const double biased = std::ldexp(static_cast<double>(exponent + format.bias - 1), format.mantissa_bits);
    const double magnitude = biased + significand;
    const double limit = has_infinity ? highest : format.specials == Specials::nan_only ? sign_bit - 1 : sign_bit;
    if (magnitude >= limit) return overflow;
    code = static_cast<std::uint32_t>(magnitude);
  }
  if (format.specials == Specials::unsigned_zero && code == 0) return 0;
  return sign | code;
}

}  // namespace jaxc::compiler
