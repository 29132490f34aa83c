#include "compat/llamafactory/front_testing.h"

namespace fettle::llamafactory {

using DefaultSystemTest = testing::FrontTest;

TEST_F(DefaultSystemTest, AnEmptySystemTextIsNotTheSameAsNone) {
  const auto system = [&](std::vector<std::string> more) {
    return train(minimal(std::move(more))).model.default_system;
  };
  EXPECT_EQ(system({"default_system="}), "");
  EXPECT_EQ(system({"default_system=null"}), std::nullopt);
  EXPECT_EQ(system({}), std::nullopt);
}

}  // namespace fettle::llamafactory
