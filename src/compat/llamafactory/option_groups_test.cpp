// What every row of the table owes the reader.
#include <gtest/gtest.h>

#include <set>

#include "compat/llamafactory/front.h"

namespace fettle::llamafactory {

TEST(OptionGroups, NamesAreUniqueAndEveryRowExplainsItself) {
  std::set<std::string_view> names;
  for (const OptionGroup& group : option_groups()) {
    EXPECT_FALSE(group.rows.empty()) << group.title;
    for (const OptionRow& row : group.rows) {
      EXPECT_TRUE(names.insert(row.name).second) << row.name << " stands twice";
      EXPECT_FALSE(row.help.empty()) << row.name;
      EXPECT_EQ(row.note.empty(), row.state == OptionState::works) << row.name;
    }
  }
  EXPECT_GT(names.size(), 300u);  // LLaMA-Factory's keys all have a row
}

TEST(OptionGroups, EveryDefaultIsAValueOfItsRow) {
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows)
      EXPECT_NO_THROW(parse_option(row, row.preset, "default")) << row.name;
}

// A file that spells out every default, as LLaMA-Factory's web page writes it, is a file like any other.
TEST(OptionGroups, EveryKeyTakesItsOwnDefault) {
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows) {
      OptionSet options(option_groups());
      EXPECT_NO_THROW(options.set(row.name, row.preset, "run.yaml:1")) << row.name;
    }
}

}  // namespace fettle::llamafactory
