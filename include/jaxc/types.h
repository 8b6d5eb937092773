// Element types, shapes and array types: the vocabulary every layer shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jaxc {

// X(enumerator, printed name, numpy name, bits of storage)
// Printed names are JAX's short names. `key` is a threefry key: u32[2] in memory.
#define JAXC_DTYPES(X)                                         \
  X(boolean, "bool", "bool", 8)                                \
  X(i2, "i2", "int2", 8)                                       \
  X(i4, "i4", "int4", 8)                                       \
  X(i8, "i8", "int8", 8)                                       \
  X(i16, "i16", "int16", 16)                                   \
  X(i32, "i32", "int32", 32)                                   \
  X(i64, "i64", "int64", 64)                                   \
  X(u2, "u2", "uint2", 8)                                      \
  X(u4, "u4", "uint4", 8)                                      \
  X(u8, "u8", "uint8", 8)                                      \
  X(u16, "u16", "uint16", 16)                                  \
  X(u32, "u32", "uint32", 32)                                  \
  X(u64, "u64", "uint64", 64)                                  \
  X(f16, "f16", "float16", 16)                                 \
  X(bf16, "bf16", "bfloat16", 16)                              \
  X(f32, "f32", "float32", 32)                                 \
  X(f64, "f64", "float64", 64)                                 \
  X(c64, "c64", "complex64", 64)                               \
  X(c128, "c128", "complex128", 128)                           \
  X(f8_e3m4, "f8_e3m4", "float8_e3m4", 8)                      \
  X(f8_e4m3, "f8_e4m3", "float8_e4m3", 8)                      \
  X(f8_e4m3b11fnuz, "f8_e4m3b11fnuz", "float8_e4m3b11fnuz", 8) \
  X(f8_e4m3fn, "f8_e4m3fn", "float8_e4m3fn", 8)                \
  X(f8_e4m3fnuz, "f8_e4m3fnuz", "float8_e4m3fnuz", 8)          \
  X(f8_e5m2, "f8_e5m2", "float8_e5m2", 8)                      \
  X(f8_e5m2fnuz, "f8_e5m2fnuz", "float8_e5m2fnuz", 8)          \
  X(f8_e8m0fnu, "f8_e8m0fnu", "float8_e8m0fnu", 8)             \
  X(float0, "float0", "float0", 8)                             \
  X(key, "key<fry>", "key<fry>", 64)

enum class DType : std::uint8_t {
#define JAXC_DTYPE_ENUMERATOR(enumerator, ...) enumerator,
  JAXC_DTYPES(JAXC_DTYPE_ENUMERATOR)
#undef JAXC_DTYPE_ENUMERATOR
};

/// JAX's short name, as printed in a jaxpr: "f32".
std::string_view name(DType dtype);
/// numpy's name, as printed in a jaxpr's parameters: "float32".
std::string_view numpy_name(DType dtype);
/// The dtype of a short name or of a numpy name; nothing when there is none.
std::optional<DType> dtype_from_name(std::string_view name);
/// Bytes that one element takes in memory (booleans and integers of 2 and 4 bits take one).
std::size_t element_bytes(DType dtype);
/// Bits of one element's value: 1 for booleans, 2 and 4 for narrow integers, else all in memory.
int value_bits(DType dtype);

bool is_boolean(DType dtype);
bool is_signed_integer(DType dtype);
bool is_unsigned_integer(DType dtype);
bool is_integer(DType dtype);
/// Integers of 2 and 4 bits: they take a byte each, sign-extended where they have a sign.
bool is_narrow_integer(DType dtype);
bool is_floating(DType dtype);
bool is_complex(DType dtype);
/// Integers, floating and complex types.
bool is_numeric(DType dtype);
/// c64 -> f32, c128 -> f64, anything else -> itself.
DType real_dtype(DType dtype);

/// Extents, outermost first; row-major in memory.
using Shape = std::vector<std::int64_t>;

/// An array's element type and shape.
struct Type {
  DType dtype = DType::f32;
  Shape shape;

  friend bool operator==(const Type&, const Type&) = default;
};

/// The product of the extents. Throws Error when it exceeds `max_elements`.
std::int64_t element_count(const Shape& shape);
/// element_count times element_bytes. Throws Error when it exceeds `max_bytes`.
std::int64_t byte_count(const Type& type);
/// The largest array that a program may name: 2^40 bytes.
inline constexpr std::int64_t max_bytes = std::int64_t{1} << 40;

/// "f32[3,4]".
std::string to_string(const Type& type);
/// "[3,4]".
std::string to_string(const Shape& shape);

}  // namespace jaxc
