#include "format/records.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;

/// A file of this test alone, gone afterwards.
struct File {
  fs::path path;
  File(std::string_view name, std::string_view text)
      : path(fs::path(testing::TempDir()) / fmt::format("records_test_{}_{}", ::getpid(), name)) {
    std::ofstream(path, std::ios::binary) << text;
  }
  ~File() { fs::remove(path); }
};

// "line:index:value …" of every record, then the error's message without its folder.
std::string read(std::string_view name, std::string_view text) {
  const File file(name, text);
  std::string out;
  try {
    read_records(file.path, [&](Record&& record, const RecordPlace& place) {
      out += fmt::format("{}:{}:{} ", place.line, place.index, record.dump());
      return true;
    });
  } catch (const Error& e) {
    const std::string message = e.message(), path = file.path.string();
    EXPECT_TRUE(message.starts_with(path)) << message;
    out += "! " + message.substr(path.size() + 1);
  }
  return out;
}

std::string document_error(std::string_view text) {
  try {
    parse_json_document(text, "d.json");
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

void expect_starts(const std::string& text, std::string_view start) {
  EXPECT_TRUE(text.starts_with(start)) << text;
}
}  // namespace

TEST(Records, JsonArrayKeepsTheLineOfEveryRecord) {
  EXPECT_EQ(read("a.json", "[\n  {\n    \"a\": \"x\\\"]}\"\n  }, {\"b\": [1, {}]},\n\n 7,\"s\"]\n"),
            "2:0:{\"a\":\"x\\\"]}\"} 4:1:{\"b\":[1,{}]} 6:2:7 6:3:\"s\" ");
  EXPECT_EQ(read("a.json", " [ ] "), "");
}

TEST(Records, JsonMayBeOneObjectOrManyInARow) {
  EXPECT_EQ(read("a.json", "{\"a\":\n1}\n"), "1:0:{\"a\":1} ");
  EXPECT_EQ(read("a.JSON", "\xef\xbb\xbf{\"a\":1}\r\n\r\n{\"a\":2}"), "1:0:{\"a\":1} 3:1:{\"a\":2} ");
}

TEST(Records, JsonLines) {
  EXPECT_EQ(read("a.jsonl", "\xef\xbb\xbf{\"a\":1}\r\n\n  \n[2]"), "1:0:{\"a\":1} 4:1:[2] ");
  EXPECT_EQ(read("a.ndjson", ""), "");
}

TEST(Records, TextLinesAreRecords) {
  EXPECT_EQ(read("a.txt", "one\r\n\ntwo \"2\""),
            "1:0:{\"text\":\"one\"} 2:1:{\"text\":\"\"} 3:2:{\"text\":\"two \\\"2\\\"\"} ");
  expect_starts(read("a.txt", "one\n\xff\n"),
                "1:0:{\"text\":\"one\"} ! 2:1: the file is not UTF-8: byte 0xFF at offset 4;");
}

TEST(Records, ABracketLeftOpenIsNamed) {
  expect_starts(read("a.json", "[\n {\"a\": 1},\n {\"a\": {\n]"),
                "2:0:{\"a\":1} ! 4:1: ']' where the '{' opened at 3:8 is still open");
  expect_starts(read("a.json", "[\n {\"a\": 1}\n"),
                "2:0:{\"a\":1} ! 3:1: the text ends, but the '[' opened at 1:1 is");
  expect_starts(read("a.json", "[{\"a\": 1},"),
                "1:0:{\"a\":1} ! 1:11: the text ends, but the '[' opened at 1:1 is");
  expect_starts(read("a.jsonl", "{\"a\":1}\n{\"a\":[2}\n"),
                "1:0:{\"a\":1} ! 2:8: '}' where the '[' opened at 2:6 is");
  expect_starts(read("a.jsonl", "{\"a\":1\n{\"a\":2}\n"),
                "! 1:7: the text ends, but the '{' opened at 1:1 is");
}

TEST(Records, SyntaxErrorsNameLineAndColumn) {
  expect_starts(read("a.json", "[\n {\"ä\": 1, b: 2}]"), "! 2:11: syntax error");  // columns count characters
  expect_starts(read("a.json", "[1,]"), "1:0:1 ! 1:4: a record was expected after ','");
  expect_starts(read("a.json", "[1 2]"), "1:0:1 ! 1:4: ',' or ']' was expected");
  expect_starts(read("a.json", "[1] 2"), "1:0:1 ! 1:5: the file goes on after the array's");
  expect_starts(read("a.json", "[{\"a\": \"x\n\"}]"), "! 1:8: the string that begins here is not closed");
  expect_starts(read("a.json", "[{\"a\": 1e999}]"), "! 1:2: number overflow parsing '1e999'");
  expect_starts(read("a.json", "[{\"a\": \"\xff\"}]"),
                "! 1:9: the file is not UTF-8: byte 0xFF at offset 8;");
  expect_starts(read("a.json", "}"), "! 1:1: '}' without an opening bracket");
  expect_starts(read("a.json", " \n"), "!  the file holds no JSON value");
  expect_starts(read("a.jsonl", "1 2"), "1:0:1 ! 1:3: the line goes on after its value");
  expect_starts(read("a.json", std::string(2000, '[')), "! 1:514: brackets nested deeper than 512");
}

TEST(Records, TheSinksExceptionPassesThrough) {
  const File file("a.json", "[1]");
  EXPECT_THROW(read_records(file.path, [](auto&&, const auto&) -> bool { throw std::out_of_range("sink"); }),
               std::out_of_range);
}

TEST(Records, TextLinesEndAsPythonsDo) {
  EXPECT_EQ(read("a.txt",
                 "\xef\xbb\xbf"
                 "a\rb\r\n\nc\x0c\r"),
            "1:0:{\"text\":\"a\"} 2:1:{\"text\":\"b\"} 3:2:{\"text\":\"\"} 4:3:{\"text\":\"c\\f\"} ");
}

// What lies behind is not looked at, broken or not.
TEST(Records, ReadingEndsWhereTheSinkSaysSo) {
  for (const auto& [name, text] : {std::pair{"a.json", "[1, 2, }"},
                                   {"b.json", "1 2 }"},
                                   {"a.jsonl", "1\n2\n}"},
                                   {"a.csv", "a\n1\n2\n1,2\n"},
                                   {"a.txt", "1\n2\n\xff"}}) {
    const File file(name, text);
    int seen = 0;
    read_records(file.path, [&](auto&&, const auto&) { return ++seen < 2; });
    EXPECT_EQ(seen, 2) << name;
  }
}

TEST(Records, UnknownEndingNamesTheKnown) {
  const std::string message = read("a.xml", "");
  EXPECT_NE(message.find("\".xml\""), std::string::npos);
  EXPECT_NE(message.find(".json .jsonl .ndjson .csv .txt .parquet .arrow, each also with .gz or .zst"),
            std::string::npos);
}

TEST(Records, EveryTruncationIsAnErrorWithAPlace) {
  const std::string text = "[{\"a\": \"x\\u00e4\\n\", \"b\": [1.5, true, null]},\n {\"c\": {}}]";
  for (size_t n = 0; n < text.size(); ++n) {
    EXPECT_NE(read("a.json", text.substr(0, n)).find("!"), std::string::npos) << n;
  }
  for (size_t at = 0; at < text.size(); ++at) {
    for (int c : {0x00, 0x22, 0x5c, 0x7b, 0x5d, 0xff}) {
      std::string broken = text;
      broken[at] = char(c);
      EXPECT_NO_THROW(read("a.json", broken)) << at;
    }
  }
}

TEST(JsonDocument, ParsesAndNamesWhatIsMissing) {
  EXPECT_EQ(parse_json_document("\xef\xbb\xbf {\"a\": [1]} \n", "d")["a"][0], 1);
  EXPECT_EQ(parse_json_document("{\"a\": 1, \"a\": 2}", "d")["a"], 2);  // as Python reads it
  // The registration as the lesson prints it: its last brace is missing.
  const std::string message = document_error("{\n  \"medical\": {\n    \"file_name\": \"m.json\"\n  }\n");
  expect_starts(message, "d.json:5:1: the text ends, but the '{' opened at 1:1 is not closed");
  EXPECT_NE(message.find("hint: add the missing '}'"), std::string::npos);
  expect_starts(document_error("{\"a\": 1,\n\"b\" 2}"), "d.json:2:5: syntax error");
  expect_starts(document_error("{} x"), "d.json:1:4: the file goes on");
  expect_starts(document_error(""), "d.json: the file holds no JSON value");
  expect_starts(document_error("{\"a\": [1}"), "d.json:1:9: '}' where the '[' opened at 1:7 is still open");
}

}  // namespace fettle
