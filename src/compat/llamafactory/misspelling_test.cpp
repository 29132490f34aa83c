// Keys as fingers slip: of a thousand misspellings, nearly all are told with the key that was meant.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "compat/llamafactory/front.h"

namespace fettle::llamafactory {

namespace {
constexpr size_t kMisspellings = 1000;

/// The key left or right of one on a QWERTY keyboard.
char beside(char c, bool right) {
  for (const std::string_view row : {"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"})
    if (const size_t at = row.find(c); at != row.npos) {
      if (at == 0) return row[1];
      return at + 1 == row.size() || !right ? row[at - 1] : row[at + 1];
    }
  return 'p';  // of the dash
}

/// One slip at a place.
using Slip = std::string (*)(std::string key, size_t at, bool right);
constexpr std::pair<const char*, Slip> kSlips[] = {
    {"dropped",
     [](std::string key, size_t at, bool) {
       key.erase(at, 1);
       return key;
     }},
    {"doubled",
     [](std::string key, size_t at, bool) {
       key.insert(at, 1, key[at]);
       return key;
     }},
    {"swapped",
     [](std::string key, size_t at, bool) {
       std::swap(key[at], key[at + 1 == key.size() ? at - 1 : at + 1]);
       return key;
     }},
    {"neighbour",
     [](std::string key, size_t at, bool right) {
       key[at] = beside(key[at], right);
       return key;
     }},
    {"dashes, and a letter dropped",
     [](std::string key, size_t at, bool) {
       key.erase(at, 1);
       std::ranges::replace(key, '_', '-');
       return key;
     }},
    {"words joined",
     [](std::string key, size_t, bool) {
       std::erase(key, '_');
       return key;
     }},
    {"words joined by capitals",
     [](std::string key, size_t, bool) {
       std::string out;
       for (size_t i = 0; i < key.size(); ++i)
         if (key[i] != '_') out += i > 0 && key[i - 1] == '_' ? char(std::toupper(key[i])) : key[i];
       return out;
     }},
};

std::vector<std::string> keys() {
  std::vector<std::string> names;
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows) names.emplace_back(row.name);
  return names;
}

/// The key that the message of an unknown key names; "" when it names none.
std::string suggested(const std::string& key) {
  OptionSet options(option_groups());
  try {
    options.set(key, "1", "run.yaml:1");
  } catch (const Error& error) {
    constexpr std::string_view kFront = "did you mean ";
    const std::string hint = error.hint();
    if (hint.starts_with(kFront) && hint.ends_with('?'))
      return hint.substr(kFront.size(), hint.size() - kFront.size() - 1);
  }
  return "";
}
}  // namespace

TEST(Misspelling, OfAThousandNearlyAllAreToldTheKeyThatWasMeant) {
  const std::vector<std::string> names = keys();
  const std::set<std::string> known(names.begin(), names.end());
  Rng rng(20261124, Purpose::sample);
  std::set<std::string> tried;
  std::string missed;
  size_t right = 0;
  for (size_t i = 0; tried.size() < kMisspellings; ++i) {
    const std::string& name = names[rng.below(uint32_t(names.size()))];
    const auto& [what, slip] = kSlips[i % std::size(kSlips)];
    const std::string wrong = slip(name, rng.below(uint32_t(name.size())), rng.below(2) == 1);
    std::string as_key = wrong;
    std::ranges::replace(as_key, '-', '_');
    if (known.contains(as_key) || !tried.insert(wrong).second) continue;  // another key, or no slip at all
    const std::string told = suggested(wrong);
    if (told == name)
      ++right;
    else
      missed += fmt::format("  {} ({}, {}): {}\n", wrong, name, what, told.empty() ? "nothing" : told);
  }
  EXPECT_GE(right * 100, kMisspellings * 95) << right << " of " << kMisspellings << "; missed:\n" << missed;
  RecordProperty("right", int(right));
}

// A word of its own is no slip: a wrong suggestion would be worse than none.
TEST(Misspelling, AWordOfItsOwnIsToldNoKey) {
  for (const char* word :
       {"banana", "my_favourite_setting", "x", "optimiser_warmup_curve", "wandb_entity_name"})
    EXPECT_EQ(suggested(word), "") << word;
}

}  // namespace fettle::llamafactory
