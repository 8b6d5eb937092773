// ThreadPool: a team of threads that shares out the parts of one piece of work at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace jaxc::cpu {

/// Threads start with the first work that needs them, and end with the pool. Which thread runs a part is not
/// determined.
class ThreadPool {
 public:
  /// `threads` counts the caller; 0 means one for each core.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /// Calls part(k) for every k below `count`, and returns when all calls have; `part` throws nothing. The caller takes
  /// part. Callers at the same time do not wait for each other: the pool helps the first, the others work alone.
  void run(std::int64_t count, const std::function<void(std::int64_t)>& part);

 private:
  struct Work {
    const std::function<void(std::int64_t)>& part;
    std::int64_t count;
    std::atomic<std::int64_t> next{0};

    void take_parts();
  };

  void start();
  void serve();

  const int threads_;
  std::mutex busy_;  ///< held by the caller whom the pool helps
  std::vector<std::thread> team_;
  std::mutex mutex_;  ///< guards what follows
  std::condition_variable wake_;
  std::condition_variable left_;
  Work* work_ = nullptr;
  int inside_ = 0;  ///< threads of the team that work
  bool stop_ = false;
  std::atomic<std::uint64_t> turn_{0};  ///< counts pieces of work; read without the mutex while waiting a little
};

}  // namespace jaxc::cpu
