// From the second step on a training step allocates nothing: counted by this program's own operator new.
// Not under a sanitizer, which has an operator new of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "model/model_testing.h"
#include "tune/objective/cross_entropy.h"
#include "tune/optim/optimizer.h"

namespace {
std::atomic<int64_t> allocations{0};

void* counted(std::size_t n, std::size_t align) {
  ++allocations;
  void* p = align > alignof(std::max_align_t) ? std::aligned_alloc(align, (n + align - 1) / align * align)
                                              : std::malloc(n);
  if (!p) throw std::bad_alloc();
  return p;
}
}  // namespace

void* operator new(std::size_t n) {
  return counted(n, 0);
}
void* operator new[](std::size_t n) {
  return counted(n, 0);
}
void* operator new(std::size_t n, std::align_val_t a) {
  return counted(n, std::size_t(a));
}
void* operator new[](std::size_t n, std::align_val_t a) {
  return counted(n, std::size_t(a));
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace fettle {

class Allocation : public ::testing::TestWithParam<DType> {};

TEST_P(Allocation, NoneFromTheSecondStepOn) {
  using namespace testing;
  const TestFolder folder("allocation");
  const auto model = load_hf(folder, TinyModel{});
  const auto ops = test_ops(2);
  const auto adapter = LoraAdapter::create(*model, {.rank = 4, .alpha = 8, .dropout = 0.1}, 1);
  adapter->make_trainable();
  const std::vector<TestSequence> sequences = {test_sequence("a", 40, 3), test_sequence("b", 70, 5),
                                               test_sequence("c", 7, 1)};
  const TestBatch batch(sequences, {0, 0, 0});
  const auto network = training_network(model, {adapter.get()}, *ops, batch, Recompute::none, GetParam());
  Optimizer optimizer({}, int64_t(adapter->params().size()));
  CrossEntropy objective;
  objective.begin_step(int64_t(batch.targets().rows.size()));
  std::vector<float> logprob(batch.targets().rows.size());
  BatchView view = batch.view();
  view.training = true;
  const Targets targets = batch.targets();
  const auto step = [&] {
    network->train(view, targets, objective, logprob);
    optimizer.step(*ops, adapter->params(), adapter->grads(), 1e-3);
  };
  step();
  const int64_t before = allocations, scratch = ops->scratch_bytes();
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(allocations - before, 0);
  EXPECT_EQ(ops->scratch_bytes(), scratch);
}

INSTANTIATE_TEST_SUITE_P(Types, Allocation, ::testing::Values(DType::f32, DType::bf16));

}  // namespace fettle

#endif
