#include "data/registry.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "data/registry_testing.h"

namespace fettle {
namespace {

TEST_F(Registry, DefaultsHoldWithoutColumns) {
  write_entry(R"({"file_name": "x.json"})");
  const DatasetEntry entry = find();
  EXPECT_EQ(entry.file, fs::path("data/x.json"));
  EXPECT_EQ(entry.formatting, "alpaca");
  EXPECT_EQ(entry.prompt + entry.query + entry.response, "instructioninputoutput");
  EXPECT_EQ(entry.history + entry.system + entry.tools, "");
  EXPECT_FALSE(entry.num_samples.has_value());
  EXPECT_EQ(heard_.text(), "");
}

TEST_F(Registry, ColumnsAreAllOrNothing) {
  write_entry(
      R"({"file_name": "x.json", "num_samples": 7, "columns": {"prompt": "q", "history": "h", "tools": null}})");
  const DatasetEntry entry = find();
  EXPECT_EQ(entry.prompt, "q");
  EXPECT_EQ(entry.history, "h");
  EXPECT_EQ(entry.query + entry.response + entry.system + entry.tools + entry.messages, "");
  EXPECT_EQ(entry.num_samples, 7);
}

TEST_F(Registry, TheLessonsPathIsTakenFromTheWorkingFolderAndSaid) {
  write("data/medical.json", "[]");
  write(
      "data/dataset_info.json",
      R"({"medical_qa": {"file_name": "data/medical.json", "columns": {"prompt": "instruction", "response": "output"}}})");
  EXPECT_EQ(find("medical_qa").file, fs::path("data/medical.json"));
  EXPECT_HAS(heard_.text(), "data/data/medical.json does not exist");
  write("data/data/medical.json", "[]");
  heard_.notes.clear();
  EXPECT_EQ(find("medical_qa").file, fs::path("data/data/medical.json")) << "dataset_dir comes first";
  EXPECT_EQ(heard_.text(), "");
}

TEST_F(Registry, AMissingFileNamesBothPlaces) {
  write("data/dataset_info.json", R"({"x": {"file_name": "data/none.json"}})");
  const std::string error = error_of();
  EXPECT_HAS(error, "data/data/none.json");
  EXPECT_HAS(error, " and data/none.json");
}

TEST_F(Registry, AMissingBraceNamesLineAndBrace) {
  write("data/medical.json", "[]");
  write("data/dataset_info.json",
        "{\n  \"medical_qa\": {\n    \"file_name\": \"data/medical.json\",\n    \"columns\": {\n"
        "      \"prompt\": \"instruction\",\n      \"response\": \"output\"\n    }\n  }\n");
  const std::string error = error_of("medical_qa");
  EXPECT_HAS(error, "data/dataset_info.json:9");
  EXPECT_HAS(error, "'{' opened at 1:1 is not closed");
  EXPECT_HAS(error, "missing '}'");
}

TEST_F(Registry, UnknownNamesListWhatIsNear) {
  write_entry(R"({"file_name": "x.json"})");
  write("data/dataset_info.json", R"({"medical_qa": {}, "identity": {}})");
  EXPECT_HAS(error_of("medical_qs"), "did you mean \"medical_qa\"?");
  EXPECT_HAS(error_of("something else"), "registers identity, medical_qa");
}

TEST_F(Registry, RefusesByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"hf_hub_url": "a/b"})", "hf_hub_url"},
      {R"({"ms_hub_url": "a/b"})", "ms_hub_url"},
      {R"({"script_url": "a.py"})", "never runs loading scripts"},
      {R"({"cloud_file_name": "s3://a"})", "cloud_file_name"},
      {R"({"file_name": "x.json", "formatting": "sharegpt", "columns": {"system": "s"}})",
       "columns does not name the messages"},
      {R"({"file_name": "x.json", "formatting": "sharegpt", "tags": {"role_tags": "from"}})",
       "tags: there is no \"role_tags\"\n  hint: did you mean \"role_tag\"?"},
      {R"({"file_name": "x.json", "formatting": "openai", "tags": {"content_tag": "c"}})",
       "tags names no role_tag, so that no message can be read\n  hint: add \"role_tag\": \"from\" (with"},
      {R"({"file_name": "x.json", "formatting": "sharegpt", "tags": {"role_tag": "r"}})", "no content_tag"},
      {R"({"file_name": "x.json", "formatting": "sharegpt", "tags": {"role_tag": "r", "content_tag": "c",
           "assistant_tag": "a"}})",
       "no user_tag"},
      {R"({"file_name": "x.json", "formatting": "sharegpt", "tags": {"role_tag": "r", "content_tag": "c",
           "observation_tag": "o"}})",
       "no assistant_tag"},
      {R"({"file_name": "x.json", "formatting": "sharegpt", "tags": ["from"]})",
       "\"tags\" must be an object"},
      {R"({"file_name": "x.json", "formatting": "sharegpt", "tags": {"role_tag": 1}})", "tags: role_tag"},
      {R"({"file_name": "x.json", "formatting": "alpacca"})", "did you mean \"alpaca\"?"},
      {R"({"file_name": "x.json", "ranking": true})", "ranking"},
      {R"({"file_name": "x.json", "ranking": "yes"})", "true or false"},
      {R"({"file_name": "x.json", "split": "test"})",
       "split: there is no split \"test\"; files are read as \"train\""},
      {R"({"file_name": "x.json", "split": "train[:10"})", "split: \"train[:10\" cannot be read at \"\""},
      {R"({"file_name": "x.json", "split": 3})", "\"split\" must be text"},
      {R"({"file_name": "x.json", "num_samples": 0})", "num_samples"},
      {R"({"file_name": "x.json", "num_samples": "7"})", "num_samples"},
      {R"({"file_name": "x.json", "num_samples": 18446744073709551615})", "from 1 to 100000000"},
      {R"({"file_name": "x.json", "columns": ["instruction"]})", "\"columns\" must be an object"},
      {R"({"file_name": "x.json", "columns": {"respons": "output", "prompt": "p"}})",
       "did you mean \"response\"?"},
      {R"({"file_name": "x.json", "columns": {"prompt": 3}})", "columns: prompt"},
      {R"({"file_name": "x.json", "columns": {"response": "output"}})", "neither prompt nor query"},
      {R"({"file_name": "x.json", "columns": {"prompt": "p", "images": "i"}})", "images"},
      {R"({"file_name": "x.json", "columns": {"prompt": "p", "kto_tag": "k"}})", "kto_tag"},
      {R"({"file_name": 3})", "file_name"},
      {R"({"formatting": "alpaca"})", "\"file_name\" is missing"},
      {R"("x.json")", "an object"},
  };
  for (const auto& [entry, part] : cases) {
    write_entry(entry);
    EXPECT_HAS(error_of(), part);
    EXPECT_HAS(error_of(), "data/dataset_info.json, dataset x");
  }
}

TEST_F(Registry, UnknownKeysAreSaid) {
  write_entry(
      R"({"file_name": "x.json", "colums": {"prompt": "q"}, "subset": "a", "split": "train", "hf_hub_url": null})");
  EXPECT_EQ(find().prompt, "instruction");
  EXPECT_HAS(heard_.text(), "warning: ");
  EXPECT_HAS(heard_.text(), "did you mean \"columns\"?");
  EXPECT_HAS(heard_.text(),
             "info: data/dataset_info.json, dataset x: \"subset\" changes nothing here: it names a "
             "part of a hub's dataset");
  EXPECT_EQ(heard_.notes.size(), 2u);
}

TEST_F(Registry, OtherRegistriesAreNamed) {
  EXPECT_HAS(error_of(), "dataset_info.json");
  write("data/dataset_info.json", "[]");
  EXPECT_HAS(error_of(), "array was found");
  EXPECT_THROW(find_dataset("ONLINE", "a/b", heard_), Error);
  EXPECT_THROW(find_dataset("REMOTE:a/b", "c", heard_), Error);
}

TEST_F(Loading, AlpacaRecordsBecomeConversations) {
  const LoadedSamples loaded = load(
      R"({"file_name": "x.json", "columns": {"prompt": "instruction", "query": "input", "response": "output",
          "history": "history", "system": "system"}})",
      R"([{"instruction": "I", "input": "Q", "output": "A", "system": "S", "history": [["u", "a"], ["v", "b"]]},
          {"instruction": "I", "input": "", "output": ""},
          {"instruction": "", "input": "Q", "output": "A", "history": null, "system": null},
          {"instruction": "I"}])");
  ASSERT_EQ(loaded.samples.size(), 4u);
  const Sample& first = loaded.samples[0];
  ASSERT_EQ(first.prompt.size(), 5u);
  EXPECT_EQ(first.prompt[2].content, "v");
  EXPECT_EQ(first.prompt[3].role, ChatRole::assistant);
  EXPECT_EQ(first.prompt[4].content, "I\nQ");
  EXPECT_EQ(first.system, "S");
  EXPECT_EQ(first.response.at(0).content, "A");
  EXPECT_EQ(loaded.samples[1].prompt[0].content, "I");
  EXPECT_EQ(loaded.samples[1].response.size(), 1u) << "an empty answer is an answer";
  EXPECT_EQ(loaded.samples[2].prompt[0].content, "Q");
  EXPECT_EQ(loaded.samples[2].system, "");
  EXPECT_TRUE(loaded.samples[3].response.empty());
  EXPECT_EQ(loaded.samples[0].place.text(), "data/x.json:1");
  EXPECT_EQ(loaded.samples[2].place.text(), "data/x.json:3");
  EXPECT_EQ(heard_.text(), "");
}

TEST_F(Loading, AColumnLeftOutOfColumnsIsSaidOnce) {
  load(
      R"({"file_name": "x.json", "columns": {"prompt": "instruction", "response": "output"}})",
      R"([{"instruction": "I", "input": "Q", "output": "A"}, {"instruction": "I", "input": "", "output": "A"},
           {"instruction": "I", "input": "R", "output": "A", "id": 7}])");
  ASSERT_EQ(heard_.notes.size(), 1u);
  EXPECT_EQ(heard_.notes[0].severity, Severity::warning);
  EXPECT_HAS(heard_.notes[0].text, "\"input\" (2 records)");
  EXPECT_HAS(heard_.notes[0].text, "\"query\": \"input\"");
}

TEST_F(Loading, RecordsThatDoNotFitAreNamed) {
  std::string records = numbered(60);
  records += R"({"instruction": 7, "output": "a"})"
             "\n";
  records += R"({"question": "q", "output": "a"})"
             "\n";
  records += "[1, 2]\n";
  const LoadedSamples loaded = load(plain_, records);
  EXPECT_EQ(loaded.records, 63);
  EXPECT_EQ(loaded.samples.size(), 60u);
  ASSERT_EQ(loaded.skipped.size(), 3u);
  EXPECT_EQ(loaded.skipped[0].place.text(), "data/x.json:61");
  EXPECT_EQ(loaded.skipped[0].reason, "\"instruction\" is number; text was expected");
  EXPECT_EQ(loaded.skipped[1].reason, "it has no \"instruction\" (its columns: question, output)");
  EXPECT_HAS(loaded.skipped[2].reason, "array");
}

TEST_F(Loading, MoreThanOneInTwentyBadIsAnError) {
  const std::string bad = "{\"instruction\": null, \"output\": 3}\n";
  EXPECT_EQ(load(plain_, numbered(19) + bad).skipped.size(), 1u);
  try {
    load(plain_, numbered(18) + bad);
    FAIL();
  } catch (const Error& error) {
    EXPECT_HAS(error.message(), "1 of 19 records do not fit the alpaca format");
    EXPECT_HAS(error.message(), "data/x.json:19: \"output\" is number");
  }
}

TEST_F(Loading, BadHistoryIsNamed) {
  const std::string entry =
      R"({"file_name": "x.json", "columns": {"prompt": "instruction", "response": "output", "history": "h"}})";
  const LoadedSamples loaded = load(entry, numbered(60) + R"({"instruction": "i", "h": [["a", "b"], ["c"]]})"
                                                          "\n"
                                                          R"({"instruction": "i", "h": "x"})");
  ASSERT_EQ(loaded.skipped.size(), 2u);
  EXPECT_EQ(loaded.skipped[0].reason, "\"h\", item 2, is no [question, answer] pair of texts");
  EXPECT_HAS(loaded.skipped[1].reason, "a list of [question, answer] pairs");
}

TEST_F(Loading, MaxSamplesTakesTheFirst) {
  const LoadedSamples loaded = load(plain_, numbered(10), 3);
  EXPECT_EQ(questions(loaded), (std::vector<std::string>{"q0", "q1", "q2"}));
  EXPECT_EQ(loaded.records, 3);
}

TEST_F(Loading, NumSamplesDrawsByTheSeed) {
  const std::string entry = R"({"file_name": "x.json", "num_samples": 6})";
  const std::vector<std::string> six = questions(load(entry, numbered(10)));
  EXPECT_EQ(std::set<std::string>(six.begin(), six.end()).size(), 6u)
      << "without replacement while there are enough";
  EXPECT_EQ(six, questions(load(entry, numbered(10))));
  EXPECT_NE(six, questions(load(entry, numbered(10), {}, 43)));
  EXPECT_EQ(questions(load(entry, numbered(10), 2)), (std::vector<std::string>{six[0], six[1]}));
}

TEST_F(Loading, NumSamplesBeyondTheDataRepeats) {
  const std::vector<std::string> many =
      questions(load(R"({"file_name": "x.json", "num_samples": 25})", numbered(10)));
  EXPECT_EQ(many.size(), 25u);
  EXPECT_EQ(std::set<std::string>(many.begin(), many.begin() + 10).size(), 10u) << "all of them first";
  EXPECT_EQ(std::count(many.begin(), many.end(), ""), 0) << "a repeated record keeps its text";
}

TEST_F(Loading, SplitTakesAPartBeforeAnythingIsDrawn) {
  const auto part = [&](const std::string& keys, std::optional<int64_t> max = {}) {
    return questions(load(R"({"file_name": "x.json", )" + keys + "}", numbered(10), max));
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(part(R"("split": "train[-2:]")"), (Texts{"q8", "q9"}));
  EXPECT_EQ(part(R"("split": "train[-3:]")", 2), (Texts{"q7", "q8"}));
  EXPECT_EQ(part(R"("split": "train[:2]+train[1:2]")"), (Texts{"q0", "q1", "q1"})) << "a record taken twice";
  const Texts two = part(R"("split": "train[5:7]", "num_samples": 2)");
  EXPECT_EQ(std::set<std::string>(two.begin(), two.end()), (std::set<std::string>{"q5", "q6"}));
  try {
    part(R"("split": "train[50:]")");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(),
              "data/x.json: dataset x: split: \"train[50:]\" takes none of the 10 records\n  hint: widen it");
  }
}

TEST_F(Loading, TextFilesArePretrainingDocuments) {
  write("data/x.txt", "first\nsecond\n");
  write("data/dataset_info.json", R"({"x": {"file_name": "x.txt", "columns": {"prompt": "text"}}})");
  const LoadedSamples loaded = load_samples(find(), {}, 42, heard_);
  EXPECT_EQ(questions(loaded), (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(loaded.samples[1].place.line, 2);
}

TEST_F(Loading, ProgressEndsComplete) {
  load(plain_, numbered(3));
  ASSERT_FALSE(heard_.progress.empty());
  EXPECT_EQ(heard_.progress.back().done, 3);
  EXPECT_EQ(heard_.progress.back().total, 3);
}

}  // namespace
}  // namespace fettle
