// Which checkpoints stay.
#include "tune/checkpoint.h"

#include <fmt/format.h>

#include "base/file.h"
#include "model/tiny_model_testing.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;

/// The steps of the checkpoints left of 2, 4, … 12.
std::vector<std::string> left_of_six(int64_t limit, int64_t best_step) {
  const testing::TestFolder folder("checkpoints");
  for (int64_t step = 2; step <= 12; step += 2) {
    fs::create_directories(checkpoint_path(folder, step));
    write_atomic(checkpoint_path(folder, step) / "fettle_state.json", "{}");
  }
  remove_old_checkpoints(folder, limit, best_step);
  std::vector<std::string> names;
  for (const fs::path& path : checkpoints(folder)) names.push_back(path.filename().string().substr(11));
  return names;
}

using Names = std::vector<std::string>;
}  // namespace

TEST(Checkpoint, TheOldestGoFirst) {
  EXPECT_EQ(left_of_six(3, -1), (Names{"8", "10", "12"}));
  EXPECT_EQ(left_of_six(9, -1), (Names{"2", "4", "6", "8", "10", "12"}));
}

TEST(Checkpoint, TheNewestAndTheBestStayWhateverTheLimit) {
  EXPECT_EQ(left_of_six(3, 4), (Names{"4", "10", "12"}));
  EXPECT_EQ(left_of_six(1, 4), (Names{"4", "12"}));
  EXPECT_EQ(left_of_six(1, 12), (Names{"12"}));
  EXPECT_EQ(left_of_six(1, 5), (Names{"12"})) << "the best was never saved";
}

}  // namespace fettle
