// Safetensors: reading with every field checked, and writing.
#include "jaxc/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "jaxc/error.h"

static_assert(std::endian::native == std::endian::little, "the format stores little-endian numbers");

namespace jaxc {
namespace {

using nlohmann::json;

constexpr std::size_t length_bytes = 8;
constexpr std::size_t max_header_bytes = 100'000'000;  // the format's own limit
constexpr std::string_view metadata_key = "__metadata__";

struct StoredDType {
  std::string_view stored;
  DType dtype;
};

constexpr auto stored_dtypes = std::to_array<StoredDType>({
    {"BOOL", DType::boolean},
    {"I8", DType::i8},
    {"I16", DType::i16},
    {"I32", DType::i32},
    {"I64", DType::i64},
    {"U8", DType::u8},
    {"U16", DType::u16},
    {"U32", DType::u32},
    {"U64", DType::u64},
    {"F16", DType::f16},
    {"BF16", DType::bf16},
    {"F32", DType::f32},
    {"F64", DType::f64},
    {"C64", DType::c64},
    {"C128", DType::c128},
    {"F8_E4M3", DType::f8_e4m3fn},
    {"F8_E4M3FNUZ", DType::f8_e4m3fnuz},
    {"F8_E5M2", DType::f8_e5m2},
    {"F8_E5M2FNUZ", DType::f8_e5m2fnuz},
    {"F8_E8M0", DType::f8_e8m0fnu},
});

/// One array's place in the data.
struct Entry {
  std::string name;
  Type type;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::string_view origin) : bytes_(bytes), origin_(origin) {}

  Safetensors read() {
    Safetensors content;
    std::vector<Entry> entries;
    const json header = read_header();
    for (const auto& [name, value] : header.items()) {
      if (name == metadata_key) {
        content.metadata = read_metadata(value);
      } else {
        entries.push_back(read_entry(name, value));
      }
    }
    check_places(entries);
    for (const Entry& entry : entries) content.arrays.emplace(entry.name, read_array(entry));
    return content;
  }

 private:
  [[noreturn]] void fail(std::string_view message) const { throw Error(fmt::format("{}: {}", origin_, message)); }
  [[noreturn]] void fail(std::string_view array, std::string_view message) const {
    fail(fmt::format("array {}: {}", json(array).dump(-1, ' ', true, json::error_handler_t::replace), message));
  }

  json read_header() {
    std::uint64_t length = 0;
    if (bytes_.size() < length_bytes) fail(fmt::format("the file is truncated, it has {} bytes", bytes_.size()));
    std::memcpy(&length, bytes_.data(), length_bytes);
    const std::size_t rest = bytes_.size() - length_bytes;
    if (length > max_header_bytes) fail("is not a .safetensors file, which begins with a header of at most 100 MB");
    if (length > rest) fail(fmt::format("the file is truncated, its header takes {} bytes of {}", length, rest));
    const auto* const text = reinterpret_cast<const char*>(bytes_.data()) + length_bytes;
    data_ = bytes_.subspan(length_bytes + length);

    // An entry's lists are at depth 2; a name that is given twice would hide an array.
    std::set<std::string> names;
    const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
      if (depth > 3) fail("the header is nested too deep");
      if (event == json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second) {
        fail(parsed.get<std::string>(), "is given twice");
      }
      return true;
    };
    try {
      json header = json::parse(text, text + length, check);
      if (!header.is_object()) fail("the header must be a JSON object");
      return header;
    } catch (const json::exception& error) {
      fail(fmt::format("the header is not JSON: {}", error.what()));
    }
  }

  std::map<std::string, std::string> read_metadata(const json& value) const {
    if (!value.is_object()) fail("__metadata__ must be an object of strings");
    std::map<std::string, std::string> metadata;
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail("__metadata__ must be an object of strings");
      metadata.emplace(key, text.get<std::string>());
    }
    return metadata;
  }

  std::vector<std::uint64_t> read_naturals(const std::string& array, const json& entry, const char* key) const {
    if (!entry.contains(key) || !entry[key].is_array()) fail(array, fmt::format("{} must be a list", key));
    std::vector<std::uint64_t> naturals;
    for (const json& item : entry[key]) {
      // Kept within 62 bits, so that neither sums nor signed extents overflow.
      if (!item.is_number_unsigned() || item.get<std::uint64_t>() >> 62 != 0) {
        fail(array, fmt::format("{} must hold natural numbers below 2^62", key));
      }
      naturals.push_back(item.get<std::uint64_t>());
    }
    return naturals;
  }

  Entry read_entry(const std::string& name, const json& value) const {
    if (!value.is_object()) fail(name, "must have dtype, shape and data_offsets");
    if (!value.contains("dtype") || !value["dtype"].is_string()) fail(name, "dtype must be a string");
    const auto stored = value["dtype"].get<std::string>();
    const auto found = std::find_if(stored_dtypes.begin(), stored_dtypes.end(),
                                    [&](const StoredDType& row) { return row.stored == stored; });
    if (found == stored_dtypes.end())
      fail(name, fmt::format("the dtype {} is unknown", json(stored).dump(-1, ' ', true)));
    Entry entry{name, {found->dtype, {}}, 0, 0};
    for (const std::uint64_t extent : read_naturals(name, value, "shape")) {
      entry.type.shape.push_back(static_cast<std::int64_t>(extent));
    }
    const std::vector<std::uint64_t> offsets = read_naturals(name, value, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) fail(name, "data_offsets must be a begin and an end");
    entry.begin = offsets[0];
    entry.end = offsets[1];
    std::int64_t size = 0;
    try {
      size = byte_count(entry.type);
    } catch (const Error& error) {
      fail(name, error.what());
    }
    if (std::cmp_not_equal(size, entry.end - entry.begin)) {
      fail(name, fmt::format("{} takes {} bytes, got {}", to_string(entry.type), size, entry.end - entry.begin));
    }
    return entry;
  }

  /// Arrays lie one after another and fill the data.
  void check_places(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
      return std::pair(left.begin, left.end) < std::pair(right.begin, right.end);
    });
    std::uint64_t end = 0;
    for (const Entry& entry : entries) {
      if (entry.begin < end) fail(entry.name, "overlaps another array");
      if (entry.begin > end) fail(entry.name, fmt::format("{} bytes before it belong to no array", entry.begin - end));
      end = entry.end;
    }
    if (end > data_.size()) {
      fail(fmt::format("the file is truncated, its arrays take {} bytes of {}", end, data_.size()));
    }
    if (end < data_.size()) fail(fmt::format("{} bytes at the end belong to no array", data_.size() - end));
  }

  Array read_array(const Entry& entry) const {
    const std::span<const std::byte> bytes = data_.subspan(entry.begin, entry.end - entry.begin);
    if (is_boolean(entry.type.dtype)) {
      const bool is_valid =
          std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte <= std::byte{1}; });
      if (!is_valid) fail(entry.name, "a boolean must be 0 or 1");
    }
    return Array(entry.type, bytes);
  }

  std::span<const std::byte> bytes_;
  std::span<const std::byte> data_;
  std::string_view origin_;
};

std::string_view stored_name(const std::string& array, const Type& type) {
  for (const auto& [stored, dtype] : stored_dtypes) {
    if (dtype == type.dtype) return stored;
  }
  throw Error(fmt::format("safetensors: array {}: the format has no name for {}; convert it to another dtype", array,
                          name(type.dtype)));
}

/// The type in which a file holds an array: narrow integers as bytes, keys as words.
Type stored_type(const Type& type) {
  Type stored = type;
  if (is_narrow_integer(type.dtype)) stored.dtype = is_signed_integer(type.dtype) ? DType::i8 : DType::u8;
  if (type.dtype == DType::key) {
    stored.dtype = DType::u32;
    stored.shape.push_back(2);
  }
  return stored;
}

/// Every byte is a number of the dtype's bits.
bool fits(std::span<const std::byte> bytes, DType dtype) {
  const int bits = value_bits(dtype);
  const bool has_sign = is_signed_integer(dtype);
  const int least = has_sign ? -(1 << (bits - 1)) : 0;
  const int greatest = (1 << (has_sign ? bits - 1 : bits)) - 1;
  return std::all_of(bytes.begin(), bytes.end(), [&](std::byte byte) {
    const auto natural = std::to_integer<std::uint8_t>(byte);
    const int number = has_sign ? static_cast<std::int8_t>(natural) : natural;
    return least <= number && number <= greatest;
  });
}

}  // namespace

Safetensors Safetensors::parse(std::span<const std::byte> bytes, std::string_view origin) {
  return Reader(bytes, origin).read();
}

Safetensors Safetensors::load(const std::filesystem::path& path) {
  std::error_code failure;
  const bool is_directory = std::filesystem::is_directory(path, failure);
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (is_directory || !file) throw Error(fmt::format("{}: the file cannot be read", path.string()));
  const std::streamoff size = file.tellg();
  if (size < 0 || size > max_bytes) throw Error(fmt::format("{}: the file has no size below 2^40", path.string()));
  Array content(Type{DType::u8, {size}});
  const std::span<std::byte> memory = content.mutable_bytes();
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(memory.data()), size)) {
    throw Error(fmt::format("{}: the file cannot be read", path.string()));
  }
  return parse(content.bytes(), path.string());
}

Array Safetensors::array(const std::string& name, const Type& type) const {
  const auto found = arrays.find(name);
  if (found == arrays.end()) throw Error(fmt::format("safetensors: there is no array {}", name));
  const Array& stored = found->second;
  if (stored.type() == type || stored.type() != stored_type(type)) return stored;
  if (is_narrow_integer(type.dtype) && !fits(stored.bytes(), type.dtype)) {
    throw Error(fmt::format("safetensors: array {}: its numbers must fit {}", name, jaxc::name(type.dtype)));
  }
  return Array(type, stored.bytes());
}

std::vector<std::byte> Safetensors::serialize() const {
  // Larger elements first: every array is then aligned to its elements.
  std::vector<std::pair<const std::string*, const Array*>> ordered;
  for (const auto& [name, array] : arrays) ordered.emplace_back(&name, &array);
  std::sort(ordered.begin(), ordered.end(), [](const auto& left, const auto& right) {
    const std::size_t left_size = element_bytes(left.second->type().dtype);
    const std::size_t right_size = element_bytes(right.second->type().dtype);
    return left_size != right_size ? left_size > right_size : *left.first < *right.first;
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[std::string(metadata_key)] = metadata;
  std::size_t size = 0;
  for (const auto& [name, array] : ordered) {
    if (*name == metadata_key) throw Error("safetensors: an array must not be named __metadata__");
    const std::size_t end = size + array->bytes().size();
    const Type stored = stored_type(array->type());
    header[*name] = {{"dtype", stored_name(*name, stored)}, {"shape", stored.shape}, {"data_offsets", {size, end}}};
    size = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    throw Error("safetensors: names and metadata must be UTF-8");
  }
  while ((length_bytes + text.size()) % 16 != 0) text += ' ';
  const std::uint64_t length = text.size();
  std::vector<std::byte> bytes(length_bytes + text.size() + size);
  std::memcpy(bytes.data(), &length, length_bytes);
  std::memcpy(bytes.data() + length_bytes, text.data(), text.size());
  std::size_t place = length_bytes + text.size();
  for (const auto& [name, array] : ordered) {
    const std::span<const std::byte> content = array->bytes();
    if (!content.empty()) std::memcpy(bytes.data() + place, content.data(), content.size());
    place += content.size();
  }
  return bytes;
}

void Safetensors::save(const std::filesystem::path& path) const {
  const std::vector<std::byte> bytes = serialize();
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw Error(fmt::format("{}: the file cannot be written", path.string()));
}

}  // namespace jaxc
