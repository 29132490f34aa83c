// mix_strategy and interleave_probs, from words to a job.
#include <fmt/format.h>

#include "compat/llamafactory/front_testing.h"

namespace fettle::llamafactory {

namespace {
class MixingTest : public testing::FrontTest {};
}  // namespace

TEST_F(MixingTest, SharesOfMixedDatasetsAreCountedAndRead) {
  const auto job = [&](std::vector<std::string> more) { return train(minimal(std::move(more))).data.mixing; };
  EXPECT_EQ(job({"dataset=a,b", "mix_strategy=interleave_once", "interleave_probs=0.7, 0.3"}).probabilities,
            (std::vector<double>{0.7, 0.3}));
  EXPECT_EQ(job({}).strategy, MixStrategy::concat);
  const auto refused = [&](const char* probs, const char* strategy, const char* message) {
    const std::string error = error_of(minimal({"dataset=a,b", fmt::format("mix_strategy={}", strategy),
                                                fmt::format("interleave_probs={}", probs)}));
    EXPECT_TRUE(contains(error, message)) << error;
  };
  refused("0.7,0.3", "concat",
          "interleave_probs (command line) and mix_strategy (command line) exclude each other");
  refused("0.7", "interleave_over", "interleave_probs: 1 shares for the 2 datasets of dataset");
  refused("0.7,x", "interleave_over", "interleave_probs: 'x' is no number");
  EXPECT_TRUE(contains(error_of(minimal({"mix_strategy=interleave"})), "mix_strategy")) << "another word";
}

}  // namespace fettle::llamafactory
