// A fixed team of threads for data-parallel loops. Which thread runs which index never changes a result:
// kernels keep every sum within one index.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace fettle {

class ThreadPool {
 public:
  /// `threads` ≥ 1 includes the caller. Workers share the caller's floating-point mode (MXCSR).
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  /// Runs body(index, thread) for index in [0, count), thread in [0, threads()). Returns when all are done.
  /// Allocates nothing. The body must not throw.
  template <class Body>
  void parallel_for(int64_t count, const Body& body) {
    run(
        count, [](const void* b, int64_t i, int t) { (*static_cast<const Body*>(b))(i, t); }, &body);
  }

 private:
  using Call = void (*)(const void* body, int64_t index, int thread);
  void run(int64_t count, Call call, const void* body);
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

/// Cores this process may use: the affinity mask, cut by a container's CPU quota.
int usable_cores();

}  // namespace fettle
