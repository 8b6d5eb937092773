// GuardedMemory: memory that ends where its page ends, with pages around it that trap every access.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace jaxc::cpu::testing {

/// `size` bytes, aligned to `alignment` at most (as far as `size` is a multiple of it), before a page that traps.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t size) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t used = (size + page - 1) / page * page;
    total_ = used + 2 * page;
    void* memory = mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(memory);
    if (used > 0 && mprotect(base_ + page, used, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    data_ = base_ + page + used - size;
  }
  ~GuardedMemory() { munmap(base_, total_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* base_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t total_ = 0;
};

}  // namespace jaxc::cpu::testing
