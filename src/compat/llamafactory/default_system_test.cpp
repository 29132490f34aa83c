#include "compat/llamafactory/front_testing.h"

namespace fettle::llamafactory {

using testing::FrontTest;

TEST_F(FrontTest, AnEmptySystemTextIsNotTheSameAsNone) {
  const auto system = [&](std::vector<std::string> more) {
    return train(minimal(std::move(more))).model.default_system;
  };
  EXPECT_EQ(system({"default_system="}), "");
  EXPECT_EQ(system({"default_system=null"}), std::nullopt);
  EXPECT_EQ(system({}), std::nullopt);
}

}  // namespace fettle::llamafactory
