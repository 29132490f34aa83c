#include "tune/reach.h"

#include <gtest/gtest.h>

namespace fettle {
namespace {

TEST(Reach, TellsWhatIsTooLittleAndTooMuch) {
  EXPECT_NE(reach_warning(2e-5, 94).find("learning_rate: 2e-04 would"), std::string::npos)
      << reach_warning(2e-5, 94);
  EXPECT_EQ(reach_warning(1e-4, 94), "");
  EXPECT_EQ(reach_warning(2e-5, 400), "");
  EXPECT_NE(reach_warning(0.01, 100).find("0.0001 to 0.001 is usual"), std::string::npos);
  EXPECT_EQ(reach_warning(2e-5, 20), "") << "a trial of a few updates";
}

}  // namespace
}  // namespace fettle
