// The data sets that come with the project: they load without a word, and keep their promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/file.h"
#include "data/registry.h"

namespace fettle {
namespace {

struct Silent : Listener {
  void on_note(const Note& note) override { ADD_FAILURE() << note.text; }
};

LoadedSamples load(const std::string& name, Listener& listener) {
  const std::filesystem::path dir = std::filesystem::path(FETTLE_SOURCE_DIR) / "data";
  return load_samples(find_dataset(dir, name, listener), {}, 42, listener);
}

LoadedSamples load(const std::string& name) {
  Silent listener;
  return load(name, listener);
}

std::vector<std::string> demo_questions() {
  std::istringstream text(read_text(std::filesystem::path(FETTLE_SOURCE_DIR) / "data/demo_questions.txt"));
  std::vector<std::string> questions;
  for (std::string line; std::getline(text, line);) questions.push_back(line);
  return questions;
}

TEST(DemoData, EveryAnswerHasTheThreeLines) {
  const LoadedSamples loaded = load("fettle_demo");
  EXPECT_EQ(loaded.samples.size(), 74u);
  EXPECT_TRUE(loaded.skipped.empty());
  for (const Sample& sample : loaded.samples) {
    ASSERT_EQ(sample.response.size(), 1u);
    const std::string& answer = sample.response[0].content;
    EXPECT_TRUE(answer.starts_with("Diagnosis: ")) << sample.place.text();
    EXPECT_NE(answer.find("\nFix: "), answer.npos) << sample.place.text();
    EXPECT_NE(answer.find("\nCheck: "), answer.npos) << sample.place.text();
    EXPECT_EQ(std::count(answer.begin(), answer.end(), '\n'), 2) << sample.place.text();
  }
}

TEST(DemoData, TheQuestionsOfTheDemoAreNotInIt) {
  std::set<std::string> asked;
  for (const Sample& sample : load("fettle_demo").samples)
    EXPECT_TRUE(asked.insert(sample.prompt[0].content).second) << "twice: " << sample.prompt[0].content;
  const std::vector<std::string> questions = demo_questions();
  EXPECT_EQ(questions.size(), 3u);
  for (const std::string& question : questions) {
    EXPECT_FALSE(question.empty());
    EXPECT_FALSE(asked.contains(question)) << question;
  }
}

// The names that LLaMA-Factory's examples use.
TEST(DemoData, AlpacaDemosAreAnsweredOnce) {
  for (const auto& [name, count] : {std::pair{"alpaca_en_demo", 40u}, {"alpaca_zh_demo", 38u}}) {
    const LoadedSamples loaded = load(name);
    EXPECT_EQ(loaded.samples.size(), count);
    std::set<std::string> asked;
    for (const Sample& sample : loaded.samples) {
      EXPECT_TRUE(asked.insert(sample.prompt.at(0).content).second) << sample.place.text();
      EXPECT_FALSE(sample.response.at(0).content.empty()) << sample.place.text();
    }
  }
}

TEST(DemoData, IdentityWaitsForItsNames) {
  struct : Listener {
    std::vector<Note> notes;
    void on_note(const Note& note) override { notes.push_back(note); }
  } heard;
  const LoadedSamples loaded = load("identity", heard);
  EXPECT_EQ(loaded.samples.size(), 91u);
  ASSERT_EQ(heard.notes.size(), 1u);
  EXPECT_EQ(heard.notes[0].severity, Severity::warning);
  const std::string file = loaded.samples[0].place.file;
  EXPECT_EQ(heard.notes[0].text,
            "dataset identity: 91 of 91 samples hold {{name}} or {{author}} (first: " + file +
                ":2), which the model "
                "would learn as they stand; put in what it is to say: sed -i 's/{{name}}/NAME/g; "
                "s/{{author}}/AUTHOR/g' " +
                file);
  for (const Sample& sample : loaded.samples)
    EXPECT_NE(sample.response.at(0).content.find("{{"), std::string::npos) << sample.place.text();
}

TEST(DemoData, NotesAreTextsForPretraining) {
  const LoadedSamples loaded = load("fettle_notes");
  EXPECT_EQ(loaded.samples.size(), 48u);
  for (const Sample& sample : loaded.samples) {
    EXPECT_TRUE(sample.response.empty());
    EXPECT_GT(sample.prompt.at(0).content.size(), 60u) << sample.place.text();
  }
}

}  // namespace
}  // namespace fettle
