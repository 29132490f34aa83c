#include "format/columnar/arrow.h"

#include <gtest/gtest.h>

#include "format/columnar/columnar_testing.h"

namespace fettle {
namespace {

void expect_starts(const std::string& text, const std::string& start) {
  EXPECT_TRUE(text.starts_with(start)) << text;
}

TEST(Arrow, DamagedFilesAreErrors) {
  for (const char* name : {"small.arrow", "small_file.arrow", "dictionaries.arrow"})
    EXPECT_EQ(survives_damage(read_arrow, golden_bytes(name)), "") << name;
}

TEST(Arrow, WhatIsNoArrowFileIsTold) {
  expect_starts(read_all(read_arrow, "{\"a\": 1}"),
                "x: no Arrow message: it begins with 2261227b, not ffffffff\n");
  expect_starts(read_all(read_arrow, ""), "x: the stream ends without its end mark\n");
  const std::string file = golden_bytes("small_file.arrow");
  expect_starts(read_all(read_arrow, file.substr(0, 100)),
                "x: the file of 100 bytes does not end with \"ARROW1\"\n");
}

// A writer that was killed leaves its batches without the mark behind them.
TEST(Arrow, AStreamWithoutItsEndIsCutOff) {
  const std::string bytes = golden_bytes("small.arrow");
  const std::string rows = read_all(read_arrow, bytes);
  EXPECT_EQ(read_all(read_arrow, bytes.substr(0, bytes.size() - 8)),
            rows +
                "x: the stream ends without its end mark\n  hint: the file is damaged or cut off; fetch or "
                "write it again");
  expect_starts(read_all(read_arrow, bytes + bytes),
                rows + fmt::format("x: {} bytes behind the stream's end mark\n", bytes.size()));
}

TEST(Arrow, ABrokenTextIsToldWithItsColumn) {
  std::string bytes = golden_bytes("small.arrow");
  bytes.replace(bytes.find("sea"), 3, "s\xffz");
  EXPECT_EQ(read_all(read_arrow, bytes),
            "x: batch 1, column topic: a text that is not UTF-8: \"s\xef\xbf\xbdz\"\n  hint: write the file "
            "again from text in UTF-8");
}

TEST(Arrow, TheSinkEndsTheReading) {
  int64_t seen = 0;
  read_arrow(golden_bytes("batches.arrow"), "x", [&](Record&&, const RecordPlace& place) {
    EXPECT_EQ(place.index, seen);
    EXPECT_EQ(place.line, ++seen);
    return seen < 10;
  });
  EXPECT_EQ(seen, 10);
}

}  // namespace
}  // namespace fettle
