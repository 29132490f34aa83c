// What the documents promise is what the program does.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/options.h"
#include "compat/llamafactory/front.h"
#include "data/template_row.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;

/// The text of the first block of a Markdown page that begins with ```LANGUAGE.
std::string first_block(const std::string& page, const std::string& language) {
  const std::string fence = "```" + language + "\n";
  const size_t begin = page.find(fence) + fence.size();
  return page.substr(begin, page.find("```", begin) - begin);
}
}  // namespace

TEST(Docs, OptionsPageIsCurrent) {
  EXPECT_EQ(read_text(std::string(FETTLE_SOURCE_DIR) + "/docs/options.md"),
            options_markdown(llamafactory::option_groups()))
      << "run: fettle help --markdown > docs/options.md";
}

TEST(Docs, TemplatesPageIsCurrent) {
  EXPECT_EQ(read_text(std::string(FETTLE_SOURCE_DIR) + "/docs/templates.md"), templates_markdown())
      << "run: fettle help --templates > docs/templates.md";
}

// tool_format takes what the formats are called; the two lists stand in different rooms.
TEST(Docs, ToolFormatTakesEveryFormatByName) {
  std::vector<std::string_view> names;
  for (const ToolFormat* format : tool_formats()) names.push_back(format->name);
  for (const auto& group : llamafactory::option_groups())
    for (const auto& row : group.rows)
      if (row.name == "tool_format") {
        EXPECT_EQ(row.range, fmt::format("{}", fmt::join(names, " | ")));
        return;
      }
  FAIL() << "no such option";
}

TEST(Docs, TheReadmesConfigIsARunInTenLines) {
  const std::string yaml = first_block(read_text(std::string(FETTLE_SOURCE_DIR) + "/README.md"), "yaml");
  EXPECT_EQ(std::count(yaml.begin(), yaml.end(), '\n'), 10) << yaml;
  char name[] = "/tmp/fettle-readme-XXXXXX";
  const fs::path folder = ::mkdtemp(name);
  write_atomic(folder / "run.yaml", yaml);
  Listener silent;
  const std::vector<std::string> words = {(folder / "run.yaml").string(),
                                          "model_name_or_path=" + folder.string(),
                                          "output_dir=" + (folder / "out").string()};
  const TrainJob job = llamafactory::train_job(llamafactory::parse_arguments(words, silent), silent);
  fs::remove_all(folder);
  EXPECT_EQ(job.stage, Stage::sft);
  EXPECT_EQ(job.lora.rank, 8);
  EXPECT_EQ(job.model.template_name, "smollm2");
  EXPECT_EQ(job.data.datasets, std::vector<std::string>{"mine"});
}

}  // namespace fettle::app
