// Array: a typed block of host memory with value semantics; copies share it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "jaxc/types.h"

namespace jaxc {

/// A dense row-major array. Copying shares the memory; memory that is shared is never written.
class Array {
 public:
  Array() = default;
  /// Zero-filled, aligned to 64 bytes. Throws Error when the type is too large.
  explicit Array(Type type);
  /// A copy of `bytes`, which must be exactly byte_count(type) long.
  Array(Type type, std::span<const std::byte> bytes);

  /// A copy of `values`: `Array::of<float>({2, 2}, {1, 2, 3, 4})`.
  template <typename T>
  static Array of(Shape shape, std::span<const T> values);
  template <typename T>
  static Array of(Shape shape, std::initializer_list<T> values) {
    return of<T>(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }

  const Type& type() const { return type_; }
  std::span<const std::byte> bytes() const;
  /// Writable bytes; takes a private copy first when the memory is shared.
  std::span<std::byte> mutable_bytes();
  /// The elements as T. Throws Error unless T is the dtype's C++ type.
  template <typename T>
  std::span<const T> values() const;

 private:
  Type type_;
  std::shared_ptr<std::byte[]> storage_;
};

}  // namespace jaxc
