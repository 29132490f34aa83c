#include "format/columnar/parquet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "format/columnar/column_values.h"
#include "format/columnar/columnar_testing.h"

namespace fettle {
namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  EXPECT_EQ(from.size(), to.size());
  const size_t at = text.find(from);
  if (at == text.npos) ADD_FAILURE() << "there is no " << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

void expect_starts(const std::string& text, const std::string& start) {
  EXPECT_TRUE(text.starts_with(start)) << text;
}

TEST(Parquet, DamagedFilesAreErrors) {
  for (const char* name : {"zstd_v2.parquet", "small.parquet"})
    EXPECT_EQ(survives_damage(read_parquet, golden_bytes(name)), "") << name;
}

TEST(Parquet, WhatIsNoParquetFileIsTold) {
  EXPECT_EQ(read_all(read_parquet, "{\"a\": 1}"),
            "x: no Parquet file: it does not begin with \"PAR1\"\n  hint: check what the file is, and its "
            "ending");
  EXPECT_EQ(read_all(read_parquet, golden_bytes("small.parquet").substr(0, 100)),
            "x: the file of 100 bytes does not end with \"PAR1\"\n  hint: the file is damaged or cut off; "
            "fetch or write it again");
  expect_starts(read_all(read_parquet, "PARE and so on"), "x: the file is encrypted\n");
}

TEST(Parquet, ABrokenTextIsToldWithItsColumn) {
  const std::string bytes = replaced(golden_bytes("small.parquet"), "sea", "s\xffz");
  EXPECT_EQ(read_all(read_parquet, bytes),
            "x: row group 1, column topic: a text that is not UTF-8: \"s\xef\xbf\xbdz\"\n  hint: write the "
            "file again from text in UTF-8");
}

TEST(Parquet, AWrongChecksumIsTold) {
  const std::string bytes = replaced(golden_bytes("row_groups.parquet"), "sky", "sly");
  expect_starts(read_all(read_parquet, bytes), "x: row group 1, column topic: a page's checksum is ");
}

TEST(Parquet, WhatFillsTheMemoryIsRefused) {
  UnfoldLimit limit(1000);
  limit.add(size_t{63} << 20);
  EXPECT_THROW(limit.add(size_t{1} << 20), Error);
  UnfoldLimit of_a_large_file(size_t{1} << 20);
  of_a_large_file.add(size_t{255} << 20);
  EXPECT_THROW(of_a_large_file.add(size_t{1} << 20), Error);
}

TEST(Parquet, TheSinkEndsTheReading) {
  int64_t seen = 0;
  read_parquet(golden_bytes("row_groups.parquet"), "x", [&](Record&&, const RecordPlace& place) {
    EXPECT_EQ(place.index, seen);
    EXPECT_EQ(place.line, ++seen);
    return seen < 30;
  });
  EXPECT_EQ(seen, 30);
}

// An error of the sink keeps its own words.
TEST(Parquet, AnErrorOfTheSinkIsNotTheFiles) {
  try {
    read_parquet(golden_bytes("small.parquet"), "x",
                 [](Record&&, const RecordPlace&) -> bool { throw Error({.what = "enough"}); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "enough");
  }
}

}  // namespace
}  // namespace fettle
