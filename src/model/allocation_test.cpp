// A training step allocates nothing from the second on. Counts every call of operator new in this program.
// Not under a sanitizer, which has an operator new of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <atomic>
#include <cstdlib>
#include <new>

#include "model/model_testing.h"

namespace {
std::atomic<int64_t> allocations{0};

void* counted(size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(size_t size) {
  return counted(size);
}
void* operator new[](size_t size) {
  return counted(size);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, size_t) noexcept {
  std::free(p);
}

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

class Allocation : public ::testing::TestWithParam<const char*> {};

TEST_P(Allocation, NoneInAStepFromTheSecondOn) {
  TestFolder folder("allocation");
  const auto model = load_hf(folder, GetParam());
  const auto adapter = LoraAdapter::create(*model, {.rank = 4, .alpha = 8, .dropout = 0.1}, 1);
  adapter->make_trainable();
  const std::vector<TestSequence> two = {test_sequence("a", 40, 10), test_sequence("b", 23, 5)};
  const TestBatch batch(two, {0, 0}), shorter({two.data() + 1, 1}, {0});
  const auto ops = test_ops(2);
  for (const DType compute : {DType::f32, DType::bf16})
    for (const Recompute level : {Recompute::none, Recompute::block}) {
      const auto network = training_network(model, {adapter.get()}, *ops, batch, level, compute);
      std::vector<float> logprob(batch.targets().rows.size()), fewer(shorter.targets().rows.size());
      MeanLoss objective(1);
      network->train(batch.view(), batch.targets(), objective, logprob);
      network->train(shorter.view(), shorter.targets(), objective, fewer);
      const int64_t before = allocations;
      for (int step = 0; step < 3; ++step) {
        network->train(batch.view(), batch.targets(), objective, logprob);
        network->train(shorter.view(), shorter.targets(), objective, fewer);
        network->evaluate(batch.view(), batch.targets(), objective, logprob);
      }
      EXPECT_EQ(allocations - before, 0);
    }
  const auto probe = std::make_unique<std::vector<int>>(100);
  EXPECT_GT(allocations, 0) << "nothing is counted";
}

INSTANTIATE_TEST_SUITE_P(Families, Allocation, ::testing::Values("llama", "qwen2", "qwen3", "gemma3"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace fettle

#endif
