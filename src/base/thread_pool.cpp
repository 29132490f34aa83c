#include "base/thread_pool.h"

#include <sched.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace fettle {

namespace {

// A training step has a thousand loops, some shorter than it takes to put a thread to sleep and wake it: so a
// thread looks for a while, some 20 microseconds, before it sleeps.
constexpr int kLooks = 500;

template <class Condition>
bool comes_soon(const Condition& condition) {
  for (int i = 0; i < kLooks; ++i) {
    if (condition()) return true;
#if defined(__x86_64__)
    _mm_pause();
#endif
  }
  return false;
}

// A loop's state in one word: its number, whether threads may still join, and how many have. A thread that
// the system wakes too late finds the loop closed and is not waited for.
constexpr uint64_t kOpen = uint64_t(1) << 16, kJoined = kOpen - 1;

constexpr uint64_t number(uint64_t state) {
  return state >> 17;
}

}  // namespace

struct ThreadPool::Rep {
  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<uint64_t> state{0};
  std::atomic<bool> stop{false};
  unsigned mxcsr = 0;
  Call call = nullptr;
  const void* body = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> next{0};
  std::vector<std::thread> workers;

  void drain(int thread) {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) call(body, i, thread);
  }

  bool join(uint64_t& seen) {
    uint64_t s = state;
    while ((s & kOpen) && number(s) != seen) {
      if (!state.compare_exchange_weak(s, s + 1)) continue;
      seen = number(s);
      return true;
    }
    return false;
  }

  void work(int thread) {
    uint64_t seen = 0;
    const auto called = [&] {
      const uint64_t s = state;
      return stop || ((s & kOpen) && number(s) != seen);
    };
    for (;;) {
      if (!comes_soon(called)) {
        std::unique_lock lock(mutex);
        wake.wait(lock, called);
      }
      if (stop) return;
      if (!join(seen)) continue;
#if defined(__x86_64__)
      _mm_setcsr(mxcsr);
#endif
      drain(thread);
      if (((state.fetch_sub(1) - 1) & (kJoined | kOpen)) != 0) continue;
      std::lock_guard lock(mutex);  // or the caller could fall asleep between its look and this word
      done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : rep_(new Rep) {
  for (int t = 1; t < std::max(1, threads); ++t) rep_->workers.emplace_back([this, t] { rep_->work(t); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(rep_->mutex);
    rep_->stop = true;
  }
  rep_->wake.notify_all();
  for (auto& worker : rep_->workers) worker.join();
}

int ThreadPool::threads() const {
  return int(rep_->workers.size()) + 1;
}

void ThreadPool::run(int64_t count, Call call, const void* body) {
  if (count <= 0) return;
  if (rep_->workers.empty() || count == 1) {
    for (int64_t i = 0; i < count; ++i) call(body, i, 0);
    return;
  }
  {
    std::lock_guard lock(rep_->mutex);
    rep_->call = call;
    rep_->body = body;
    rep_->count = count;
    rep_->next.store(0, std::memory_order_relaxed);
#if defined(__x86_64__)
    rep_->mxcsr = _mm_getcsr();
#endif
    rep_->state = (number(rep_->state) + 1) << 17 | kOpen;
  }
  rep_->wake.notify_all();
  rep_->drain(0);
  rep_->state.fetch_and(~kOpen);
  const auto finished = [&] { return (rep_->state & kJoined) == 0; };
  if (comes_soon(finished)) return;
  std::unique_lock lock(rep_->mutex);
  rep_->done.wait(lock, finished);
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  // cgroup v2: "quota period" in microseconds, or "max period".
  if (std::ifstream in("/sys/fs/cgroup/cpu.max"); in) {
    std::string quota;
    double period = 0;
    if (in >> quota >> period; quota != "max" && period > 0)
      cores = std::min(cores, std::max(1, int(std::stod(quota) / period + 0.5)));
  }
  return std::max(1, cores);
}

}  // namespace fettle
