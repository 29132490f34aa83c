// What is said when a data set cannot be read, word by word: what, where, found, expected, and what to do.
#include <nlohmann/json.hpp>

#include "data/registry_testing.h"

namespace fettle {
namespace {

class Misuse : public Loading {
 protected:
  std::string told(const std::string& records, const std::string& entry = R"({"file_name": "x.json"})") {
    try {
      load(entry, records);
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  }
};

TEST_F(Misuse, AnUnregisteredDataset) {
  write("data/dataset_info.json", R"({"medical_qa": {}, "identity": {}})");
  const std::string here = fs::current_path().string();
  EXPECT_EQ(
      error_of("medical_qs"),
      "data/dataset_info.json: there is no dataset \"medical_qs\"\n  hint: did you mean \"medical_qa\"? "
      "dataset_dir " +
          here + "/data registers identity, medical_qa");
  EXPECT_EQ(error_of("poems"), "data/dataset_info.json: there is no dataset \"poems\"\n  hint: dataset_dir " +
                                   here + "/data registers identity, medical_qa");
  write("data/dataset_info.json", "{}");
  EXPECT_EQ(error_of("poems"), "data/dataset_info.json: there is no dataset \"poems\"\n  hint: dataset_dir " +
                                   here + "/data registers nothing");
}

TEST_F(Misuse, NoRegistry) {
  EXPECT_EQ(error_of(),
            "data/dataset_info.json: the file was not found\n  hint: set dataset_dir to the folder that "
            "holds dataset_info.json");
}

TEST_F(Misuse, BrokenJson) {
  EXPECT_EQ(told("[\n  {\"instruction\": \"q\", \"output\": \"a\"}\n  {\"instruction\": \"q\"}\n]"),
            "data/x.json:3:3: ',' or ']' was expected after a record");
  EXPECT_EQ(
      told("[\n  {\"instruction\": \"q\", \"output\": \"a\"}\n"),
      "data/x.json:3:1: the text ends, but the '[' opened at 1:1 is not closed\n  hint: add the missing ']'");
  EXPECT_EQ(told("[{\"instruction\": \"q\n\", \"output\": \"a\"}]"),
            "data/x.json:1:18: the string that begins here is not closed on its line\n  hint: close it with "
            "'\"'; a "
            "line break is \\n");
  EXPECT_EQ(
      told("[{'instruction': 'q'}]"),
      "data/x.json:1:3: syntax error while parsing object key - invalid literal; last read: '{''; expected "
      "string literal");
}

TEST_F(Misuse, NotUtf8) {
  // 你好 in GBK, then in UTF-16 with its mark.
  EXPECT_EQ(told("[{\"instruction\": \"\xc4\xe3\xba\xc3\", \"output\": \"a\"}]"),
            "data/x.json:1:19: the file is not UTF-8: byte 0xC4 at offset 18; it looks like GBK\n  hint: "
            "convert it: "
            "iconv -f GBK -t UTF-8 data/x.json > NEW_FILE");
  EXPECT_EQ(
      told(std::string("\xff\xfe[\0{\0}\0]\0", 10)),
      "data/x.json: the file is not UTF-8: its first bytes are those of UTF-16LE, a byte order mark\n  hint: "
      "convert it: iconv -f UTF-16LE -t UTF-8 data/x.json > NEW_FILE");
}

TEST_F(Misuse, AnEmptySet) {
  EXPECT_EQ(told("[]"),
            "data/x.json: the file holds no records, and dataset x is read from it\n  hint: write at least "
            "one record, or name another file_name in dataset_info.json");
  EXPECT_EQ(
      told(" \n"),
      "data/x.json: the file holds no JSON value\n  hint: a .json file holds a list of records, [{…}, {…}]");
}

TEST_F(Misuse, AMissingColumn) {
  EXPECT_EQ(
      told(R"([{"question": "q", "answer": "a"}])"),
      "data/x.json: 1 of 1 records do not fit the alpaca format: data/x.json:1: it has no \"instruction\" "
      "(its "
      "columns: question, answer)\n  hint: up to 5 % are left out with a warning; check `formatting` and "
      "`columns` in dataset_info.json");
  EXPECT_EQ(told(R"([{"question": "q", "answer": "a"}])",
                 R"({"file_name": "x.json", "columns": {"prompt": "question", "response": "reply"}})"),
            "data/x.json: no record has the column \"reply\", which `columns` of dataset x names\n  hint: "
            "columns of "
            "the records: answer, question; correct the name in dataset_info.json");
  EXPECT_EQ(told(R"([{"messages": []}])", R"({"file_name": "x.json", "formatting": "sharegpt"})"),
            "data/x.json: 1 of 1 records do not fit the sharegpt format: data/x.json:1: it has no "
            "\"conversations\" "
            "(its columns: messages)\n  hint: up to 5 % are left out with a warning; check `formatting` and "
            "`columns` "
            "in dataset_info.json");
}

TEST_F(Misuse, AMissingFile) {
  write("data/dataset_info.json", R"({"x": {"file_name": "y.json"}})");
  EXPECT_EQ(error_of(),
            "data/dataset_info.json, dataset x: the file y.json of dataset \"x\" was not found\n  hint: "
            "tried data/y.json (file_name is looked for in dataset_dir) and y.json (from the working "
            "folder)");
}

// Every way in which a conversation can be out of order, by its words.
TEST_F(Loading, BrokenConversationsAreNamed) {
  const auto reason = [](const std::string& record, std::string_view format = "sharegpt") {
    DatasetEntry entry;
    entry.formatting = format;
    std::string why;
    EXPECT_FALSE(format_of(entry).convert(Record::parse(record), entry, why)) << record;
    return why;
  };
  EXPECT_EQ(reason("[]"), "it is array; an object {…} was expected");
  EXPECT_EQ(reason("{}"), "it has no \"conversations\"; it is empty");
  EXPECT_EQ(reason(R"({"conversations": "q"})"),
            "\"conversations\" is string; a list of messages was expected");
  EXPECT_EQ(reason(R"({"conversations": []})"), "its conversation is empty");
  EXPECT_EQ(reason(R"({"conversations": [{"from": "system", "value": "S"}]})"), "its conversation is empty");
  EXPECT_EQ(reason(R"({"conversations": ["q"]})"), "message 1 is string; an object was expected");
  EXPECT_EQ(reason(R"({"conversations": [{"role": "human"}]})"),
            "message 1: it has no \"from\" (its columns: role)");
  EXPECT_EQ(reason(R"({"conversations": [{"from": "human", "value": null}]})"),
            "message 1: \"value\" is null; text was expected");
  EXPECT_EQ(reason(R"({"conversations": [{"from": "system", "value": "S"}, {"from": "gpt", "value": "A"}]})"),
            "message 2 is by \"gpt\"; \"human\" or \"observation\" was expected there");
  EXPECT_EQ(reason(R"({"conversations": [{"from": "human", "value": "U"}, {"from": "bot", "value": "A"}]})"),
            "message 2 is by \"bot\"; \"gpt\" or \"function_call\" was expected there");
  EXPECT_EQ(reason(R"({"conversations": [{"from": "human", "value": "U"}]})"),
            "its last message is by \"human\"; the conversation must end with \"gpt\" or \"function_call\"");
  EXPECT_EQ(
      reason(R"({"conversations": [{"from": "human", "value": "U"}, {"from": "gpt", "tool_calls": [{}]}]})",
             "openai"),
      "message 2: an item of \"tool_calls\" has no \"function\"");
}

TEST_F(Loading, ToolsThatAreNotReadAreSaid) {
  load(
      R"({"file_name": "x.json", "formatting": "sharegpt"})",
      R"([{"conversations": [{"from": "human", "value": "U"}, {"from": "gpt", "value": "A"}], "tools": "[]"}])");
  EXPECT_EQ(heard_.text(),
            "warning: dataset x: text in \"tools\" (1 records) of data/x.json is not used; to use it, add "
            "\"tools\": "
            "\"tools\" to `columns`\n");
}

}  // namespace
}  // namespace fettle
