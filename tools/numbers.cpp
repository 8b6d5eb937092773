// Reads elements from an array's bytes.
#include "numbers.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "jaxc/error.h"

namespace jaxc::tools {

namespace {

template <typename T>
T load(const Array& array, std::size_t index, std::size_t stride = sizeof(T), std::size_t offset = 0) {
  T value;
  std::memcpy(&value, array.bytes().data() + index * stride + offset, sizeof(T));
  return value;
}

double half(std::uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25));
}

}  // namespace

std::complex<double> number_at(const Array& array, std::size_t index) {
  switch (array.type().dtype) {
    case DType::f16:
      return half(load<std::uint16_t>(array, index));
    case DType::bf16:
      return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(array, index)} << 16);
    case DType::f32:
      return load<float>(array, index);
    case DType::f64:
      return load<double>(array, index);
    case DType::c64:
      return {load<float>(array, index, 8), load<float>(array, index, 8, 4)};
    case DType::c128:
      return {load<double>(array, index, 16), load<double>(array, index, 16, 8)};
    case DType::u64:
      return static_cast<double>(load<std::uint64_t>(array, index));
    default:
      return static_cast<double>(integer_at(array, index));
  }
}

std::int64_t integer_at(const Array& array, std::size_t index) {
  switch (array.type().dtype) {
    case DType::boolean:
    case DType::u2:
    case DType::u4:
    case DType::u8:
      return load<std::uint8_t>(array, index);
    case DType::i2:
    case DType::i4:
    case DType::i8:
      return load<std::int8_t>(array, index);
    case DType::i16:
      return load<std::int16_t>(array, index);
    case DType::u16:
      return load<std::uint16_t>(array, index);
    case DType::i32:
      return load<std::int32_t>(array, index);
    case DType::u32:
      return load<std::uint32_t>(array, index);
    case DType::i64:
    case DType::u64:
    case DType::key:
      return load<std::int64_t>(array, index);
    default:
      throw Error("elements of type " + std::string(name(array.type().dtype)) + " cannot be shown as numbers");
  }
}

std::size_t element_count_of(const Array& array) {
  return static_cast<std::size_t>(element_count(array.type().shape));
}

}  // namespace jaxc::tools
