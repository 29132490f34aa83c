#include "format/csv.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace fettle {
namespace {

// "line:value …" of every record, then the error's message.
std::string read(std::string_view text) {
  std::string out;
  try {
    read_csv(text, "t.csv", [&](Record&& record, const RecordPlace& place) {
      out += fmt::format("{}:{} ", place.line, record.dump());
      return true;
    });
  } catch (const Error& e) {
    out += "! " + e.message();
  }
  return out;
}

TEST(Csv, CellsInQuotesHoldCommasLinesAndQuotes) {
  EXPECT_EQ(read("a,b\n\"x, \"\"y\"\"\nz\",\"\"\"\"\nu,v"),
            R"(2:{"a":"x, \"y\"\nz","b":"\""} 4:{"a":"u","b":"v"} )");
  EXPECT_EQ(read("a,b\nx\"y\"z, \"w\"\n"), R"(2:{"a":"x\"y\"z","b":" \"w\""} )")
      << "a quote amid a cell is text";
}

TEST(Csv, LinesEndInThreeWays) {
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a,b\r\nx,\"p\r\nq\"\r\nu,v\r\n"),
            R"(2:{"a":"x","b":"p\r\nq"} 4:{"a":"u","b":"v"} )");
  EXPECT_EQ(read("a,b\rx,y\ru,v"), R"(2:{"a":"x","b":"y"} 3:{"a":"u","b":"v"} )");
}

// Checked against pandas 3.1.1 under datasets 5.2.0, but for the types: there 007 and NA are 7 and null.
TEST(Csv, EmptyIsNullAndTheRestIsText) {
  EXPECT_EQ(read("a,b\n,\"\"\nx\n007,NA\n"),
            R"(2:{"a":null,"b":null} 3:{"a":"x","b":null} 4:{"a":"007","b":"NA"} )");
  EXPECT_EQ(read("a\n\n  \t\n\"\"\nx\n"), R"(4:{"a":null} 5:{"a":"x"} )") << "blank lines are no rows";
}

TEST(Csv, ColumnsWithoutANameOfTheirOwn) {
  EXPECT_EQ(read("a,a,,a\n1,2,3,4\n"), R"(2:{"a":"1","a.1":"2","Unnamed: 2":"3","a.2":"4"} )");
}

TEST(Csv, ErrorsNameThePlace) {
  EXPECT_EQ(
      read("a,b\n\nx,\"y\nz,w\n"),
      "! t.csv:3:3: the quote that begins here is not closed\n  hint: close it with '\"'; a quote inside "
      "a quoted cell is written twice: \"\"");
  EXPECT_EQ(
      read("a,b\nu,v\nx,y,z\n"),
      "2:{\"a\":\"u\",\"b\":\"v\"} ! t.csv:3:1: the row has 3 cells; the header names 2\n  hint: a cell "
      "with a comma in it stands in double quotes: \"a, b\"");
  EXPECT_EQ(
      read("a,b\n\"say \"hi\"\",v\n"),
      "! t.csv:2:7: text stands behind a closing quote; ',' or the end of the line was expected\n  hint: a "
      "quote inside a quoted cell is written twice: \"\"");
  EXPECT_EQ(
      read("instruction;output\nx;y\n"),
      "! t.csv:1:12: the columns are divided by ';'; ',' was expected\n  hint: save the table with commas "
      "(UTF-8)");
  EXPECT_EQ(read(" \n"),
            "! t.csv: the file holds no row\n  hint: the first row of a .csv file names the columns: "
            "instruction,output");
  EXPECT_NE(read("a,b\n\xc4\xe3\xba\xc3,x\n").find("t.csv:2:1: the file is not UTF-8: byte 0xC4 at offset 4"),
            std::string::npos);
}

}  // namespace
}  // namespace fettle
