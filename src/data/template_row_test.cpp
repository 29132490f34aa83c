#include "data/template_row.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace fettle {
namespace {

/// A slot per line: its kind, then its text.
std::string slots_of(std::string_view part) {
  constexpr const char* kKinds[] = {"text ", "bos ", "eos ", "token "};
  std::string out;
  while (const std::optional<TemplateSlot> slot = next_slot(part))
    out.append(kKinds[size_t(slot->kind)]).append(slot->text).append("\n");
  return out;
}

int count(std::string_view text, std::string_view word) {
  int found = 0;
  for (size_t at = 0; (at = text.find(word, at)) != text.npos; at += word.size()) ++found;
  return found;
}

TEST(TemplateRow, PartsFallIntoSlots) {
  EXPECT_EQ(slots_of(""), "");
  EXPECT_EQ(slots_of("{BOS}a {{content}} b{EOS}{EOS}c"), "bos \ntext a {{content}} b\neos \neos \ntext c\n");
  EXPECT_EQ(slots_of("{id:[|Human|]:}\n{|}{{content}}{id:x}"),
            "token [|Human|]:\ntext \n\ntext {{content}}\ntoken x\n");
  EXPECT_EQ(slots_of(R"([TOOL_RESULTS] {"content": {{content}}}[/TOOL_RESULTS])"),
            "text [TOOL_RESULTS] {\"content\": {{content}}}[/TOOL_RESULTS]\n");
  EXPECT_EQ(slots_of("{BOS"), "text {BOS\n");
}

TEST(TemplateRow, MissingPartsStandForOthers) {
  const TemplateRow plain{.name = "x", .user = "U{{content}}"},
      endless{.name = "y", .assistant = "", .efficient_eos = true},
      own{.name = "z", .assistant = "A{{content}}"};
  EXPECT_EQ(plain.assistant_part(), "{{content}}{EOS}");
  EXPECT_EQ(plain.observation_part(), "U{{content}}");
  EXPECT_EQ(endless.assistant_part(), "{{content}}");
  EXPECT_EQ(endless.function_part(), "{{content}}");
  EXPECT_EQ(own.function_part(), "A{{content}}");
}

TEST(TemplateRow, EveryRowIsWhole) {
  std::set<std::string_view> names;
  for (const TemplateRow* row : template_rows()) {
    EXPECT_TRUE(names.insert(row->name).second) << row->name << " twice";
    for (std::string_view part :
         {row->user, row->assistant_part(), row->system, row->observation_part(), row->function_part()})
      EXPECT_EQ(count(part, "{{content}}"), 1) << row->name << ": " << part;
    EXPECT_EQ(count(row->prefix, "{{content}}"), 0) << row->name;
    EXPECT_TRUE(!row->replace_eos || !row->stop_words.empty()) << row->name;
    // What stands inside the user's slot is one text.
    std::string_view system = row->system;
    next_slot(system);
    EXPECT_TRUE(!row->system_in_user || system.empty()) << row->name;
    EXPECT_NE(row->tool_format, nullptr) << row->name;
  }
  EXPECT_EQ(names.size(), 143u);  // 124 of today, 19 that earlier versions had
}

std::vector<std::string> marked(const TemplateRow& row) {
  const auto markers = markers_of(row);
  return {markers.begin(), markers.end()};
}

// Every <|…|> and every stop word in a slot is a marker, so that a vocabulary without it is told.
TEST(TemplateRow, MarkersAreWhatTheSlotsWrite) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(marked(find_template("llama3")),
            (Names{"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}));
  EXPECT_EQ(marked(find_template("gemma3")), (Names{"<start_of_turn>", "<end_of_turn>"}));
  EXPECT_EQ(marked(find_template("deepseek3")), (Names{"<｜User｜>", "<｜Assistant｜>"}));
  EXPECT_EQ(marked(find_template("gemma4")), (Names{"<|turn>", "<turn|>", "<|think|>"}));
  EXPECT_EQ(marked(find_template("llama2")), Names{});
  EXPECT_EQ(marked(find_template("zephyr")), Names{}) << "its <|user|> is text to its models";
  for (const TemplateRow* row : template_rows())
    for (std::string_view marker : row->markers) {
      bool written = false;
      for (std::string_view part : row->parts()) written |= part.find(marker) != part.npos;
      EXPECT_TRUE(written) << row->name << ' ' << marker;
    }
}

}  // namespace
}  // namespace fettle
