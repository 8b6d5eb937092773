// A pool whose threads wait a little while awake before they sleep, since pieces of work often follow each other.
#include "backends/llvm/runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>

namespace jaxc::cpu {

namespace {

/// How long a thread without work stays awake: about what waking one takes.
constexpr std::chrono::microseconds awake{50};

int count_of(int threads) {
  if (threads > 0) return threads;
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(count_of(threads)) {}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    turn_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& thread : team_) thread.join();
}

void ThreadPool::Work::take_parts() {
  for (std::int64_t k = next.fetch_add(1); k < count; k = next.fetch_add(1)) part(k);
}

void ThreadPool::start() {
  try {
    while (static_cast<int>(team_.size()) + 1 < threads_) team_.emplace_back([this] { serve(); });
  } catch (const std::system_error&) {
    // The system has no more threads; those that there are do the work.
  }
}

void ThreadPool::run(std::int64_t count, const std::function<void(std::int64_t)>& part) {
  Work work{part, count};
  std::unique_lock busy(busy_, std::defer_lock);
  if (threads_ == 1 || count < 2 || !busy.try_lock()) return work.take_parts();
  if (team_.empty()) start();
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    turn_.fetch_add(1);
  }
  wake_.notify_all();
  work.take_parts();
  std::unique_lock lock(mutex_);
  work_ = nullptr;
  left_.wait(lock, [&] { return inside_ == 0; });
}

void ThreadPool::serve() {
  std::uint64_t seen = 0;
  for (;;) {
    const auto asleep_at = std::chrono::steady_clock::now() + awake;
    while (turn_.load() == seen && std::chrono::steady_clock::now() < asleep_at) std::this_thread::yield();
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return turn_.load() != seen; });
    seen = turn_.load();
    if (stop_) return;
    if (work_ == nullptr) continue;
    Work* work = work_;
    ++inside_;
    lock.unlock();
    work->take_parts();
    lock.lock();
    if (--inside_ == 0) left_.notify_one();
  }
}

}  // namespace jaxc::cpu
