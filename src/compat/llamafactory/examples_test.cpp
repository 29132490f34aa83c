#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "compat/llamafactory/front_testing.h"

namespace fettle::llamafactory {

namespace {
namespace fs = std::filesystem;
class ExamplesTest : public testing::FrontTest {};
}  // namespace

// Each file under examples/ is a job of its folder's verb, its model and adapter aside.
TEST_F(ExamplesTest, EveryFileIsAJob) {
  const fs::path examples = fs::path(FETTLE_SOURCE_DIR) / "examples";
  write_atomic(dir_ / "adapter_config.json", "{}");
  int trained = 0, exported = 0, chatted = 0;
  for (const auto& file : fs::recursive_directory_iterator(examples)) {
    if (file.path().extension() != ".yaml") continue;
    SCOPED_TRACE(file.path().string());
    std::vector<std::string> words = {file.path().string(), "model_name_or_path=" + model_};
    const OptionSet options = parse_arguments(words, notes_);
    if (options.given("adapter_name_or_path")) words.push_back("adapter_name_or_path=" + dir_.string());
    const std::string folder = file.path().parent_path().filename().string();
    if (folder == "merge_lora") {
      EXPECT_EQ(export_job(parse_arguments(words, notes_), notes_).export_dir, options.text("export_dir"));
      ++exported;
    } else if (folder == "inference") {
      EXPECT_EQ(chat_job(parse_arguments(words, notes_), notes_).model.template_name,
                options.text("template"));
      ++chatted;
    } else {
      const TrainJob job = train_job(parse_arguments(words, notes_), notes_);
      EXPECT_EQ(job.output_dir, options.text("output_dir"));
      EXPECT_EQ(job.train, options.flag("do_train"));
      ++trained;
    }
  }
  EXPECT_GE(trained, 9);
  EXPECT_GE(exported, 3);
  EXPECT_GE(chatted, 4);
}

}  // namespace fettle::llamafactory
