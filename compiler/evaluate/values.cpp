// Loading and storing elements of every dtype.
#include "compiler/evaluate/values.h"

#include <cstring>

#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/small_float.h"

namespace jaxc::compiler {

namespace {

template <typename Storage>
Storage read(const std::byte* at) {
  Storage value;
  std::memcpy(&value, at, sizeof(Storage));
  return value;
}

template <typename Storage>
void write(std::byte* at, Storage value) {
  std::memcpy(at, &value, sizeof(Storage));
}

template <typename T, typename Value>
T converted(Value value) {
  if constexpr (is_complex_value<T> && is_complex_value<Value>) {
    using Part = typename T::value_type;
    return {static_cast<Part>(value.real()), static_cast<Part>(value.imag())};
  } else if constexpr (is_complex_value<T>) {
    return T(static_cast<typename T::value_type>(value));
  } else if constexpr (is_complex_value<Value>) {
    throw InternalError("evaluate: a complex element was loaded as a real one");
  } else if constexpr (is_integer_value<T> && is_floating_value<Value>) {
    throw InternalError("evaluate: a floating element was loaded as an integer");
  } else {
    return static_cast<T>(value);
  }
}

template <typename T>
T load_element(DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::boolean:
    case DType::float0:
      return converted<T>(static_cast<std::uint64_t>(read<std::uint8_t>(at) != 0));
    case DType::i2:
    case DType::i4:
    case DType::i8:
      return converted<T>(static_cast<std::int64_t>(read<std::int8_t>(at)));
    case DType::i16:
      return converted<T>(static_cast<std::int64_t>(read<std::int16_t>(at)));
    case DType::i32:
      return converted<T>(static_cast<std::int64_t>(read<std::int32_t>(at)));
    case DType::i64:
      return converted<T>(read<std::int64_t>(at));
    case DType::u2:
    case DType::u4:
    case DType::u8:
      return converted<T>(static_cast<std::uint64_t>(read<std::uint8_t>(at)));
    case DType::u16:
      return converted<T>(static_cast<std::uint64_t>(read<std::uint16_t>(at)));
    case DType::u32:
      return converted<T>(static_cast<std::uint64_t>(read<std::uint32_t>(at)));
    case DType::u64:
    case DType::key:
      return converted<T>(read<std::uint64_t>(at));
    case DType::f32:
      return converted<T>(static_cast<double>(read<float>(at)));
    case DType::f64:
      return converted<T>(read<double>(at));
    case DType::c64:
      return converted<T>(std::complex<double>(read<float>(at), read<float>(at + sizeof(float))));
    case DType::c128:
      return converted<T>(std::complex<double>(read<double>(at), read<double>(at + sizeof(double))));
    case DType::f16:
    case DType::bf16:
      return converted<T>(decode_small_float(dtype, read<std::uint16_t>(at)));
    default:
      return converted<T>(decode_small_float(dtype, read<std::uint8_t>(at)));
  }
}

template <typename T>
void store_integer(DType dtype, std::byte* at, T value) {
  const auto bits = static_cast<std::uint64_t>(value);
  switch (dtype) {
    case DType::boolean:
    case DType::float0:
      return write<std::uint8_t>(at, bits != 0 ? 1 : 0);
    case DType::i2:
      return write<std::uint8_t>(at, static_cast<std::uint8_t>(((bits & 3) ^ 2) - 2));
    case DType::i4:
      return write<std::uint8_t>(at, static_cast<std::uint8_t>(((bits & 15) ^ 8) - 8));
    case DType::u2:
      return write<std::uint8_t>(at, static_cast<std::uint8_t>(bits & 3));
    case DType::u4:
      return write<std::uint8_t>(at, static_cast<std::uint8_t>(bits & 15));
    case DType::i8:
    case DType::u8:
      return write<std::uint8_t>(at, static_cast<std::uint8_t>(bits));
    case DType::i16:
    case DType::u16:
      return write<std::uint16_t>(at, static_cast<std::uint16_t>(bits));
    case DType::i32:
    case DType::u32:
      return write<std::uint32_t>(at, static_cast<std::uint32_t>(bits));
    case DType::i64:
    case DType::u64:
    case DType::key:
      return write<std::uint64_t>(at, bits);
    default:
      throw InternalError("evaluate: an integer was stored as another dtype");
  }
}

template <typename T>
void store_floating(DType dtype, std::byte* at, T value) {
  switch (dtype) {
    case DType::f64:
      return write<double>(at, static_cast<double>(value));
    case DType::f32:
      return write<float>(at, static_cast<float>(value));
    case DType::f16:
    case DType::bf16:
      return write<std::uint16_t>(at,
                                  static_cast<std::uint16_t>(encode_small_float(dtype, static_cast<double>(value))));
    default:
      if (!is_floating(dtype)) throw InternalError("evaluate: a floating value was stored as another dtype");
      return write<std::uint8_t>(at, static_cast<std::uint8_t>(encode_small_float(dtype, static_cast<double>(value))));
  }
}

template <typename T>
void store_element(DType dtype, std::byte* at, T value) {
  if constexpr (is_complex_value<T>) {
    const DType part = real_dtype(dtype);
    if (!is_complex(dtype)) throw InternalError("evaluate: a complex value was stored as a real dtype");
    store_floating(part, at, value.real());
    store_floating(part, at + element_bytes(part), value.imag());
  } else if constexpr (is_integer_value<T>) {
    store_integer(dtype, at, value);
  } else {
    store_floating(dtype, at, value);
  }
}

}  // namespace

template <typename T>
std::vector<T> load(const Array& array, const Shape& shape) {
  const DType dtype = array.type().dtype;
  const std::size_t size = element_bytes(dtype);
  const std::byte* bytes = array.bytes().data();
  const auto places = broadcast_places(array.type().shape, shape);
  std::vector<T> values;
  values.reserve(places.size());
  for (std::int64_t place : places) values.push_back(load_element<T>(dtype, bytes + place * size));
  return values;
}

template <typename T>
Array store(const Type& type, const std::vector<T>& values) {
  if (std::cmp_not_equal(values.size(), element_count(type.shape))) {
    throw InternalError("evaluate: a result has the wrong number of elements");
  }
  Array result(type);
  std::byte* bytes = result.mutable_bytes().data();
  const std::size_t size = element_bytes(type.dtype);
  for (std::size_t i = 0; i < values.size(); ++i) store_element<T>(type.dtype, bytes + i * size, values[i]);
  return result;
}

template std::vector<std::int64_t> load(const Array&, const Shape&);
template std::vector<std::uint64_t> load(const Array&, const Shape&);
template std::vector<double> load(const Array&, const Shape&);
template std::vector<long double> load(const Array&, const Shape&);
template std::vector<std::complex<double>> load(const Array&, const Shape&);
template std::vector<std::complex<long double>> load(const Array&, const Shape&);
template Array store(const Type&, const std::vector<std::int64_t>&);
template Array store(const Type&, const std::vector<std::uint64_t>&);
template Array store(const Type&, const std::vector<double>&);
template Array store(const Type&, const std::vector<long double>&);
template Array store(const Type&, const std::vector<std::complex<double>>&);
template Array store(const Type&, const std::vector<std::complex<long double>>&);

std::int64_t scalar_integer(const Array& array) {
  return load<std::int64_t>(array).at(0);
}

}  // namespace jaxc::compiler
