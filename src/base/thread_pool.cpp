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

struct ThreadPool::Rep {
  std::mutex mutex;
  std::condition_variable wake, done;
  uint64_t round = 0;
  int working = 0;
  bool stop = false;
  unsigned mxcsr = 0;
  Call call = nullptr;
  const void* body = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> next{0};
  std::vector<std::thread> workers;

  void drain(int thread) {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) call(body, i, thread);
  }

  void work(int thread) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      lock.unlock();
#if defined(__x86_64__)
      _mm_setcsr(mxcsr);
#endif
      drain(thread);
      lock.lock();
      if (--working == 0) done.notify_one();
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
    rep_->working = int(rep_->workers.size());
#if defined(__x86_64__)
    rep_->mxcsr = _mm_getcsr();
#endif
    ++rep_->round;
  }
  rep_->wake.notify_all();
  rep_->drain(0);
  std::unique_lock lock(rep_->mutex);
  rep_->done.wait(lock, [&] { return rep_->working == 0; });
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
