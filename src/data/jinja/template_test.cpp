// The engine against transformers' (tests/golden/make_jinja_golden.py), and what is ours alone: places of
// errors, limits.
#include "data/jinja/template.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace fettle {
namespace {

using nlohmann::ordered_json;

/// As in make_jinja_golden.py: Thursday 2026-03-05 14:07:09.
std::tm now() {
  std::tm now{};
  now.tm_year = 126, now.tm_mon = 2, now.tm_mday = 5, now.tm_wday = 4, now.tm_yday = 63;
  now.tm_hour = 14, now.tm_min = 7, now.tm_sec = 9;
  return now;
}

std::string rendered(std::string_view source, const ordered_json& variables = ordered_json::object(),
                     const JinjaLimits& limits = {}) {
  return JinjaTemplate(source, "it").render(variables, now(), limits).text;
}

std::string error_of(std::string_view source, const ordered_json& variables = ordered_json::object(),
                     const JinjaLimits& limits = {}) {
  try {
    return "no error: " + rendered(source, variables, limits);
  } catch (const Error& error) {
    return error.message();
  }
}

class JinjaGolden : public testing::Test {
 protected:
  void expect(const std::string& group) const {
    SCOPED_TRACE(group);
    const ordered_json& all = golden_["groups"][group];
    ASSERT_FALSE(all.empty());
    for (const ordered_json& one : all) {
      const std::string source = one["template"];
      SCOPED_TRACE(source);
      if (one.contains("raises")) {
        EXPECT_THROW(rendered(source, golden_["context"]), Error) << one["raises"];
        continue;
      }
      JinjaRendering made;
      ASSERT_NO_THROW(made = JinjaTemplate(source, "it").render(golden_["context"], now()))
          << error_of(source, golden_["context"]);
      EXPECT_EQ(made.text, one["text"].get<std::string>());
      EXPECT_EQ(ordered_json(made.generations), one.value("generations", ordered_json::array()));
    }
  }
  const ordered_json golden_ =
      ordered_json::parse(read_text(std::filesystem::path(FETTLE_SOURCE_DIR) / "tests/golden/jinja.json"));
};

TEST_F(JinjaGolden, ValuesAsPythonWritesThem) {
  expect("output");
}
TEST_F(JinjaGolden, Operators) {
  expect("arithmetic");
}
TEST_F(JinjaGolden, AttributesItemsAndSlices) {
  expect("access");
}
TEST_F(JinjaGolden, Statements) {
  expect("blocks");
}
TEST_F(JinjaGolden, WhiteSpaceAroundTags) {
  expect("whitespace");
}
TEST_F(JinjaGolden, Filters) {
  expect("filters");
}
TEST_F(JinjaGolden, Tests) {
  expect("tests");
}
TEST_F(JinjaGolden, Methods) {
  expect("methods");
}
TEST_F(JinjaGolden, WholeChatTemplates) {
  expect("chats");
}
TEST_F(JinjaGolden, WhatIsRefused) {
  expect("errors");
  expect("syntax_errors");
}

TEST(JinjaErrors, NameTheLineAndWhatWasFound) {
  EXPECT_EQ(error_of("{{ 1 }}\n{{ tools.x }}"), "it:2: `tools` is undefined");
  EXPECT_EQ(error_of("{% if true %}\n\n{{ raise_exception('Roles must alternate') }}{% endif %}"),
            "it:3: Roles must alternate");
  EXPECT_EQ(error_of("\n{{ messages[0].content + 1 }}", {{"messages", {{{"content", "x"}}}}}),
            "it:2: `+` between a string and an integer");
  EXPECT_EQ(error_of("{{ m.tools.x }}", {{"m", {{"a", 1}}}}), "it:1: a dict has no attribute `tools`");
  EXPECT_EQ(error_of("{{ 'x'|markdown }}"), "it:1: there is no filter `markdown`");
  EXPECT_EQ(error_of("{{ [1].append(2) }}"),
            "it:1: `append` would change its subject, which a chat template cannot: build a new one, e.g. "
            "with `+`");
  EXPECT_EQ(error_of("{{ 'x'|tojson(indnt=2) }}"), "it:1: `tojson` has no parameter `indnt`");
}

TEST(JinjaErrors, NameWhatStandsInTheWrongPlace) {
  EXPECT_EQ(error_of("a\n{% if x %}\nb"), "it:2: no {% endif %} ends the block");
  EXPECT_EQ(error_of("{{ a b }}"), "it:1: `b` stands where `}}` must");
  EXPECT_EQ(error_of("\n{% include 'x' %}"), "it:2: `include` is no statement of chat templates here");
  EXPECT_EQ(error_of("{{ (1] }}"), "it:1: `]` stands where `)` must close");
  EXPECT_EQ(error_of("{{ 9223372036854775808 }}"), "it:1: 9223372036854775808 is out of range");
  EXPECT_EQ(error_of("\xff"), "it:1: the template is not UTF-8");
}

TEST(JinjaLimits, EndEveryTemplate) {
  const JinjaLimits few{.steps = 10'000, .depth = 50, .output_bytes = 1000};
  const std::string steps = "it:1: it takes more than 10000 steps";
  EXPECT_EQ(error_of("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", {}, few),
            steps);
  EXPECT_EQ(
      error_of(
          "{% set ns = namespace(x='ab') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
          {}, few),
      steps);
  EXPECT_EQ(error_of("{{ 'ab' * 1000000 }}", {}, few), steps);
  EXPECT_EQ(error_of("{{ 'a'|center(1000000000) }}", {}, few), steps);
  EXPECT_EQ(error_of("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", {}, few),
            "it:1: blocks, expressions and calls are nested more than 50 deep");
  EXPECT_EQ(error_of("{% for a in range(200) %}0123456789{% endfor %}", {}, few),
            "it:1: it writes more than 1000 bytes");
  EXPECT_EQ(
      error_of("{% set ns = namespace(x=1) %}{% for a in range(300) %}{% set ns.x = [ns.x] %}{% endfor %}"),
      "it:1: lists and dicts are nested more than 200 deep");
  EXPECT_EQ(error_of("{{ " + std::string(200, '(') + "1" + std::string(200, ')') + " }}"),
            "it:1: an expression is nested more than 100 deep");
  std::string sum = "{{ 1";
  for (int i = 0; i < 3000; ++i) sum += " + 1";
  EXPECT_EQ(error_of(sum + " }}"), "it:1: an expression of more than 2000 parts");
  std::string blocks;
  for (int i = 0; i < 200; ++i) blocks += "{% if true %}";
  EXPECT_EQ(error_of(blocks), "it:1: blocks are nested more than 100 deep");
}

TEST(JinjaLimits, SharedListsArePaidForEachTimeTheyAreWritten) {
  const char* const shared =
      "{% set ns = namespace(x=[1]) %}{% for a in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  for (const char* use : {"{{ ns.x }}", "{{ ns.x|tojson }}", "{{ ns.x == [ns.x[0], ns.x[1]] }}"})
    EXPECT_EQ(error_of(std::string(shared) + use, {}, {.steps = 100'000}),
              "it:1: it takes more than 100000 steps")
        << use;
}

TEST(JinjaRender, KeepsNothingBetweenRenderings) {
  const JinjaTemplate counter("{% set ns = namespace(n=start) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}", "it");
  EXPECT_EQ(counter.render({{"start", 1}}, now()).text, "2");
  EXPECT_EQ(counter.render({{"start", 5}}, now()).text, "6");
}

}  // namespace
}  // namespace fettle
