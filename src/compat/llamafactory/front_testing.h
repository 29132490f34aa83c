// Arguments in a folder of their own, for tests.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "compat/llamafactory/front.h"

namespace fettle::llamafactory::testing {

class Notes final : public Listener {
 public:
  void on_note(const Note& n) override { text += n.text + "\n"; }
  bool has(const std::string& part) const { return text.find(part) != std::string::npos; }
  std::string text;
};

class FrontTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fettle-front-XXXXXX";
    dir_ = ::mkdtemp(name);
    model_ = (dir_ / "model.gguf").string();
    write_atomic(model_, "x");
    for (const char* variable : {"FETTLE_THREADS", "NPROC_PER_NODE", "NNODES"}) unsetenv(variable);
    unsetenv("ALLOW_EXTRA_ARGS");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string yaml(const std::string& text) {
    write_atomic(dir_ / "run.yaml", text);
    return (dir_ / "run.yaml").string();
  }
  TrainJob train(std::vector<std::string> words) { return train_job(parse_arguments(words, notes_), notes_); }
  std::string error_of(std::vector<std::string> words) {
    try {
      train(std::move(words));
    } catch (const Error& e) {
      return e.message();
    }
    return "no error";
  }
  std::vector<std::string> minimal(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {yaml("model_name_or_path: " + model_ +
                                           "\ndataset: d\noutput_dir: " + (dir_ / "out").string() + "\n")};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  std::filesystem::path dir_;
  std::string model_;
  Notes notes_;
};

}  // namespace fettle::llamafactory::testing
