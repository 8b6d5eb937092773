// Types, shapes and arrays.
#include "jaxc/types.h"

#include <gtest/gtest.h>

#include <complex>
#include <cstdint>
#include <limits>

#include "jaxc/array.h"
#include "jaxc/error.h"

namespace jaxc {
namespace {

TEST(DTypes, HaveBothNames) {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(DType::key); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(name(dtype)), dtype);
    EXPECT_EQ(dtype_from_name(numpy_name(dtype)), dtype);
    EXPECT_GE(element_bytes(dtype), 1u);
  }
  EXPECT_EQ(dtype_from_name("float31"), std::nullopt);
  EXPECT_EQ(name(DType::bf16), "bf16");
  EXPECT_EQ(numpy_name(DType::boolean), "bool");
  EXPECT_EQ(element_bytes(DType::c128), 16u);
  EXPECT_EQ(element_bytes(DType::key), 8u);
  EXPECT_EQ(element_bytes(DType::i4), 1u);
}

TEST(DTypes, BelongToTheirClasses) {
  EXPECT_TRUE(is_boolean(DType::boolean) && !is_numeric(DType::boolean) && !is_integer(DType::boolean));
  EXPECT_TRUE(is_signed_integer(DType::i4) && is_signed_integer(DType::i64) && !is_signed_integer(DType::u4));
  EXPECT_TRUE(is_unsigned_integer(DType::u4) && is_unsigned_integer(DType::u64) && !is_unsigned_integer(DType::f16));
  EXPECT_TRUE(is_floating(DType::f16) && is_floating(DType::bf16) && is_floating(DType::f8_e8m0fnu));
  EXPECT_FALSE(is_floating(DType::float0) || is_floating(DType::key) || is_floating(DType::c64));
  EXPECT_TRUE(is_complex(DType::c64) && is_numeric(DType::c128) && !is_numeric(DType::key));
  EXPECT_EQ(real_dtype(DType::c128), DType::f64);
  EXPECT_EQ(real_dtype(DType::f16), DType::f16);
}

TEST(Shapes, AreCounted) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({3, 4}), 12);
  EXPECT_EQ(element_count({3, 0, 4}), 0);
  EXPECT_EQ(byte_count({DType::c128, {3}}), 48);
  EXPECT_EQ(byte_count({DType::u8, {std::int64_t{1} << 40}}), std::int64_t{1} << 40);
  EXPECT_EQ(to_string(Type{DType::f32, {3, 4}}), "f32[3,4]");
  EXPECT_EQ(to_string(Type{DType::key, {}}), "key<fry>[]");
}

TEST(Shapes, BeyondTheLimitsAreErrors) {
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  for (const Shape& shape :
       {Shape{-1}, Shape{std::numeric_limits<std::int64_t>::min()}, Shape{largest}, Shape{largest, largest},
        Shape{std::int64_t{1} << 32, std::int64_t{1} << 32}, Shape{0, largest, 2}, Shape{0, -1}}) {
    EXPECT_THROW(element_count(shape), Error) << to_string(shape);
    EXPECT_THROW(byte_count({DType::u8, shape}), Error) << to_string(shape);
  }
  EXPECT_THROW(byte_count({DType::f32, {std::int64_t{1} << 40}}), Error);
}

TEST(Arrays, HoldValues) {
  const Array array = Array::of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(array.type(), (Type{DType::f32, {2, 2}}));
  EXPECT_EQ(array.values<float>()[3], 4.0F);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.bytes().data()) % 64, 0u);
  EXPECT_EQ(Array(Type{DType::i64, {3}}).values<std::int64_t>()[2], 0);
  EXPECT_EQ(Array::of<std::complex<double>>({1}, {{1, 2}}).bytes().size(), 16u);
  EXPECT_TRUE(Array().bytes().empty());
  EXPECT_TRUE(Array(Type{DType::f32, {0}}).values<float>().empty());
}

TEST(Arrays, SharedMemoryIsNeverWritten) {
  Array array = Array::of<float>({2}, {1, 2});
  const Array copy = array;
  EXPECT_EQ(copy.bytes().data(), array.bytes().data());
  array.mutable_bytes()[0] = std::byte{7};
  EXPECT_EQ(copy.values<float>()[0], 1.0F);
  EXPECT_NE(array.values<float>()[0], 1.0F);
  const std::byte* const memory = array.bytes().data();
  array.mutable_bytes()[1] = std::byte{7};
  EXPECT_EQ(array.bytes().data(), memory);
}

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Arrays, RefuseOtherTypesAndCounts) {
  const Array array = Array::of<float>({2}, {1, 2});
  EXPECT_EQ(error_of([&] { static_cast<void>(array.values<double>()); }),
            "array: the elements of f32[2] were asked for as f64; ask for the type that its dtype has");
  EXPECT_EQ(error_of([&] { Array::of<float>({3}, {1, 2}); }), "array: f32[3] has 3 elements, got 2 values");
  EXPECT_EQ(error_of([&] { Array(Type{DType::f64, {2}}, array.bytes()); }), "array: f64[2] takes 16 bytes, got 8");
}

}  // namespace
}  // namespace jaxc
