#include "compat/llamafactory/config_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace fettle::llamafactory {

namespace {
namespace fs = std::filesystem;
using Shape = ConfigEntry::Shape;

class ConfigFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fettle-config-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::vector<ConfigEntry> read(const char* name, const std::string& text) {
    write_atomic(dir_ / name, text);
    return read_config_file((dir_ / name).string());
  }
  /// The message without the folder's name.
  std::string error_of(const char* name, const std::string& text) {
    try {
      read(name, text);
    } catch (const Error& e) {
      return e.message().substr(dir_.string().size() + 1);
    }
    return "no error";
  }

  fs::path dir_;
};
}  // namespace

TEST_F(ConfigFileTest, AFullWidthColonIsTold) {
  const std::string hint = "\n  hint: line 2 has the full-width colon '：'; YAML wants ': '";
  EXPECT_TRUE(error_of("a.yaml", "a: 1\ndataset： x\nb: 2\n").ends_with(hint));
  EXPECT_EQ(error_of("a.yaml", "# all of them\na：1\nb：2\n"),
            "a.yaml: a list or a single value found, `key: value` lines expected" + hint);
  EXPECT_EQ(read("a.yaml", "system: 请注意：简短\n").size(), 1u) << "within a value it is text";
}

TEST_F(ConfigFileTest, PunctuationOfAWordProcessorInAKeyIsTold) {
  EXPECT_EQ(error_of("a.yaml", "a: 1\n“lora_rank”: 8\n"),
            "a.yaml:2: unknown key '“lora_rank”'\n  hint: '“' (U+201C) is full-width punctuation; YAML wants "
            "'\"'");
  EXPECT_EQ(
      error_of("a.yaml", "a: 1\nlora_rank：8\n"),
      "a.yaml:2: unknown key 'lora_rank：8'\n  hint: '：' (U+FF1A) is full-width punctuation; YAML wants "
      "':'");
}

TEST_F(ConfigFileTest, OtherEncodingsAreNamedAndUtf16IsRead) {
  const std::string message = error_of("a.yaml", "seed: 1\n# \xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\n");
  EXPECT_EQ(message.substr(0, message.find("\n  hint")),
            "a.yaml:2:3: the file is not UTF-8: byte 0xC4 at offset 10; it looks like GBK");
  const auto entries = read("a.yaml", std::string("\xff\xfes\0:\0 \0\x31\0\n\0", 12));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].key + entries[0].values[0], "s1");
}

TEST_F(ConfigFileTest, AnEscapeThatIsAWindowsPathIsTold) {
  EXPECT_EQ(
      error_of("a.yaml", "output_dir: \"C:\\models\"\n"),
      "a.yaml:1:18: unknown escape character: m\n  hint: within \"…\" a \\ begins an escape: write paths "
      "with /");
}

TEST_F(ConfigFileTest, YamlKeysKeepTheirOrderAndLine) {
  const auto entries =
      read("a.yaml", "\xef\xbb\xbf# comment\r\nb: 2e-5\r\n\r\na: [x, 'y z', null]\r\nc:\r\nd: {e: 1}\r\n");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].key, "b");
  EXPECT_EQ(entries[0].values, std::vector<std::string>{"2e-5"});
  EXPECT_TRUE(entries[0].where.ends_with("a.yaml:2")) << entries[0].where;
  EXPECT_EQ(entries[1].shape, Shape::list);
  EXPECT_EQ(entries[1].values, (std::vector<std::string>{"x", "y z", ""}));
  EXPECT_EQ(entries[2].values, std::vector<std::string>{"null"});
  EXPECT_EQ(entries[3].shape, Shape::mapping);
  EXPECT_TRUE(read("empty.yaml", "# nothing\n").empty());
  EXPECT_EQ(read("marked.yaml", "---\nseed: 1\n...\n").size(), 1u);
}

TEST_F(ConfigFileTest, AnEmptyTextIsNotTheSameAsNoValue) {
  const auto entries = read("empty.yaml", "a: \"\"\nb:\nc: null\n");
  EXPECT_EQ(entries[0].values, std::vector<std::string>{""});
  EXPECT_EQ(entries[1].values, std::vector<std::string>{"null"});
  EXPECT_EQ(entries[2].values, std::vector<std::string>{"null"});
}

TEST_F(ConfigFileTest, JsonKeysKeepTheirOrderLineAndNumbersAsTyped) {
  const auto entries = read("a.json",
                            "{\"b\": 2e-5,\r\n \"a\": [\"x, y\", 3, null],\n \"c\\u0064\": null, \"e\": "
                            "{\"f\": 1},\n\"g\": true }\n");
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[0].values, std::vector<std::string>{"2e-5"});
  EXPECT_EQ(entries[1].values, (std::vector<std::string>{"x, y", "3", ""}));
  EXPECT_TRUE(entries[1].where.ends_with("a.json:2")) << entries[1].where;
  EXPECT_EQ(entries[2].key, "cd");
  EXPECT_TRUE(entries[2].where.ends_with("a.json:3")) << entries[2].where;
  EXPECT_EQ(entries[3].shape, Shape::mapping);
  EXPECT_EQ(entries[4].values, std::vector<std::string>{"true"});
  EXPECT_TRUE(read("empty.json", "{}").empty());
}

TEST_F(ConfigFileTest, WhatIsNoConfigIsNamedByLine) {
  const std::pair<std::string, std::string> yaml[] = {
      {"seed: 1\nseed: 2\n", "a.yaml:2: key 'seed' stands here a second time\n  hint: remove one of them"},
      {"seed: 1\n---\nseed: 2\n",
       "a.yaml:3: a second document begins here\n  hint: a config is one document: remove the line ---"},
      {"seed: 1\ndataset:\n  - [a]\n",
       "a.yaml:3: dataset: a list of single values expected\n  hint: for example [a, b]"},
      {"? [a]\n: b\n",
       "a.yaml:1: a list or mapping found where a key was expected\n  hint: every line is `key: value`"},
      {"- seed\n",
       "a.yaml: a list or a single value found, `key: value` lines expected\n  hint: see examples/"},
      {"seed: 1\n\tlora_rank: 8\n",
       "a.yaml:2:1: illegal tab when looking for indentation\n  hint: every line is `key: value`; indent "
       "with blanks, not with "
       "tabs"},
  };
  for (const auto& [text, message] : yaml) EXPECT_EQ(error_of("a.yaml", text), message) << text;
  const std::pair<std::string, std::string> json[] = {
      {"{\"seed\": 1,\n \"seed\": 2}",
       "a.json:2: key 'seed' stands here a second time\n  hint: remove one of them"},
      {"{\"dataset\": [[1]]}",
       "a.json:1: dataset: a list of single values expected\n  hint: for example [\"a\", \"b\"]"},
      {"[1]", "a.json: an object of keys and values expected"},
  };
  for (const auto& [text, message] : json) EXPECT_EQ(error_of("a.json", text), message) << text;
  EXPECT_TRUE(error_of("a.json", "{\"seed\": 1").starts_with("a.json:1:"));
  EXPECT_THROW(read_config_file((dir_ / "missing.yaml").string()), Error);
}

TEST_F(ConfigFileTest, IsToldByTheEnding) {
  EXPECT_TRUE(is_config_file("a.yaml") && is_config_file("b/a.yml") && is_config_file("a.json"));
  EXPECT_FALSE(is_config_file("--key") || is_config_file("yaml"));
}

}  // namespace fettle::llamafactory
