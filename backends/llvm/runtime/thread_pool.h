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

/// Tells a process from one that was forked off it: a page of memory that the kernel empties in the child.
class ForkMark {
 public:
  ForkMark();
  ~ForkMark();
  ForkMark(const ForkMark&) = delete;
  ForkMark& operator=(const ForkMark&) = delete;

  /// Whether this process made the mark.
  bool is_own() const;

 private:
  std::atomic<int>* page_ = nullptr;  ///< null where the kernel cannot do that
  int process_;
};

/// The threads of a pool, of one process.
class ThreadTeam {
 public:
  explicit ThreadTeam(int threads) : threads_(threads) {}
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  bool is_own() const { return mark_.is_own(); }
  void run(std::int64_t count, const std::function<void(std::int64_t)>& part);

 private:
  /// What two threads write lies on two lines of their caches.
  static constexpr std::size_t line_bytes = 64;

  /// The run of parts that one thread begins with: from the highest bits, the turn, the run's end, and the next part.
  /// They change together, so that a thread which comes late for a turn takes no part of the following one. All that
  /// a thread needs to know of a turn lies on one line.
  struct alignas(line_bytes) Share {
    std::atomic<std::uint64_t> parts{0};
    std::atomic<const std::function<void(std::int64_t)>*> part{nullptr};  ///< for those who have taken a part

    std::uint64_t turn() const;
  };

  void start();
  void serve(std::size_t member);
  /// Returns the turn that follows `seen`, once there is one.
  std::uint64_t await_turn(const Share& own, std::uint64_t seen);
  /// Takes parts of the turn's work until none are left.
  void take_parts(std::size_t member, std::uint64_t turn);
  void await_parts();
  void begin_turn(std::int64_t count, const std::function<void(std::int64_t)>* part);

  const int threads_;
  std::mutex busy_;  ///< held by the caller whom the pool helps; guards the next three
  std::vector<std::thread> team_;
  std::vector<Share> shares_;  ///< one for each thread, the caller's first
  std::uint64_t turn_ = 0;     ///< counts pieces of work

  alignas(line_bytes) std::atomic<std::int64_t> unfinished_{0};  ///< parts; and whether the caller sleeps until then
  alignas(line_bytes) std::atomic<int> sleepers_{0};             ///< threads of the team that sleep, or are about to
  std::atomic<bool> stop_{false};
  std::mutex mutex_;              ///< for falling asleep and waking
  std::condition_variable wake_;  ///< a turn has begun
  std::condition_variable left_;  ///< no part is unfinished
  const ForkMark mark_;
};

/// Threads start with the first work that needs them, and end with the pool. Each thread begins with its own run of the
/// parts, always the same one where pieces of work have as many parts, so that caches keep what those parts read; who
/// is done takes parts of others. Threads without work stay awake for a while, so that work which follows soon costs
/// well under a microsecond to share out; then they sleep. A process that is forked off starts threads of its own.
class ThreadPool {
 public:
  /// `threads` counts the caller; 0 means one for each core that this process may use.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /// Calls part(k) for every k below `count`, and returns when all calls have; `part` throws nothing. The caller takes
  /// part. Callers at the same time do not wait for each other: the pool helps the first, the others work alone, as
  /// does who has more than 65535 parts.
  void run(std::int64_t count, const std::function<void(std::int64_t)>& part);

 private:
  ThreadTeam& own_team();

  const int threads_;
  std::atomic<ThreadTeam*> team_{nullptr};  ///< none before the first work; perhaps the parent's, which is left alone
};

}  // namespace jaxc::cpu
