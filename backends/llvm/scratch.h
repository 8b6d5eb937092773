// ScratchPool: arenas for calls in flight, reused without locks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace jaxc::cpu {

/// Hands out arenas of one size, aligned to 64 bytes. Allocates when more are in use than ever before.
class ScratchPool {
 public:
  explicit ScratchPool(std::size_t bytes) : bytes_((bytes + 63) / 64 * 64) {}
  ~ScratchPool() {
    for (std::atomic<void*>& slot : slots_) std::free(slot.load());
  }
  ScratchPool(const ScratchPool&) = delete;
  ScratchPool& operator=(const ScratchPool&) = delete;

  /// An arena for the time of one call.
  class Lease {
   public:
    explicit Lease(ScratchPool& pool) : pool_(pool), memory_(pool.take()) {}
    ~Lease() { pool_.give(memory_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    void* memory() const { return memory_; }

   private:
    ScratchPool& pool_;
    void* memory_;
  };

 private:
  void* take() {
    if (bytes_ == 0) return nullptr;
    for (std::atomic<void*>& slot : slots_)
      if (slot.load(std::memory_order_relaxed) != nullptr)
        if (void* memory = slot.exchange(nullptr, std::memory_order_acquire)) return memory;
    void* memory = std::aligned_alloc(64, bytes_);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }

  void give(void* memory) {
    if (memory == nullptr) return;
    for (std::atomic<void*>& slot : slots_) {
      void* empty = nullptr;
      if (slot.compare_exchange_strong(empty, memory, std::memory_order_release, std::memory_order_relaxed)) return;
    }
    std::free(memory);
  }

  std::size_t bytes_;
  std::array<std::atomic<void*>, 16> slots_{};
};

}  // namespace jaxc::cpu
