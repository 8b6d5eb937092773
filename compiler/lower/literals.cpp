// Implements storage_constant: rounding of literals to narrow types.
#include "compiler/lower/literals.h"

#include <bit>
#include <cmath>
#include <variant>

#include "compiler/lower/lowering.h"

namespace jaxc::compiler {

std::uint16_t half_bits(DType dtype, double value) {
  const int mantissa = dtype == DType::f16 ? 10 : 7;
  const int bias = dtype == DType::f16 ? 15 : 127;
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const auto infinity = static_cast<std::uint16_t>((2 * bias + 1) << mantissa);
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | infinity | (1 << (mantissa - 1)));
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return sign | infinity;
  if (magnitude == 0) return sign;
  // The value is `scaled` units of the last place of its binade (of the smallest binade when subnormal).
  const int exponent = std::max(std::ilogb(magnitude), 1 - bias);
  const double scaled = std::nearbyint(std::ldexp(magnitude, mantissa - exponent));
  const double bits = scaled + std::ldexp(exponent + bias - 1, mantissa);
  return sign | static_cast<std::uint16_t>(std::min(bits, static_cast<double>(infinity)));
}

ir::ScalarConstant storage_constant(const ir::Literal& literal, int part) {
  const DType dtype = literal.type.dtype;
  const DType storage = storage_dtype(dtype);
  return std::visit(
      [&](const auto& value) -> ir::ScalarConstant {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, ir::Literal::Opaque>) {
          return {storage, 0};
        } else if constexpr (std::is_same_v<Value, std::complex<double>>) {
          return ir::constant_of(storage, part == 0 ? value.real() : value.imag());
        } else {
          if (part != 0) return ir::constant_of_integer(storage, 0);
          if (dtype == DType::f16 || dtype == DType::bf16)
            return {storage, half_bits(dtype, static_cast<double>(value))};
          if constexpr (std::is_same_v<Value, double>) return ir::constant_of(storage, value);
          if constexpr (std::is_same_v<Value, std::uint64_t>)
            if (is_floating(storage)) return ir::constant_of(storage, static_cast<double>(value));
          return ir::constant_of_integer(storage, static_cast<std::int64_t>(value));
        }
      },
      literal.value);
}

}  // namespace jaxc::compiler
