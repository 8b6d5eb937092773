// Safetensors: what was written is read, and every malformed file is an Error with its reason.
#include "jaxc/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "jaxc/error.h"

namespace jaxc {
namespace {

std::vector<std::byte> file_of(std::string_view header, std::size_t data_size) {
  const std::uint64_t length = header.size();
  std::vector<std::byte> bytes(8 + header.size() + data_size);
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string error_of(std::span<const std::byte> bytes) {
  try {
    Safetensors::parse(bytes, "data");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Safetensors, ReadsWhatTheReferenceImplementationWrote) {
  const Safetensors content = Safetensors::load(JAXC_TEST_DATA "/conformance/bool_logic.safetensors");
  EXPECT_EQ(content.arrays.at("in0").type(), (Type{DType::boolean, {3, 4}}));
  EXPECT_EQ(content.arrays.at("in0").values<bool>().size(), 12u);
  EXPECT_TRUE(content.metadata.contains("rtol"));
}

TEST(Safetensors, ReadsWhatItWrote) {
  Safetensors content;
  content.arrays.emplace("b", Array::of<bool>({3}, {true, false, true}));
  content.arrays.emplace("x", Array::of<double>({2, 1}, {1.5, -2.5}));
  content.arrays.emplace("none", Array(Type{DType::f32, {0, 7}}));
  content.arrays.emplace("scalar", Array::of<std::int32_t>({}, {-7}));
  content.arrays.emplace("complex", Array(Type{DType::c128, {2}}));
  content.metadata = {{"rtol", "1e-6"}, {"quote \"", "\n"}};
  const std::vector<std::byte> bytes = content.serialize();
  const Safetensors read = Safetensors::parse(bytes, "data");
  EXPECT_EQ(read.metadata, content.metadata);
  ASSERT_EQ(read.arrays.size(), content.arrays.size());
  for (const auto& [name, array] : content.arrays) {
    const Array& other = read.arrays.at(name);
    EXPECT_EQ(other.type(), array.type()) << name;
    EXPECT_TRUE(std::ranges::equal(other.bytes(), array.bytes())) << name;
  }
  EXPECT_EQ(read.serialize(), bytes);
}

TEST(Safetensors, SavesAndLoadsFiles) {
  const std::filesystem::path path = testing::TempDir() + "jaxc_safetensors_test.safetensors";
  Safetensors content;
  content.arrays.emplace("a", Array::of<float>({2}, {1, 2}));
  content.save(path);
  EXPECT_EQ(Safetensors::load(path).serialize(), content.serialize());
  std::filesystem::remove(path);
  EXPECT_THROW(Safetensors::load(path), Error);
  EXPECT_THROW(Safetensors::load(testing::TempDir()), Error);
  EXPECT_THROW(content.save(testing::TempDir() + "no/such/folder/file"), Error);
}

TEST(Safetensors, RefusesDTypesWithoutAName) {
  Safetensors content;
  content.arrays.emplace("a", Array(Type{DType::f8_e3m4, {2}}));
  EXPECT_THROW(content.serialize(), Error);
}

TEST(Safetensors, HoldsNarrowIntegersAsBytes) {
  for (const DType dtype : {DType::i2, DType::i4, DType::u2, DType::u4}) {
    const Type type{dtype, {2}};
    const std::array<std::byte, 2> numbers = {std::byte{1}, is_signed_integer(dtype) ? std::byte{0xfe} : std::byte{3}};
    Safetensors content;
    content.arrays.emplace("a", Array(type, numbers));
    const Safetensors read = Safetensors::parse(content.serialize(), "data");
    EXPECT_EQ(read.arrays.at("a").type(), (Type{is_signed_integer(dtype) ? DType::i8 : DType::u8, {2}}));
    const Array back = read.array("a", type);
    EXPECT_EQ(back.type(), type);
    EXPECT_TRUE(std::ranges::equal(back.bytes(), numbers));
    EXPECT_EQ(read.array("a", read.arrays.at("a").type()).type().dtype, read.arrays.at("a").type().dtype);
  }
}

TEST(Safetensors, RefusesNumbersThatDoNotFitNarrowIntegers) {
  Safetensors content;
  content.arrays.emplace("signed", Array::of<std::int8_t>({2}, {-3, 1}));
  content.arrays.emplace("natural", Array::of<std::uint8_t>({1}, {16}));
  const auto error = [&](const std::string& name, DType dtype, std::int64_t extent) {
    try {
      content.array(name, {dtype, {extent}});
    } catch (const Error& refused) {
      return std::string(refused.what());
    }
    return std::string();
  };
  EXPECT_EQ(error("signed", DType::i4, 2), "");
  EXPECT_EQ(error("signed", DType::i2, 2), "safetensors: array signed: its numbers must fit i2");
  EXPECT_EQ(error("natural", DType::u4, 1), "safetensors: array natural: its numbers must fit u4");
  EXPECT_EQ(error("absent", DType::f32, 1), "safetensors: there is no array absent");
}

TEST(Safetensors, HoldsKeysAsWords) {
  const Array words = Array::of<std::uint32_t>({3, 2}, {1, 2, 3, 4, 5, 6});
  Safetensors content;
  content.arrays.emplace("a", words);
  const Type type{DType::key, {3}};
  const Array keys = content.array("a", type);
  EXPECT_EQ(keys.type(), type);
  EXPECT_TRUE(std::ranges::equal(keys.bytes(), words.bytes()));
  EXPECT_EQ(content.array("a", Type{DType::key, {2}}).type(), words.type());
  Safetensors written;
  written.arrays.emplace("a", keys);
  EXPECT_EQ(written.serialize(), content.serialize());
}

struct Malformed {
  std::string header;
  std::size_t data_size;
  std::string message;
};

class MalformedFile : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedFile, IsAnErrorWithItsReason) {
  EXPECT_EQ(error_of(file_of(GetParam().header, GetParam().data_size)), "data: " + GetParam().message);
}

const std::string f32_2 = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";

INSTANTIATE_TEST_SUITE_P(
    Safetensors, MalformedFile,
    testing::Values(Malformed{"[]", 0, "the header must be a JSON object"},
                    Malformed{"{" + f32_2 + "}", 7, "the file is truncated, its arrays take 8 bytes of 7"},
                    Malformed{"{" + f32_2 + "}", 9, "1 bytes at the end belong to no array"},
                    Malformed{"{" + f32_2 + "," + f32_2 + "}", 8, "array \"a\": is given twice"},
                    Malformed{"{" + f32_2 + R"(,"b":{"dtype":"U8","shape":[2],"data_offsets":[7,9]}})", 9,
                              "array \"b\": overlaps another array"},
                    Malformed{"{" + f32_2 + R"(,"b":{"dtype":"U8","shape":[2],"data_offsets":[9,11]}})", 11,
                              "array \"b\": 1 bytes before it belong to no array"},
                    Malformed{R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8,
                              "array \"a\": f32[3] takes 12 bytes, got 8"},
                    Malformed{R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8,
                              "array \"a\": shape must hold natural numbers below 2^62"},
                    Malformed{R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4,
                              "array \"a\": shape must hold natural numbers below 2^62"},
                    Malformed{R"({"a":{"dtype":"U8","shape":[4611686018427387903,4],"data_offsets":[0,4]}})", 4,
                              "array \"a\": shape: an array has at most 2^40 elements, got [4611686018427387903,4]"},
                    Malformed{R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,4]}})", 4,
                              "array \"a\": shape must hold natural numbers below 2^62"},
                    Malformed{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4,
                              "array \"a\": data_offsets must be a begin and an end"},
                    Malformed{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4,
                              "array \"a\": data_offsets must be a begin and an end"},
                    Malformed{R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4,
                              "array \"a\": the dtype \"F31\" is unknown"},
                    Malformed{R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "array \"a\": dtype must be a string"},
                    Malformed{R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "array \"a\": shape must be a list"},
                    Malformed{R"({"a":7})", 0, "array \"a\": must have dtype, shape and data_offsets"},
                    Malformed{R"({"__metadata__":{"a":1}})", 0, "__metadata__ must be an object of strings"},
                    Malformed{R"({"__metadata__":[]})", 0, "__metadata__ must be an object of strings"}));

TEST(Safetensors, RefusesTruncatedFilesAtEveryLength) {
  const std::vector<std::byte> bytes = file_of("{" + f32_2 + "}", 8);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_NE(error_of(std::span(bytes).first(size)), "") << size;
  EXPECT_EQ(error_of(bytes), "");
}

TEST(Safetensors, RefusesBooleansThatAreNeitherTrueNorFalse) {
  std::vector<std::byte> bytes = file_of(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 1);
  bytes.back() = std::byte{2};
  EXPECT_EQ(error_of(bytes), "data: array \"a\": a boolean must be 0 or 1");
}

TEST(Safetensors, RefusesDeepHeaders) {
  const std::string deep(100'000, '[');
  EXPECT_NE(error_of(file_of(deep, 0)), "");
  EXPECT_NE(error_of(file_of(R"({"a":)" + deep, 0)), "");
}

TEST(Safetensors, RefusesAHeaderLongerThanTheFile) {
  std::vector<std::byte> bytes(16, std::byte{0xff});
  EXPECT_EQ(error_of(bytes), "data: is not a .safetensors file, which begins with a header of at most 100 MB");
}

}  // namespace
}  // namespace jaxc
