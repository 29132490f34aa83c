// Datasets that are folders, and datasets named by their path.
#include "data/data_files.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/locate.h"
#include "data/registry_testing.h"

namespace fettle {
namespace {

class Paths : public Loading {
 protected:
  std::string loaded_questions(const std::string& name) {
    const LoadedSamples loaded = load_samples(find(name), {}, 42, heard_);
    std::string all;
    for (const Sample& sample : loaded.samples)
      all += sample.place.text() + "=" + sample.prompt.back().content + " ";
    return all;
  }
};

TEST_F(Paths, AFolderIsReadByName) {
  write("data/dataset_info.json", R"({"x": {"file_name": "parts"}})");
  write("data/parts/b.json", R"([{"instruction": "2", "output": "a"}])");
  write("data/parts/a.jsonl", R"({"instruction": "1", "output": "a"})");
  write("data/parts/c.jsonl", R"({"instruction": "3", "output": "a"})");
  write("data/parts/.hidden.csv", "");
  write("data/parts/README.md", "");
  write("data/parts/more/d.json", "");
  EXPECT_EQ(loaded_questions("x"), "data/parts/a.jsonl:1=1 data/parts/b.json:1=2 data/parts/c.jsonl:1=3 ");
  EXPECT_EQ(heard_.text(), "info: dataset x: left out of data/parts, as no data file: README.md, more\n");
  EXPECT_EQ(load_samples(find(), 2, 42, heard_).samples.size(), 2u);
  EXPECT_EQ(heard_.progress.back().done, 2);
}

// More files than an order of the disk's own sorts by chance.
TEST_F(Paths, TheOrderOfAFolderIsThatOfItsNames) {
  write("data/dataset_info.json", R"({"x": {"file_name": "parts"}})");
  std::string expected;
  for (char c = 'a'; c <= 'z'; ++c) {
    const char scattered = char('a' + (c - 'a') * 7 % 26);
    write(fmt::format("data/parts/{}.json", scattered),
          fmt::format(R"([{{"instruction": "{}", "output": "a"}}])", scattered));
    expected += fmt::format("data/parts/{0}.json:1={0} ", c);
  }
  EXPECT_EQ(loaded_questions("x"), expected);
}

TEST_F(Paths, AFolderThatIsNoDatasetIsTold) {
  write("data/dataset_info.json", R"({"x": {"file_name": "parts"}, "y": {"file_name": "."}})");
  fs::create_directories("data/parts");
  EXPECT_EQ(error_of(),
            "data/parts: the folder holds no data file\n  hint: known endings: .json .jsonl .ndjson "
            ".csv .txt .parquet .arrow, each also with .gz or .zst");
  write("data/parts/a.json", "");
  write("data/parts/b.csv", "");
  EXPECT_EQ(error_of(),
            "data/parts: the folder holds data of several kinds: a.json is json, b.csv is csv\n  hint: "
            "keep files of one kind in it, or name one file");
  EXPECT_EQ(error_of("y"),
            "data/.: the folder holds a dataset_info.json, so its files are datasets of their own\n"
            "  hint: name a dataset of it by its name, or one of its files");
}

TEST_F(Paths, APathNeedsNoRegistry) {
  write("mine/x.jsonl", R"({"instruction": "q", "input": "r", "output": "a"})");
  EXPECT_EQ(loaded_questions("mine/x.jsonl"), "mine/x.jsonl:1=q\nr ");
  EXPECT_EQ(heard_.text(),
            "info: dataset mine/x.jsonl: not in dataset_info.json; its records are read as alpaca (prompt: "
            "instruction, query: input, response: output)\n");
  EXPECT_EQ(loaded_questions("./mine"), "./mine/x.jsonl:1=q\nr ");
  EXPECT_EQ(loaded_questions(fs::absolute("mine/x.jsonl").string()),
            fs::absolute("mine/x.jsonl").string() + ":1=q\nr ");
  write("data/y.json", R"([{"question": "in dataset_dir", "answer": "a"}])");
  EXPECT_EQ(loaded_questions("y.json"), "data/y.json:1=in dataset_dir ");
}

TEST_F(Paths, ColumnarFilesAreDatasets) {
  const fs::path golden = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/columnar";
  fs::create_directories("data/parts");
  fs::copy_file(golden / "chat.parquet", "data/parts/a.parquet");
  fs::copy_file(golden / "chat.parquet", "data/parts/b.parquet");
  EXPECT_EQ(loaded_questions("./data/parts"),
            "./data/parts/a.parquet:1=question 1 ./data/parts/a.parquet:2=question 2 "
            "./data/parts/b.parquet:1=question 1 ./data/parts/b.parquet:2=question 2 ");
  EXPECT_HAS(heard_.text(),
             "its records are read as sharegpt (messages: conversations; from/value, by human");
  write("data/dataset_info.json", R"({"x": {"file_name": "parts/b.parquet", "formatting": "sharegpt"}})");
  EXPECT_EQ(loaded_questions("x"), "data/parts/b.parquet:1=question 1 data/parts/b.parquet:2=question 2 ");
}

TEST_F(Paths, ARegisteredNameComesFirst) {
  write("data/x.json", R"([{"q": "registered", "output": "a"}])");
  write("x.json", R"([{"instruction": "lying there", "output": "a"}])");
  write("data/dataset_info.json",
        R"({"x.json": {"file_name": "x.json", "columns": {"prompt": "q", "response": "output"}}})");
  EXPECT_EQ(loaded_questions("x.json"), "data/x.json:1=registered ");
  EXPECT_EQ(heard_.text(), "");
}

TEST_F(Paths, WhatIsNeitherANameNorAFileIsTold) {
  write("data/dataset_info.json", R"({"medical_qa": {}})");
  const std::string here = fs::current_path().string();
  EXPECT_EQ(error_of("poems.json"),
            "data/dataset_info.json: there is no dataset or file \"poems.json\"\n  hint: dataset_dir " +
                here + "/data registers medical_qa; as a path poems.json and data/poems.json were tried");
  fs::create_directories("medical");
  EXPECT_EQ(error_of("medical"),
            "data/dataset_info.json: there is no dataset \"medical\"\n  hint: dataset_dir " + here +
                "/data registers medical_qa; the folder of that name is read as ./medical");
}

TEST_F(Paths, WindowsPathsAreReadOrExplained) {
  write("data/sub/m.json", R"([{"instruction": "q", "output": "a"}])");
  write("data/dataset_info.json",
        R"({"x": {"file_name": "sub\\m.json"}, "y": {"file_name": "C:\\data\\m.json"},
                                      "z": {"file_name": "data\new.json"}})");
  EXPECT_EQ(loaded_questions("x"), "data/sub/m.json:1=q ");
  EXPECT_EQ(heard_.text(),
            "info: dataset x: data/sub\\m.json does not exist; reading data/sub/m.json (paths are "
            "written with / here)\n");
  EXPECT_EQ(loaded_questions("data\\sub\\m.json"), "data/sub/m.json:1=q ");
  EXPECT_HAS(error_of("y"), "; a drive of Windows is not known here: under WSL C:/ is /mnt/c/");
  EXPECT_HAS(error_of("z"), "the file data\\new.json of dataset \"z\" was not found");
  EXPECT_HAS(error_of("z"), "; in JSON a \\ before a letter is a control character: write the path with /");
  EXPECT_HAS(error_of("D:\\m.json"), "under WSL D:/ is /mnt/d/");
  EXPECT_HAS(error_of("sub\\n.json"), "; write the path with /, not with \\");
}

// The lesson's file with one backslash: \m is no escape of JSON.
TEST_F(Paths, ABackslashThatJsonDoesNotKnowIsTold) {
  write("data/dataset_info.json", "{\"x\": {\"file_name\": \"data\\medical.json\"}}");
  const std::string error = error_of();
  EXPECT_HAS(error, "data/dataset_info.json:1:");
  EXPECT_HAS(error, "\n  hint: in JSON a \\ is written twice; write paths with /");
}

// As a Chinese keyboard gives them: “file_name”："x.json"，
TEST_F(Paths, FullWidthPunctuationIsTold) {
  write("data/dataset_info.json", "{\"x\"：{\"file_name\": \"x.json\"}}");
  EXPECT_HAS(error_of(), "\n  hint: '：' (U+FF1A) is full-width punctuation; JSON wants ':'");
  write("data/dataset_info.json", "{\"x\": {“file_name”: \"x.json\"}}");
  EXPECT_HAS(error_of(), "\n  hint: '“' (U+201C) is full-width punctuation; JSON wants '\"'");
  write("data/dataset_info.json", "{\"x\": {\"file_name\": \"x.json\"}，\"y\": {}}");
  EXPECT_HAS(error_of(), "\n  hint: '，' (U+FF0C) is full-width punctuation; JSON wants ','");
  write("data/x.json", "");
  write("data/dataset_info.json", "{\"x\": {\"file_name\": \"x.json\", \"columns\": {\"prompt：\": \"q\"}}}");
  EXPECT_HAS(error_of(), "columns: there is no role \"prompt：\"\n  hint: did you mean \"prompt\"?");
}

class Detected : public Paths {
 protected:
  std::string told(const std::string& records, const std::string& file = "r.jsonl") {
    write(file, records);
    heard_.notes.clear();
    try {
      const LoadedSamples loaded = load_samples(find("./" + file), {}, 42, heard_);
      std::string text = heard_.text();
      const std::string head =
          "info: dataset ./" + file + ": not in dataset_info.json; its records are read as ";
      EXPECT_TRUE(text.starts_with(head)) << text;
      return text.substr(head.size()) + std::to_string(loaded.samples.size());
    } catch (const Error& error) {
      return error.message();
    }
  }
};

TEST_F(Detected, Conversations) {
  EXPECT_EQ(told(R"({"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]})"),
            "sharegpt (messages: conversations; from/value, by human and gpt)\n1");
  EXPECT_EQ(
      told(R"({"id": 1, "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
                     {"role": "assistant", "content": "a"}], "text": "u a"})",
           "one.json"),
      "sharegpt (messages: messages; role/content, by user and assistant)\nwarning: dataset ./one.json: text "
      "in \"text\" (1 records) of ./one.json is not used\n1");
  EXPECT_EQ(
      told(R"({"dialog": [{"from": "user", "value": "u"}, {"from": "model", "value": "a"}], "system": "s"})"),
      "sharegpt (messages: dialog; from/value, by user and model; system: system)\n1");
}

TEST_F(Detected, ToolCallsAreOpenAis) {
  EXPECT_EQ(
      told(R"({"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": null,
                     "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
                     {"role": "tool", "content": "1"}, {"role": "assistant", "content": "a"}],
                     "tools": [{"name": "f"}]})",
           "one.json"),
      "openai (messages: messages; role/content, by user and assistant; tools: tools); as in LLaMA-Factory, "
      "system texts without tools get the line \"detailed thinking off\"\n1");
}

TEST_F(Detected, InstructionsAndTexts) {
  EXPECT_EQ(told("{\"question\": \"q\", \"answer\": \"a\", \"history\": null}\n"
                 "{\"question\": \"q\", \"answer\": \"a\", \"system\": \"s\"}"),
            "alpaca (prompt: question, response: answer, history: history, system: system)\n2");
  EXPECT_EQ(told("input,output\nq,a\n", "t.csv"), "alpaca (query: input, response: output)\n1");
  EXPECT_EQ(told(R"({"instruction": "q", "output": "a", "text": ""})"),
            "alpaca (prompt: instruction, response: output)\n1");
  EXPECT_EQ(told("one\ntwo\n", "t.txt"), "texts to pre-train on (prompt: text)\n2");
  EXPECT_EQ(told(R"({"content": "one", "url": ""})"), "texts to pre-train on (prompt: content)\n1");
}

TEST_F(Detected, WhatCannotBeToldIsRefused) {
  EXPECT_EQ(
      told(R"({"q": "x", "a": "y"})"),
      "./r.jsonl: what the records are cannot be told from their columns: q, a\n  hint: told are instruction "
      "and output, lists of messages, and text; register the file in dataset_info.json and name its columns: "
      "{\"my_data\": {\"file_name\": \"…\", \"columns\": {\"prompt\": \"…\", \"response\": \"…\"}}}");
  EXPECT_HAS(told(R"({"instruction": "x", "chosen": "y", "rejected": "z"})"),
             "the records have \"chosen\": preference data comes in a later version");
  EXPECT_HAS(told(R"({"conversations": [{"from": "human", "value": "u"}], "images": ["1.jpg"]})"),
             "the records have \"images\": images come in a later version");
  EXPECT_EQ(told("[1]\n[2]\n"), "./r.jsonl:1: it is array; an object {…} was expected");
  EXPECT_HAS(told(""), "./r.jsonl: the file holds no records");
}

}  // namespace
}  // namespace fettle
