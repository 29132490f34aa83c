// A registry and its data in an empty working folder, and what was said while they were read.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/registry.h"

namespace fettle {

namespace fs = std::filesystem;

struct Heard : Listener {
  std::vector<Note> notes;
  std::vector<Progress> progress;
  void on_note(const Note& note) override { notes.push_back(note); }
  void on_progress(const Progress& p) override { progress.push_back(p); }
  std::string text() const {
    std::string all;
    for (const Note& note : notes)
      all += (note.severity == Severity::warning ? "warning: " : "info: ") + note.text + "\n";
    return all;
  }
};

/// Every test runs inside its own empty working folder.
class Registry : public testing::Test {
 protected:
  void SetUp() override {
    before_ = fs::current_path();
    folder_ =
        fs::temp_directory_path() /
        ("fettle_registry_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "data");
    fs::current_path(folder_);
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }

  static void write(const fs::path& path, const std::string& text) {
    if (path.has_parent_path()) fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  /// A registry of one dataset "x" whose file exists and is empty.
  static void write_entry(const std::string& entry) {
    write("data/x.json", "");
    write("data/dataset_info.json", "{\"x\": " + entry + "}");
  }
  DatasetEntry find(const std::string& name = "x") { return find_dataset("data", name, heard_); }
  std::string error_of(const std::string& name = "x") {
    try {
      find(name);
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  }

  Heard heard_;

 private:
  fs::path before_, folder_;
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

class Loading : public Registry {
 protected:
  LoadedSamples load(const std::string& entry, const std::string& records,
                     std::optional<int64_t> max_samples = {}, uint64_t seed = 42) {
    write("data/x.json", records);
    write("data/dataset_info.json", "{\"x\": " + entry + "}");
    return load_samples(find(), max_samples, seed, heard_);
  }
  static std::string numbered(int count) {
    std::string records;
    for (int i = 0; i < count; ++i)
      records += "{\"instruction\": \"q" + std::to_string(i) + "\", \"output\": \"a\"}\n";
    return records;
  }
  static std::vector<std::string> questions(const LoadedSamples& loaded) {
    std::vector<std::string> out;
    for (const Sample& sample : loaded.samples) out.push_back(sample.prompt.back().content);
    return out;
  }
  const std::string plain_ = R"({"file_name": "x.json"})";
};

}  // namespace fettle
