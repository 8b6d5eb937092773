// DiskCache: values by key in a folder that processes share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jaxc::runtime {

/// A bounded store of files, one a key. Every failure of the file system reads as "not there": a cache never stops
/// the program that uses it.
///
/// A file holds its whole key, which find() compares, and a checksum; truncated, corrupt and foreign files are
/// ignored. Files appear whole, by renaming, so that any number of processes may share the folder; it is made with
/// mode 0700, and a folder or file of another user is not used.
class DiskCache {
 public:
  /// `folder` need not exist. Values are dropped, the longest unused first, while all together exceed `limit_bytes`.
  DiskCache(std::string folder, std::int64_t limit_bytes) : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}

  /// The value stored under the key; marks it as used now.
  std::optional<std::string> find(std::string_view key) const;
  /// Stores a value, replacing an older one.
  void store(std::string_view key, std::string_view value) const;

 private:
  std::string path(std::string_view key) const;
  /// Makes the folder; false where it cannot be used.
  bool prepare() const;
  void evict() const;

  std::string folder_;
  std::int64_t limit_bytes_;
};

}  // namespace jaxc::runtime
