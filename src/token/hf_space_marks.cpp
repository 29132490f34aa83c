// tokenizer.json's pipeline around a SentencePiece vocabulary: spaces become marks in the normalizer (Llama
// 2, Gemma) or in a Metaspace step (files written with legacy = false), and spaces again in the decoder.
#include <fmt/format.h>

#include <algorithm>

#include "token/hf_parts.h"

namespace fettle {

namespace {
using Prefix = SpaceMarking::Prefix;

void expect_text(const JsonNode& step, std::string_view name, std::string_view expected) {
  if (const JsonNode value = step.at(name); value.text() != expected) {
    value.fail(fmt::format("\"{}\" is not understood", value.text()),
               fmt::format("known is \"{}\"", expected));
  }
}

// Replace of one plain text by another.
void expect_replace(const JsonNode& step, std::string_view from, std::string_view to) {
  const JsonNode pattern = step.at("pattern");
  if (!pattern.find("String")) pattern.fail("only a String is understood here");
  expect_text(pattern, "String", from);
  expect_text(step, "content", to);
}

// True when the normalizer marks spaces.
bool read_normalizer(const JsonNode& root, SpaceMarking& marking) {
  const auto normalizer = root.find("normalizer");
  if (!normalizer) return false;
  bool marks = false;
  for (const JsonNode& step : steps_of(*normalizer, "normalizers")) {
    if (type_of(step) == "Prepend") {
      expect_text(step, "prepend", kSpaceMark);
      if (marks || marking.prefix != Prefix::none) step.fail("Prepend is understood only as the first step");
      marking.prefix = Prefix::fresh;
    } else if (type_of(step) == "Replace") {
      expect_replace(step, " ", kSpaceMark);
      marks = true;
    } else {
      fail_type(step, "Prepend and Replace");
    }
  }
  if (!marks) normalizer->fail("spaces stay spaces", "a Replace of \" \" by \"\u2581\" was expected");
  return true;
}

Prefix prefix_of(const JsonNode& step) {
  // Early files have a flag instead.
  const auto scheme = step.find("prepend_scheme");
  if (!scheme) return step.flag_or("add_prefix_space", true) ? Prefix::fresh : Prefix::none;
  if (scheme->text() == "always") return Prefix::fresh;
  if (scheme->text() == "first") return Prefix::first;
  if (scheme->text() == "never") return Prefix::none;
  scheme->fail(fmt::format("\"{}\" is not understood", scheme->text()), "known are always, first and never");
}

void read_metaspace(const JsonNode& step, SpaceMarking& marking) {
  expect_text(step, "replacement", kSpaceMark);
  if (step.flag_or("split", true)) {
    step.fail("split true is not supported with BPE", "known is split false: merges may reach over spaces");
  }
  marking.prefix = prefix_of(step);
  marking.unless_marked = marking.after_normalizing = true;
}

// After the normalizer no space is left that a Split could find.
void expect_idle_split(const JsonNode& step) {
  if (type_of(step) != "Split") fail_type(step, "Split and Metaspace");
  const JsonNode pattern = step.at("pattern");
  if (!pattern.find("String")) pattern.fail("only a String is understood here");
  expect_text(pattern, "String", " ");
  if (step.flag_or("invert", false)) step.fail("an inverted Split is not understood");
}

void read_pretokenizer(const JsonNode& root, bool marked, SpaceMarking& marking) {
  const auto node = root.find("pre_tokenizer");
  if (!node && !marked) root.fail("neither normalizer nor pre_tokenizer marks spaces");
  if (!node) return;
  const std::vector<JsonNode> steps = steps_of(*node, "pretokenizers");
  if (steps.size() != 1) node->fail(fmt::format("{} steps, expected one", steps.size()));
  if (type_of(steps[0]) == "Metaspace" && !marked) {
    read_metaspace(steps[0], marking);
  } else if (marked) {
    expect_idle_split(steps[0]);
  } else {
    fail_type(steps[0], "Metaspace (spaces are not marked by the normalizer)");
  }
}

// Replace, ByteFallback, Fuse, and Strip of one space where text begins with one.
void read_decoder(const JsonNode& root, SpaceMarking& marking) {
  constexpr std::string_view kSteps[] = {"Replace", "ByteFallback", "Fuse", "Strip"};
  const JsonNode decoder = root.at("decoder");
  const std::vector<JsonNode> steps = steps_of(decoder, "decoders");
  if (steps.size() < 3 || steps.size() > 4 ||
      !std::ranges::equal(steps, std::span(kSteps, steps.size()), {}, type_of)) {
    decoder.fail("these steps are not understood together",
                 "known are Replace, ByteFallback, Fuse and then perhaps Strip");
  }
  expect_replace(steps[0], kSpaceMark, " ");
  if (steps.size() < 4) return;
  expect_text(steps[3], "content", " ");
  for (const auto& [name, count] : {std::pair("start", 1), std::pair("stop", 0)}) {
    if (const JsonNode value = steps[3].at(name); value.integer() != count) {
      value.fail(fmt::format("{} is not understood", value.integer()), fmt::format("known is {}", count));
    }
  }
  marking.drops_first_space = true;
}
}  // namespace

bool has_space_marks(const JsonNode& root) {
  const auto decoder = root.find("decoder");
  if (!decoder) return false;
  const std::vector<JsonNode> steps = steps_of(*decoder, "decoders");
  return std::ranges::any_of(steps, [](const JsonNode& s) { return type_of(s) == "Replace"; });
}

SpaceMarking read_space_marking(const JsonNode& root) {
  SpaceMarking marking;
  const bool marked = read_normalizer(root, marking);
  read_pretokenizer(root, marked, marking);
  read_decoder(root, marking);
  return marking;
}

}  // namespace fettle
