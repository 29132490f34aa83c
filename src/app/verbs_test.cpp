#include "app/verbs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "app/verbs_testing.h"
#include "base/error.h"
#include "compat/llamafactory/front.h"

namespace fettle::app {

TEST(Verbs, ALaterVerbIsAnErrorByNameWithAWayOut) {
  for (const VerbRow& verb : verbs()) {
    if (verb.run) continue;
    const std::string words[] = {std::string(verb.name)};
    try {
      run_verb(words);
      FAIL() << verb.name;
    } catch (const Error& e) {
      EXPECT_TRUE(has(e.message(), std::string(verb.name) + " is not there yet"));
      EXPECT_FALSE(e.hint().empty());
    }
  }
}

TEST(Verbs, ExportAndPlotOfTheClosingBlockAreAmongThem) {
  std::set<std::string_view> names;
  for (const VerbRow& verb : verbs()) EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
  for (const char* name : {"train", "chat", "inspect", "env", "version", "help", "export", "plot"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Verbs, AnUnknownVerbExitsWithTwoAndNamesTheNearest) {
  const std::string trian[] = {"trian"}, help_trian[] = {"help", "trian"}, far[] = {"banana"};
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_verb(trian), 2);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "Unknown command: trian. Did you mean train?\nfettle help lists the commands.\n");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_verb(help_trian), 2);
  EXPECT_EQ(run_verb(far), 2);
  EXPECT_TRUE(has(::testing::internal::GetCapturedStderr(), "Unknown command: banana.\n"));
}

TEST(Verbs, AloneTheFirstThreeCommands) {
  const std::string text = output_of({});
  for (const char* command : {"  fettle train ", "  fettle chat ", "  fettle help "})
    EXPECT_TRUE(has(text, command)) << command;
}

TEST(Verbs, HelpOfAVerbListsTheTableByGroup) {
  const std::string text = output_of({"train", "--help"});
  for (const OptionGroup& group : llamafactory::option_groups())
    EXPECT_TRUE(has(text, fmt::format("\n{}\n", group.title))) << group.title;
  EXPECT_TRUE(has(text, "  lora_rank (> 0, default 8)\n"));
  EXPECT_EQ(output_of({"train", "run.yaml", "-h"}), text);
  EXPECT_TRUE(has(output_of({"help", "api"}), "Not there yet. Until then: "));
  EXPECT_FALSE(has(output_of({"help", "inspect"}), "lora_rank"));
}

}  // namespace fettle::app
