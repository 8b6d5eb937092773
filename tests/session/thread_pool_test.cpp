// The thread pool: every part is done once, by any number of threads, awake or asleep, whoever else calls.
#include "backends/llvm/runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace jaxc::cpu {
namespace {

/// Runs `count` parts that count themselves, without atomics: no two threads do one part.
void expect_each_part_once(ThreadPool& pool, std::int64_t count) {
  std::vector<int> done(static_cast<std::size_t>(count), 0);
  pool.run(count, [&](std::int64_t part) { ++done[static_cast<std::size_t>(part)]; });
  EXPECT_EQ(std::count(done.begin(), done.end(), 1), count) << pool.threads() << " threads";
}

TEST(ThreadPoolOfThreads, DoesEachPartOnce) {
  for (const int threads : {0, 1, 2, 3, 16}) {
    ThreadPool pool(threads);
    for (const std::int64_t count : {0, 1, 2, 3, 15, 16, 17, 64, 65535, 65536, 70000})
      expect_each_part_once(pool, count);
    for (int turn = 0; turn < 2000; ++turn) expect_each_part_once(pool, 1 + turn % 20);
  }
}

TEST(ThreadPoolOfThreads, WakesThreadsThatSleep) {
  ThreadPool pool(3);
  for (int turn = 0; turn < 20; ++turn) {
    std::this_thread::sleep_for(std::chrono::microseconds(20 * turn));
    expect_each_part_once(pool, 7);
  }
}

TEST(ThreadPoolOfThreads, WaitsForLongParts) {
  ThreadPool pool(2);
  std::vector<int> done(2, 0);
  for (int turn = 0; turn < 5; ++turn)
    pool.run(2, [&](std::int64_t part) {
      if (part == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++done[static_cast<std::size_t>(part)];
    });
  EXPECT_EQ(done, std::vector<int>(2, 5));
}

TEST(ThreadPoolOfThreads, ServesConcurrentCallers) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int turn = 0; turn < 500; ++turn) expect_each_part_once(pool, 1 + turn % 9);
    });
  for (std::thread& caller : callers) caller.join();
}

TEST(ThreadPoolOfThreads, ServesACallerWhileAPartRuns) {
  ThreadPool pool(3);
  std::vector<int> done(5, 0);
  pool.run(5, [&](std::int64_t part) {
    if (part == 0) std::thread([&] { expect_each_part_once(pool, 9); }).join();
    ++done[static_cast<std::size_t>(part)];
  });
  EXPECT_EQ(done, std::vector<int>(5, 1));
}

#if !__has_feature(thread_sanitizer)  // which starts no threads in forked processes
TEST(ThreadPoolOfThreads, StartsAnewInForkedProcesses) {
  for (int k = 0; k < 20; ++k) {
    ThreadPool pool(4);
    expect_each_part_once(pool, 4);
    if (k % 2 == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the threads sleep
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      bool good = true;
      std::set<std::thread::id> threads;
      std::mutex mutex;
      for (int turn = 0; turn < 100; ++turn) {
        std::vector<std::atomic<int>> done(9);
        pool.run(9, [&](std::int64_t part) {
          ++done[static_cast<std::size_t>(part)];
          std::this_thread::sleep_for(std::chrono::microseconds(10));
          const std::lock_guard lock(mutex);
          threads.insert(std::this_thread::get_id());
        });
        for (const std::atomic<int>& count : done) good = good && count == 1;
      }
      pool.~ThreadPool();
      _exit(good && threads.size() > 1 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    expect_each_part_once(pool, 7);
  }
}
#endif

TEST(ThreadPoolOfThreads, EndsAtOnce) {
  for (int k = 0; k < 50; ++k) {
    ThreadPool pool(4);
    if (k % 2 == 1) expect_each_part_once(pool, 4);
  }
}

}  // namespace
}  // namespace jaxc::cpu
