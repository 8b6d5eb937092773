// A pool whose threads wait a little while awake before they sleep, since pieces of work often follow each other.
#include "backends/llvm/runtime/thread_pool.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <system_error>

namespace jaxc::cpu {

namespace {

using Clock = std::chrono::steady_clock;

/// How long a thread looks for work without giving its core away: longer than the code between two pieces of work
/// in one step of a loop.
constexpr std::chrono::microseconds eager{5};

/// How long a thread without work stays awake: about what waking one takes.
constexpr std::chrono::microseconds awake{50};

/// Looks at memory between two looks at the clock.
constexpr int looks = 16;

/// The fields of a share: a turn of 32 bits, and two numbers of parts.
constexpr int end_shift = 16;
constexpr int turn_shift = 32;
constexpr std::uint64_t part_mask = (std::uint64_t{1} << end_shift) - 1;
constexpr auto most_parts = static_cast<std::int64_t>(part_mask);

/// Added to the unfinished parts while the caller sleeps.
constexpr std::int64_t joining = std::int64_t{1} << 32;

std::uint64_t share_of(std::uint64_t turn, std::int64_t begin, std::int64_t end) {
  return turn << turn_shift | static_cast<std::uint64_t>(end) << end_shift | static_cast<std::uint64_t>(begin);
}

/// Plans cut work into no more parts (compiler/plan/cpu_threads), so that more threads have nothing to do.
constexpr int most_threads = 64;

int cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

int count_of(int threads) {
  return std::min(threads > 0 ? threads : cores(), most_threads);
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Waits awake until `ready`, and returns whether it came to be. A thread that waits long lets others have its core.
template <typename Ready>
bool await_awake(Ready ready) {
  for (int look = 0; look < looks; ++look) {
    if (ready()) return true;
    relax();
  }
  const auto begin = Clock::now();
  for (;;) {
    for (int look = 0; look < looks; ++look) {
      if (ready()) return true;
      relax();
    }
    const auto waited = Clock::now() - begin;
    if (waited > awake) return ready();
    if (waited > eager) std::this_thread::yield();
  }
}

}  // namespace

ForkMark::ForkMark() : process_(getpid()) {
  constexpr std::size_t bytes = 1;  // of which the kernel makes a page
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  if (madvise(memory, bytes, MADV_WIPEONFORK) == 0) {
    page_ = new (memory) std::atomic<int>(1);
  } else {
    munmap(memory, bytes);
  }
}

ForkMark::~ForkMark() {
  if (page_ != nullptr) munmap(page_, 1);
}

bool ForkMark::is_own() const {
  return page_ != nullptr ? page_->load(std::memory_order_relaxed) != 0 : getpid() == process_;
}

ThreadPool::ThreadPool(int threads) : threads_(count_of(threads)) {}

ThreadPool::~ThreadPool() {
  // What a fork copied of the parent's threads cannot be ended: nothing of them runs here.
  ThreadTeam* const team = team_.load();
  if (team != nullptr && team->is_own()) delete team;
}

ThreadTeam& ThreadPool::own_team() {
  ThreadTeam* team = team_.load(std::memory_order_acquire);
  if (team != nullptr && team->is_own()) return *team;
  auto made = std::make_unique<ThreadTeam>(threads_);
  if (team_.compare_exchange_strong(team, made.get())) return *made.release();
  return *team;  // another caller's
}

void ThreadPool::run(std::int64_t count, const std::function<void(std::int64_t)>& part) {
  if (threads_ == 1 || count < 2 || count > most_parts) {
    for (std::int64_t k = 0; k < count; ++k) part(k);
    return;
  }
  own_team().run(count, part);
}

ThreadTeam::~ThreadTeam() {
  if (team_.empty()) return;
  stop_.store(true);
  begin_turn(0, nullptr);
  for (std::thread& thread : team_) thread.join();
}

std::uint64_t ThreadTeam::Share::turn() const {
  return parts.load(std::memory_order_acquire) >> turn_shift;
}

void ThreadTeam::start() {
  shares_ = std::vector<Share>(static_cast<std::size_t>(threads_));
  try {
    while (static_cast<int>(team_.size()) + 1 < threads_)
      team_.emplace_back([this, member = team_.size() + 1] { serve(member); });
  } catch (const std::system_error&) {
    // The system has no more threads; those that there are do the work.
  }
}

void ThreadTeam::run(std::int64_t count, const std::function<void(std::int64_t)>& part) {
  std::unique_lock busy(busy_, std::try_to_lock);
  if (!busy) {
    for (std::int64_t k = 0; k < count; ++k) part(k);
    return;
  }
  if (shares_.empty()) start();
  begin_turn(count, &part);
  take_parts(0, shares_[0].turn());
  await_parts();
}

void ThreadTeam::begin_turn(std::int64_t count, const std::function<void(std::int64_t)>* part) {
  ++turn_;
  unfinished_.store(count, std::memory_order_relaxed);
  const auto members = static_cast<std::int64_t>(shares_.size());
  for (std::int64_t k = 0; k < members; ++k) {
    Share& share = shares_[static_cast<std::size_t>(k)];
    share.part.store(part, std::memory_order_relaxed);
    share.parts.store(share_of(turn_, count * k / members, count * (k + 1) / members), std::memory_order_release);
  }
  // A thread counts itself among the sleepers before it looks for a turn a last time. Of two changes of one number, one
  // comes second: either it sees the turn, or it is seen.
  if (sleepers_.fetch_add(0) == 0) return;
  {
    const std::lock_guard lock(mutex_);
  }
  wake_.notify_all();
}

void ThreadTeam::take_parts(std::size_t member, std::uint64_t turn) {
  std::int64_t done = 0;
  for (std::size_t k = 0; k < shares_.size(); ++k) {
    Share& share = shares_[(member + k) % shares_.size()];
    for (std::uint64_t found = share.parts.load(std::memory_order_acquire); found >> turn_shift == turn;) {
      const std::uint64_t part = found & part_mask;
      if (part == ((found >> end_shift) & part_mask)) break;
      if (!share.parts.compare_exchange_weak(found, found + 1)) continue;
      // The work does not end before this part has, and no other begins before.
      (*share.part.load(std::memory_order_relaxed))(static_cast<std::int64_t>(part));
      ++done;
      found = share.parts.load(std::memory_order_acquire);
    }
  }
  if (done == 0 || unfinished_.fetch_sub(done) != joining + done) return;
  {
    const std::lock_guard lock(mutex_);
  }
  left_.notify_one();
}

void ThreadTeam::await_parts() {
  if (await_awake([&] { return unfinished_.load(std::memory_order_acquire) == 0; })) return;
  std::unique_lock lock(mutex_);
  unfinished_.fetch_add(joining);
  left_.wait(lock, [&] { return unfinished_.load() == joining; });
}

std::uint64_t ThreadTeam::await_turn(const Share& own, std::uint64_t seen) {
  const auto begun = [&] { return own.turn() != seen; };
  if (!await_awake(begun)) {
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, begun);
    sleepers_.fetch_sub(1);
  }
  return own.turn();
}

void ThreadTeam::serve(std::size_t member) {
  const Share& own = shares_[member];
  for (std::uint64_t turn = 0;;) {
    turn = await_turn(own, turn);
    if (stop_.load()) return;
    take_parts(member, turn);
  }
}

}  // namespace jaxc::cpu
