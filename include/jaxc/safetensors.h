// Safetensors: named arrays in a file, the data that goes with a program's text.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jaxc/array.h"

namespace jaxc {

/// The content of a .safetensors file (https://github.com/huggingface/safetensors): eight bytes of header
/// length, a JSON header, the arrays' bytes. dtypes are the format's own and C128 for complex128; integers of 2 and 4
/// bits are written as I8 and U8, keys as U32[..., 2]; other dtypes have no name in the format.
struct Safetensors {
  std::map<std::string, Array> arrays;
  std::map<std::string, std::string> metadata;

  /// Reads a file. Throws Error when it cannot be read or is malformed.
  static Safetensors load(const std::filesystem::path& path);
  /// Reads a file's bytes; `origin` names them in messages. Throws Error when they are truncated, their header is not
  /// what the format asks for, or arrays overlap, leave gaps or do not fill their types.
  static Safetensors parse(std::span<const std::byte> bytes, std::string_view origin);

  /// The array of that name as a program's `type`: integers of 2 and 4 bits are made of I8 and U8, keys of
  /// U32[..., 2]; any other array is as the file has it. Throws Error when there is none, or a number does not fit.
  Array array(const std::string& name, const Type& type) const;

  /// The file's bytes; arrays lie at multiples of their element size. Throws Error for a dtype that the format has
  /// no name for.
  std::vector<std::byte> serialize() const;
  /// Writes serialize() to a file. Throws Error when that fails.
  void save(const std::filesystem::path& path) const;
};

}  // namespace jaxc
