// Element types, shapes and array types: names, sizes and classes.
#include "jaxc/types.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "jaxc/error.h"

namespace jaxc {
namespace {

struct DTypeRow {
  std::string_view name;
  std::string_view numpy_name;
  std::size_t bits;
};

constexpr auto rows = std::to_array<DTypeRow>({
#define JAXC_DTYPE_ROW(enumerator, name, numpy_name, bits) {name, numpy_name, bits},
    JAXC_DTYPES(JAXC_DTYPE_ROW)
#undef JAXC_DTYPE_ROW
});

const DTypeRow& row(DType dtype) {
  return rows[static_cast<std::size_t>(dtype)];
}

bool within(DType dtype, DType first, DType last) {
  return first <= dtype && dtype <= last;
}

}  // namespace

std::string_view name(DType dtype) {
  return row(dtype).name;
}

std::string_view numpy_name(DType dtype) {
  return row(dtype).numpy_name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name == name || rows[i].numpy_name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::size_t element_bytes(DType dtype) {
  return row(dtype).bits / 8;
}

int value_bits(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return 1;
    case DType::i2:
    case DType::u2:
      return 2;
    case DType::i4:
    case DType::u4:
      return 4;
    default:
      return static_cast<int>(row(dtype).bits);
  }
}

bool is_boolean(DType dtype) {
  return dtype == DType::boolean;
}

bool is_signed_integer(DType dtype) {
  return within(dtype, DType::i2, DType::i64);
}

bool is_unsigned_integer(DType dtype) {
  return within(dtype, DType::u2, DType::u64);
}

bool is_integer(DType dtype) {
  return within(dtype, DType::i2, DType::u64);
}

bool is_narrow_integer(DType dtype) {
  return is_integer(dtype) && value_bits(dtype) < 8;
}

bool is_floating(DType dtype) {
  return within(dtype, DType::f16, DType::f64) || within(dtype, DType::f8_e3m4, DType::f8_e8m0fnu);
}

bool is_complex(DType dtype) {
  return dtype == DType::c64 || dtype == DType::c128;
}

bool is_numeric(DType dtype) {
  return is_integer(dtype) || is_floating(dtype) || is_complex(dtype);
}

DType real_dtype(DType dtype) {
  if (dtype == DType::c64) return DType::f32;
  if (dtype == DType::c128) return DType::f64;
  return dtype;
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t product = 1;  // of the extents that are not zero: strides must not overflow either
  bool is_empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw Error(fmt::format("shape: extents must not be negative, got {}", to_string(shape)));
    if (extent == 0) {
      is_empty = true;
    } else if (product > max_bytes / extent) {
      throw Error(fmt::format("shape: an array has at most 2^40 elements, got {}", to_string(shape)));
    } else {
      product *= extent;
    }
  }
  return is_empty ? 0 : product;
}

std::int64_t byte_count(const Type& type) {
  const std::int64_t count = element_count(type.shape);
  const auto bytes = static_cast<std::int64_t>(element_bytes(type.dtype));
  if (count > max_bytes / bytes) {
    throw Error(fmt::format("type: an array takes at most 2^40 bytes, got {}", to_string(type)));
  }
  return count * bytes;
}

std::string to_string(const Type& type) {
  return fmt::format("{}{}", name(type.dtype), to_string(type.shape));
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

}  // namespace jaxc
