// Names, arities and constants of scalar code.
#include "ir/scalar.h"

#include <array>
#include <bit>
#include <cmath>

#include "jaxc/error.h"

namespace jaxc::ir {

namespace {

struct OpcodeRow {
  std::string_view name;
  int arity;
};

constexpr std::array rows = {
#define JAXC_OPCODE_ROW(enumerator, arity, ...) OpcodeRow{#enumerator, arity},
    JAXC_OPCODES(JAXC_OPCODE_ROW)
#undef JAXC_OPCODE_ROW
};

std::uint64_t low_bits(std::uint64_t bits, DType dtype) {
  const std::size_t width = 8 * element_bytes(dtype);
  return width >= 64 ? bits : bits & ((std::uint64_t{1} << width) - 1);
}

}  // namespace

std::string_view name(Opcode opcode) {
  return rows[static_cast<std::size_t>(opcode)].name;
}

int arity(Opcode opcode) {
  return rows[static_cast<std::size_t>(opcode)].arity;
}

bool is_comparison(Opcode opcode) {
  switch (opcode) {
    case Opcode::eq:
    case Opcode::ne:
    case Opcode::lt:
    case Opcode::le:
    case Opcode::is_nan:
      return true;
    default:
      return false;
  }
}

ScalarConstant constant_of(DType dtype, double value) {
  switch (dtype) {
    case DType::f32:
      return {dtype, std::bit_cast<std::uint32_t>(static_cast<float>(value))};
    case DType::f64:
      return {dtype, std::bit_cast<std::uint64_t>(value)};
    case DType::boolean:
      return {dtype, value != 0 ? 1U : 0U};
    case DType::u64:
      if (value >= 0x1p63) return {dtype, value >= 0x1p64 ? ~std::uint64_t{0} : static_cast<std::uint64_t>(value)};
      [[fallthrough]];
    default:
      if (!is_integer(dtype)) throw InternalError("constant_of: a Program has no such element type");
      if (std::isnan(value)) return {dtype, 0};
      if (value >= 0x1p63) return {dtype, low_bits(0x7fffffffffffffffULL, dtype)};
      if (value < -0x1p63) return {dtype, low_bits(0x8000000000000000ULL, dtype)};
      return constant_of_integer(dtype, static_cast<std::int64_t>(value));
  }
}

ScalarConstant constant_of_integer(DType dtype, std::int64_t value) {
  if (is_floating(dtype)) return constant_of(dtype, static_cast<double>(value));
  if (dtype == DType::boolean) return {dtype, value != 0 ? 1U : 0U};
  return {dtype, low_bits(static_cast<std::uint64_t>(value), dtype)};
}

}  // namespace jaxc::ir
