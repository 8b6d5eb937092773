// Array: aligned, shared, copy-on-write storage.
#include "jaxc/array.h"

#include <fmt/format.h>

#include <algorithm>
#include <complex>
#include <cstring>
#include <new>
#include <utility>

#include "jaxc/error.h"

namespace jaxc {
namespace {

constexpr std::align_val_t alignment{64};

std::shared_ptr<std::byte[]> allocate(const Type& type) {
  const auto size = static_cast<std::size_t>(byte_count(type));
  // At least one byte, so that an empty array's storage is not null.
  void* const memory = ::operator new[](std::max<std::size_t>(size, 1), alignment, std::nothrow);
  if (memory == nullptr) throw Error(fmt::format("array: no memory for {}, {} bytes", to_string(type), size));
  return {static_cast<std::byte*>(memory), [](std::byte* bytes) { ::operator delete[](bytes, alignment); }};
}

template <typename T>
bool holds(DType dtype) {
  if constexpr (std::is_same_v<T, bool>) return dtype == DType::boolean;
  if constexpr (std::is_same_v<T, std::int8_t>) return dtype == DType::i8 || dtype == DType::i4 || dtype == DType::i2;
  if constexpr (std::is_same_v<T, std::int16_t>) return dtype == DType::i16;
  if constexpr (std::is_same_v<T, std::int32_t>) return dtype == DType::i32;
  if constexpr (std::is_same_v<T, std::int64_t>) return dtype == DType::i64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return dtype == DType::u8 || dtype == DType::u4 || dtype == DType::u2;
  if constexpr (std::is_same_v<T, std::uint16_t>) return dtype == DType::u16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return dtype == DType::u32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return dtype == DType::u64;
  if constexpr (std::is_same_v<T, float>) return dtype == DType::f32;
  if constexpr (std::is_same_v<T, double>) return dtype == DType::f64;
  if constexpr (std::is_same_v<T, std::complex<float>>) return dtype == DType::c64;
  if constexpr (std::is_same_v<T, std::complex<double>>) return dtype == DType::c128;
}

template <typename T>
DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return DType::boolean;
  if constexpr (std::is_same_v<T, std::int8_t>) return DType::i8;
  if constexpr (std::is_same_v<T, std::int16_t>) return DType::i16;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DType::i64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return DType::u8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return DType::u16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return DType::u32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return DType::u64;
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_same_v<T, std::complex<float>>) return DType::c64;
  if constexpr (std::is_same_v<T, std::complex<double>>) return DType::c128;
}

}  // namespace

Array::Array(Type type) : type_(std::move(type)), storage_(allocate(type_)) {
  std::memset(storage_.get(), 0, bytes().size());
}

Array::Array(Type type, std::span<const std::byte> bytes) : type_(std::move(type)) {
  if (std::cmp_not_equal(bytes.size(), byte_count(type_))) {
    throw Error(fmt::format("array: {} takes {} bytes, got {}", to_string(type_), byte_count(type_), bytes.size()));
  }
  storage_ = allocate(type_);
  if (!bytes.empty()) std::memcpy(storage_.get(), bytes.data(), bytes.size());
}

std::span<const std::byte> Array::bytes() const {
  if (storage_ == nullptr) return {};
  return {storage_.get(), static_cast<std::size_t>(byte_count(type_))};
}

std::span<std::byte> Array::mutable_bytes() {
  if (storage_ == nullptr) return {};
  if (storage_.use_count() > 1) *this = Array(type_, bytes());
  return {storage_.get(), static_cast<std::size_t>(byte_count(type_))};
}

template <typename T>
Array Array::of(Shape shape, std::span<const T> values) {
  Type type{dtype_of<T>(), std::move(shape)};
  if (std::cmp_not_equal(values.size(), element_count(type.shape))) {
    throw Error(fmt::format("array: {} has {} elements, got {} values", to_string(type), element_count(type.shape),
                            values.size()));
  }
  return Array(std::move(type), std::as_bytes(values));
}

template <typename T>
std::span<const T> Array::values() const {
  if (!holds<T>(type_.dtype)) {
    throw Error(fmt::format("array: the elements of {} were asked for as {}; ask for the type that its dtype has",
                            to_string(type_), name(dtype_of<T>())));
  }
  return {reinterpret_cast<const T*>(storage_.get()), bytes().size() / sizeof(T)};
}

#define JAXC_INSTANTIATE(T)                            \
  template Array Array::of(Shape, std::span<const T>); \
  template std::span<const T> Array::values<T>() const;
JAXC_INSTANTIATE(bool)
JAXC_INSTANTIATE(std::int8_t)
JAXC_INSTANTIATE(std::int16_t)
JAXC_INSTANTIATE(std::int32_t)
JAXC_INSTANTIATE(std::int64_t)
JAXC_INSTANTIATE(std::uint8_t)
JAXC_INSTANTIATE(std::uint16_t)
JAXC_INSTANTIATE(std::uint32_t)
JAXC_INSTANTIATE(std::uint64_t)
JAXC_INSTANTIATE(float)
JAXC_INSTANTIATE(double)
JAXC_INSTANTIATE(std::complex<float>)
JAXC_INSTANTIATE(std::complex<double>)
#undef JAXC_INSTANTIATE

}  // namespace jaxc
