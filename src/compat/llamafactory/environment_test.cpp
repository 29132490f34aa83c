#include <gtest/gtest.h>
#include <stdlib.h>

#include "compat/llamafactory/front_testing.h"

namespace fettle::llamafactory {

namespace {
class EnvironmentTest : public testing::FrontTest {};
}  // namespace

TEST_F(EnvironmentTest, ExtraKeysAreAllowedByEnvironmentAndTold) {
  setenv("ALLOW_EXTRA_ARGS", "1 ", 1);
  EXPECT_EQ(train(minimal({"something=1", "seed=3"})).seed, 3u);
  EXPECT_TRUE(notes_.has("unknown key 'something' ignored"));
}

TEST_F(EnvironmentTest, ThreadsComeFromTheEnvironmentTrimmed) {
  setenv("FETTLE_THREADS", "3 ", 1);
  EXPECT_EQ(train(minimal()).model.threads, 3);
  setenv("FETTLE_THREADS", "many", 1);
  EXPECT_TRUE(contains(error_of(minimal()), "FETTLE_THREADS"));
}

TEST_F(EnvironmentTest, OneProcessKeepsTheBatchOfAllThatWereAskedFor) {
  setenv("NPROC_PER_NODE", "2\r", 1);
  setenv("NNODES", "3", 1);
  EXPECT_EQ(train(minimal({"gradient_accumulation_steps=4"})).accumulation, 24);
  EXPECT_TRUE(notes_.has("6 processes are asked for"));
  setenv("NNODES", "0", 1);
  EXPECT_TRUE(contains(error_of(minimal({})), "a number of machines expected"));
  unsetenv("NNODES");
  unsetenv("NPROC_PER_NODE");
}

}  // namespace fettle::llamafactory
