// Reads and writes cache files through POSIX calls, which say who owns a file and never follow a link.
#include "runtime/disk_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "runtime/hash.h"

namespace jaxc::runtime {

namespace {

constexpr std::string_view suffix = ".jaxc";
constexpr std::size_t name_digits = 32;

/// What a file begins with; the key and the value follow.
struct Header {
  std::array<char, 8> magic = {'j', 'a', 'x', 'c', 'a', 'c', 'h', '1'};
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t checksum = 0;  ///< of the value
};

/// An open file, closed at the end.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  bool read_exactly(void* target, std::size_t bytes) const {
    auto* next = static_cast<char*>(target);
    while (bytes > 0) {
      const ssize_t count = ::read(descriptor_, next, bytes);
      if (count <= 0) return false;
      next += count;
      bytes -= static_cast<std::size_t>(count);
    }
    return true;
  }

  bool write_exactly(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  int descriptor_;
};

}  // namespace

std::string DiskCache::path(std::string_view key) const {
  return fmt::format("{}/{}{}", folder_, hash_name(key), suffix);
}

std::optional<std::string> DiskCache::find(std::string_view key) const {
  // Without waiting, in case a pipe has the name.
  const File file(::open(path(key).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat status = {};
  if (!file.open() || fstat(file.descriptor(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid()) return std::nullopt;
  Header header;
  if (!file.read_exactly(&header, sizeof(header)) || header.magic != Header().magic) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (header.key_bytes != key.size() || header.value_bytes > size ||
      size != sizeof(header) + header.key_bytes + header.value_bytes)
    return std::nullopt;
  std::string stored_key(key.size(), '\0');
  std::string value(header.value_bytes, '\0');
  if (!file.read_exactly(stored_key.data(), stored_key.size()) || stored_key != key ||
      !file.read_exactly(value.data(), value.size()) || hash64(value) != header.checksum)
    return std::nullopt;
  futimens(file.descriptor(), nullptr);
  return value;
}

bool DiskCache::prepare() const {
  std::error_code error;
  const std::filesystem::path folder(folder_);
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), error);
  mkdir(folder_.c_str(), S_IRWXU);
  struct stat status = {};
  return stat(folder_.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

void DiskCache::store(std::string_view key, std::string_view value) const {
  Header header;
  header.key_bytes = key.size();
  header.value_bytes = value.size();
  header.checksum = hash64(value);
  if (static_cast<std::int64_t>(sizeof(header) + key.size() + value.size()) > limit_bytes_ || !prepare()) return;
  const std::string final_path = path(key);
  std::string temporary = final_path + ".XXXXXX";
  {
    const File file(mkostemp(temporary.data(), O_CLOEXEC));
    if (!file.open()) return;
    std::array<char, sizeof(header)> header_bytes{};
    std::memcpy(header_bytes.data(), &header, sizeof(header));
    if (!file.write_exactly({header_bytes.data(), header_bytes.size()}) || !file.write_exactly(key) ||
        !file.write_exactly(value)) {
      unlink(temporary.c_str());
      return;
    }
  }
  if (rename(temporary.c_str(), final_path.c_str()) != 0) unlink(temporary.c_str());
  evict();
}

void DiskCache::evict() const {
  struct Entry {
    std::filesystem::file_time_type used;
    std::int64_t bytes = 0;
    std::filesystem::path path;
  };
  std::vector<Entry> entries;
  std::int64_t total = 0;
  std::error_code error;
  // A file that a writer left unfinished is called like the finished one, and more.
  for (std::filesystem::directory_iterator next(folder_, error), end; !error && next != end; next.increment(error)) {
    const std::string name = next->path().filename().string();
    if (name.find(suffix) != name_digits) continue;
    std::error_code gone;
    const auto bytes = static_cast<std::int64_t>(next->file_size(gone));
    const auto used = next->last_write_time(gone);
    if (gone) continue;
    entries.push_back({used, bytes, next->path()});
    total += bytes;
  }
  if (total <= limit_bytes_) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= limit_bytes_) return;
    std::filesystem::remove(entry.path, error);
    total -= entry.bytes;
  }
}

}  // namespace jaxc::runtime
