#include "base/options.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {

namespace {
using enum OptionType;
constexpr OptionRow kRows[] = {
    {"rank", integer, "8", "> 0", "Rank."},
    {"rate", number, "5e-5", ">= 0", "Rate."},
    {"share", number, "0.5", "0 … 1", "Share."},
    {"bits", integer, "", "4 | 8", "Bits."},
    {"on", boolean, "true", "", "Switch."},
    {"kind", text, "linear", "linear | cosine", "Kind."},
    {"names", list, "all", "", "Names."},
    {"unset", integer, "", "", "Unset."},
    {"ignored", boolean, "false", "", "Ignored.", OptionState::no_effect, "always so"},
    {"coming", boolean, "false", "", "Coming.", OptionState::later, "use rank"},
    {"never", text, "", "", "Never.", OptionState::refused, "it leaves the machine"},
};
constexpr OptionGroup kGroups[] = {{"Test", kRows}};

OptionSet with(std::string_view key, std::string_view text) {
  OptionSet o(kGroups);
  o.set(key, text, "run.yaml:3");
  return o;
}

std::string error_of(std::string_view key, std::string_view text) {
  try {
    with(key, text);
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST(Options, NumbersAsUsersWriteThem) {
  EXPECT_EQ(with("rate", "2e-5").number("rate"), 2e-5);
  EXPECT_EQ(with("rate", "1.0e-4").number("rate"), 1e-4);
  EXPECT_EQ(with("rate", "+3").number("rate"), 3);
  EXPECT_EQ(with("rank", "1_000").integer("rank"), 1000);
  EXPECT_EQ(with("rank", "1e3").integer("rank"), 1000);
  EXPECT_EQ(with("rank", "16.0").integer("rank"), 16);
  EXPECT_EQ(OptionSet(kGroups).number("rate"), 5e-5);
}

TEST(Options, BooleansOfBothYamls) {
  for (const char* yes : {"true", "True", "yes", "on", "1"}) EXPECT_TRUE(with("on", yes).flag("on")) << yes;
  for (const char* no : {"false", "No", "off", "0"}) EXPECT_FALSE(with("on", no).flag("on")) << no;
  EXPECT_TRUE(has(error_of("on", "maybe"), "true or false expected"));
}

TEST(Options, ListsAndUnset) {
  EXPECT_EQ(with("names", "a, b,c").list("names"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(OptionSet(kGroups).list("names"), std::vector<std::string>{"all"});
  EXPECT_EQ(OptionSet(kGroups).integer_or_none("unset"), std::nullopt);
  EXPECT_FALSE(with("rank", "null").given("rank"));
  EXPECT_EQ(with("rank", "null").integer("rank"), 8);
  EXPECT_EQ(with("on", "none").flag_or_none("on"), std::nullopt) << "an unset flag was asked for";
  EXPECT_EQ(with("on", "true").flag_or_none("on"), true);
  EXPECT_EQ(OptionSet(kGroups).flag_or_none("on"), OptionSet(kGroups).flag("on"));
}

TEST(Options, AListForOneValueIsAnError) {
  OptionSet o(kGroups);
  o.set_list("names", {"a", "b"}, "run.yaml:1");
  o.set_list("rank", {"4"}, "run.yaml:2");
  EXPECT_EQ(o.list("names").size(), 2u);
  EXPECT_EQ(o.integer("rank"), 4);
  for (const std::vector<std::string>& items : {std::vector<std::string>{"linear", "cosine"}, {}}) try {
      o.set_list("kind", items, "run.yaml:3");
      FAIL() << items.size();
    } catch (const Error& e) {
      EXPECT_TRUE(has(e.message(),
                      fmt::format("run.yaml:3: kind: a list of {} found, one value expected", items.size())))
          << e.message();
    }
}

TEST(Options, RangesAreChecked) {
  EXPECT_TRUE(has(error_of("rank", "0"), "rank: '0' found, a whole number, > 0 expected"));
  EXPECT_TRUE(has(error_of("rank", "1.5"), "a whole number expected"));
  EXPECT_TRUE(has(error_of("rate", "-1"), ">= 0"));
  EXPECT_TRUE(has(error_of("rate", "nan"), "a number expected"));
  EXPECT_TRUE(has(error_of("share", "1.01"), "0 … 1"));
  EXPECT_EQ(with("share", "1").number("share"), 1);
  EXPECT_EQ(with("bits", "4").integer("bits"), 4);
  EXPECT_TRUE(has(error_of("bits", "5"), "4 | 8"));
  EXPECT_TRUE(has(error_of("kind", "cosin"), "did you mean cosine?"));
}

TEST(Options, UnknownKeysNameThePlaceAndTheNearest) {
  const std::string message = error_of("rnak", "8");
  EXPECT_TRUE(has(message, "run.yaml:3")) << message;
  EXPECT_TRUE(has(message, "did you mean rank?")) << message;
  EXPECT_FALSE(has(error_of("something_else", "8"), "did you mean"));
}

TEST(Options, DashesAreUnderscoresAndTheLastValueWins) {
  constexpr OptionRow rows[] = {{"lora_rank", integer, "8", "", ""}};
  const OptionGroup groups[] = {{"g", rows}};
  OptionSet o(groups);
  o.set("lora-rank", "4", "a");
  o.set("lora_rank", "5", "b");
  EXPECT_EQ(o.integer("lora_rank"), 5);
  EXPECT_EQ(o.where("lora_rank"), "b");
  EXPECT_EQ(o.as_typed(), (std::vector<std::pair<std::string, std::string>>{{"lora_rank", "5"}}));
}

TEST(Options, StatesSpeakUnlessTheValueChangesNothing) {
  EXPECT_EQ(with("ignored", "true").without_effect().size(), 1u);
  EXPECT_TRUE(has(error_of("coming", "true"), "coming is not there yet\n  hint: use rank"));
  EXPECT_EQ(error_of("coming", "false"), "no error");
  EXPECT_TRUE(has(error_of("never", "x"), "never is refused"));
  EXPECT_EQ(error_of("never", "null"), "no error");
}

TEST(Options, NearestName) {
  const std::vector<std::string> names = {"learning_rate", "lora_rank", "lora_alpha"};
  EXPECT_EQ(nearest_name("learnin_rate", names), "learning_rate");
  EXPECT_EQ(nearest_name("lora_rnak", names), "lora_rank");
  EXPECT_EQ(nearest_name("banana", names), "");
  EXPECT_EQ(nearest_name("loraRank", names), "lora_rank");
  EXPECT_EQ(nearest_name("LORA-ALPHA", names), "lora_alpha");
  const std::vector<std::string> shorter = {"fp8", "bf16"};
  EXPECT_EQ(nearest_name("foo", shorter), "");
  EXPECT_EQ(nearest_name("fp9", shorter), "fp8");
  EXPECT_EQ(nearest_name("fb16", shorter), "bf16");
  const std::vector<std::string> both = {"pad", "spa"};
  EXPECT_EQ(nearest_name("psa", both), "spa") << "neighbours swapped are one slip";
}

TEST(Options, HelpWrapsAndShowsDefaultAndState) {
  const std::string help = options_help(kGroups, 40);
  EXPECT_TRUE(has(help, "rank (> 0, default 8)"));
  EXPECT_TRUE(has(help, "[later: use"));
  for (size_t begin = 0; begin < help.size();) {
    const size_t end = std::min(help.find('\n', begin), help.size());
    EXPECT_LE(end - begin, 48u) << help.substr(begin, end - begin);
    begin = end + 1;
  }
  EXPECT_TRUE(has(options_markdown(kGroups), "| `kind` | text | linear | linear \\| cosine | works |"));
}

}  // namespace fettle
