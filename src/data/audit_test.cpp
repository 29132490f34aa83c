#include "data/audit.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/fake_tokenizer_test.h"

namespace fettle {
namespace {

/// Samples as bytes: the prompt is not trained on, the answer is.
class DataAuditTest : public ::testing::Test {
 protected:
  void add(const std::string& prompt, const std::string& answer) {
    add_to(train_, "train.json", prompt, answer);
  }
  void add_to(Dataset& set, const char* file, const std::string& prompt, const std::string& answer) {
    std::vector<int32_t> ids = tokenizer_.encode("user\n" + prompt + "\nassistant\n", false);
    std::vector<int32_t> labels(ids.size(), kIgnoreIndex);
    const std::vector<int32_t> end = tokenizer_.encode(answer, false);
    ids.insert(ids.end(), end.begin(), end.end());
    labels.insert(labels.end(), end.begin(), end.end());
    ids.push_back(1);
    labels.push_back(1);
    set.add(ids, labels, {file, ++line_});
  }
  /// Ten samples with nothing wrong.
  void add_good() {
    for (const char* city :
         {"Berlin", "Paris", "Rome", "Madrid", "Lisbon", "Vienna", "Prague", "Dublin", "Oslo", "Bern"})
      add(std::string("What is there to see in the city of ") + city + "?",
          std::string("In ") + city + " the old town and the river are what you go for; it is small.");
  }
  DataAudit run() {
    const Dataset* held[] = {&eval_};
    Listener silent;
    return audit(train_, held, tokenizer_, 4, silent);
  }
  std::vector<std::string> found(FindingKind kind) {
    std::vector<std::string> places;
    for (const Finding& f : run().findings) {
      if (f.kind == kind) places.push_back(f.place.text());
    }
    return places;
  }
  using Places = std::vector<std::string>;

  FakeTokenizer tokenizer_{{"<s>", "</s>"}};
  Dataset train_, eval_;
  int64_t line_ = 0;
};

TEST_F(DataAuditTest, FindsNothingWhereNothingIsWrong) {
  add_good();
  const DataAudit a = run();
  for (const Finding& f : a.findings)
    ADD_FAILURE() << row(f.kind).name << " " << f.place.text() << " " << f.detail;
  ASSERT_EQ(a.files.size(), 1u);
  EXPECT_EQ(a.files[0].samples, 10);
  EXPECT_EQ(a.lengths.size(), 10u);
  EXPECT_TRUE(std::is_sorted(a.lengths.begin(), a.lengths.end()));
  EXPECT_EQ(a.loses_nothing, a.lengths.back());
  EXPECT_EQ(a.longest.front().second, a.lengths.back());
  EXPECT_GT(a.padding, 0);
  EXPECT_LT(a.padding, 0.2);
}

TEST_F(DataAuditTest, NamesEveryKindByLine) {
  add_good();
  add("What is there to see in the city of  ROME?",
      "In Rome the old town, and the river, are what you go for. It is small!");
  add("Say nothing at all, please", "  ");
  add("Where is the best place for coffee?", "The cafÃ© at the corner is the one for you.");
  add("Show the code of a loop to me", "```c\nfor (;;) {}\n");
  add("Repeat after me: the rain in Spain stays",
      "Repeat after me: the rain in Spain stays mainly in the plain.");
  add("Where do the others go on holiday?",
      "Die anderen fahren mit der Bahn und sind nicht auf dem Land, das ist weit.");
  EXPECT_EQ(found(FindingKind::duplicate), Places{"train.json:11"});
  EXPECT_EQ(found(FindingKind::empty_answer), Places{"train.json:12"});
  EXPECT_EQ(found(FindingKind::encoding), Places{"train.json:13"});
  EXPECT_EQ(found(FindingKind::unclosed), Places{"train.json:14"});
  EXPECT_EQ(found(FindingKind::prompt_in_answer), Places{"train.json:15"});
  EXPECT_EQ(found(FindingKind::language), Places{"train.json:16"});
}

TEST_F(DataAuditTest, AnAnswerMayBeginWithALineOfThePrompt) {
  add_good();
  add("Put this into the past tense:\nThe birds are singing in the garden",
      "The birds are singing in the garden: they sang.");
  EXPECT_EQ(found(FindingKind::prompt_in_answer), Places{});
}

// num_samples beyond the data and interleave_over take records again: on purpose.
TEST_F(DataAuditTest, ARepeatedRecordIsNoDuplicateButLeaks) {
  add_good();
  add("Which river flows through Lyon, and where does it rise?", "The Rhône; it rises in Switzerland.");
  --line_;
  add("Which river flows through Lyon, and where does it rise?", "The Rhône; it rises in Switzerland.");
  EXPECT_EQ(found(FindingKind::duplicate), Places{});
  --line_;
  add_to(eval_, "train.json", "Which river flows through Lyon, and where does it rise?",
         "The Rhône; it rises in Switzerland.");
  EXPECT_EQ(found(FindingKind::leak), Places{"train.json:11"});
}

TEST_F(DataAuditTest, HeldOutSamplesThatAreTrainedOnLeak) {
  add_good();
  add_to(eval_, "eval.json", "What is there to see in the city of Oslo?",
         "In Oslo the old town and the river are what you go for; it is small.");
  add_to(eval_, "eval.json", "A question that nobody asked before",
         "And the answer that is given to it for once.");
  EXPECT_EQ(found(FindingKind::leak), Places{"eval.json:11"});
  EXPECT_EQ(found(FindingKind::duplicate), Places{});
}

TEST_F(DataAuditTest, SaysWhatWasCutAndHowLongCutoffLenWouldHaveToBe) {
  add_good();
  train_.report().name_cut({"train.json", 3}, 5000, 100, true);
  train_.report().name_skipped({"train.json", 99}, "it has no answer");
  EXPECT_EQ(run().loses_nothing, 5000);
  EXPECT_EQ(found(FindingKind::cut), Places{"train.json:3"});
  EXPECT_EQ(found(FindingKind::skipped), Places{"train.json:99"});
}

TEST_F(DataAuditTest, FarLongerThanTheOthers) {
  add_good();
  std::string words;
  for (int i = 0; i < 400; ++i) words += "word" + std::to_string(i) + " and the ";
  add("Tell me more of it", words);
  EXPECT_EQ(found(FindingKind::outlier), Places{"train.json:11"});
}

TEST_F(DataAuditTest, RunsOfTextAreTheSampleAndJsonHoldsAll) {
  add("Hi there", "Hello");
  const std::vector<TextRun> runs = text_runs(train_, 0, tokenizer_);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].text, "user\nHi there\nassistant\n");
  EXPECT_FALSE(runs[0].trained);
  EXPECT_EQ(runs[1].text, "Hello</s>");
  EXPECT_TRUE(runs[1].trained);
  add("Hi there", "Hello");
  const nlohmann::ordered_json json = audit_json(run());
  EXPECT_EQ(json["counts"]["duplicate"], 1);
  EXPECT_EQ(json["findings"][0]["kind"], "duplicate");
  EXPECT_EQ(json["findings"][0]["line"], 2);
  EXPECT_EQ(json["files"][0]["samples"], 2);
}

TEST(FindingKind, NamesAreFoundAgain) {
  for (size_t i = 0; i < size_t(FindingKind::count); ++i)
    EXPECT_EQ(finding_kind(row(FindingKind(i)).name), FindingKind(i));
  EXPECT_FALSE(finding_kind("made_up"));
}

}  // namespace
}  // namespace fettle
