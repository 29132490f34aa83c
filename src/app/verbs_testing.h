// For tests of verbs: what one wrote.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "app/verbs.h"

namespace fettle::app {

/// What a verb wrote to standard output; its exit code must be 0.
inline std::string output_of(std::vector<std::string> words) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run_verb(words), 0);
  return ::testing::internal::GetCapturedStdout();
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace fettle::app
