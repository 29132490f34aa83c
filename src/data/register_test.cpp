#include "data/register.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "data/detect_format.h"
#include "data/registry_testing.h"

namespace fettle {
namespace {

class Register : public Registry {
 protected:
  std::string add(const std::string& name, const std::string& entry) {
    return register_dataset("data", name, nlohmann::ordered_json::parse(entry));
  }
  static std::string registry() { return read_text("data/dataset_info.json"); }
};

TEST_F(Register, WhatStoodThereStays) {
  const std::string before = "{ \"a\" : {\"file_name\":\"a.json\",\n\t\"num_samples\": 3}   ";
  write("data/dataset_info.json", before + "\n}\n");
  EXPECT_EQ(add("b", R"({"file_name": "b.json", "columns": {"prompt": "q"}})"), "b");
  EXPECT_EQ(registry(),
            "{ \"a\" : {\"file_name\":\"a.json\",\n\t\"num_samples\": 3},\n  \"b\": {\n    \"file_name\": "
            "\"b.json\",\n    \"columns\": {\n      \"prompt\": \"q\"\n    }\n  }\n}\n");
}

TEST_F(Register, ANameThatIsTakenIsNeverWrittenOver) {
  write("data/dataset_info.json", R"({"a": {"file_name": "other.json"}, "a_2": {}})");
  EXPECT_EQ(add("a", R"({"file_name": "a.json"})"), "a_3");
  EXPECT_EQ(nlohmann::json::parse(registry())["a"]["file_name"], "other.json");
  const std::string before = registry();
  EXPECT_EQ(add("b", R"({"file_name": "other.json", "columns": {"prompt": "q"}})"), "a")
      << "its file is registered";
  EXPECT_EQ(registry(), before);
}

TEST_F(Register, AFileIsMadeWhereThereIsNone) {
  EXPECT_EQ(register_dataset("data/new/folder", "a", {{"file_name", "a.json"}}), "a");
  EXPECT_EQ(read_text("data/new/folder/dataset_info.json"),
            "{\n  \"a\": {\n    \"file_name\": \"a.json\"\n  }\n}\n");
}

TEST_F(Register, ABrokenRegistryIsNamedAndLeft) {
  write("data/dataset_info.json", "{\"a\": {");
  EXPECT_THROW(add("b", R"({"file_name": "b.json"})"), Error);
  write("data/dataset_info.json", "[]");
  EXPECT_THROW(add("b", R"({"file_name": "b.json"})"), Error);
  EXPECT_EQ(registry(), "[]");
}

// What was told from the records reads them alike once it is registered.
TEST_F(Register, ADetectedSetReadsAlikeFromTheRegistry) {
  const std::pair<const char*, const char*> records[] = {
      {"alpaca", R"({"question": "q", "context": "c", "answer": "a", "system": "s"})"},
      {"chat", R"({"turns": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]})"},
      {"share", R"({"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]})"},
      {"text", R"({"text": "words"})"},
  };
  for (const auto& [name, record] : records) {
    const std::string file = std::string(name) + ".jsonl";
    write("data/" + file, std::string(record) + "\n");
    const DatasetEntry told = detect_dataset(name, "data/" + file, heard_);
    ASSERT_EQ(register_dataset("data", name, registry_entry(told, file)), name);
    const DatasetEntry read = find(name);
    EXPECT_EQ(registry_entry(read, file), registry_entry(told, file)) << name;
    EXPECT_EQ(registry_entry(told, file).contains("tags"), format_of(told).conversations) << name;
    const LoadedSamples a = load_samples(told, {}, 1, heard_), b = load_samples(read, {}, 1, heard_);
    ASSERT_EQ(b.samples.size(), 1u) << name;
    ASSERT_EQ(a.samples.size(), 1u) << name;
    EXPECT_EQ(a.samples[0].system, b.samples[0].system);
    ASSERT_EQ(a.samples[0].prompt.size(), b.samples[0].prompt.size());
    EXPECT_EQ(a.samples[0].prompt[0].content, b.samples[0].prompt[0].content);
  }
}

}  // namespace
}  // namespace fettle
