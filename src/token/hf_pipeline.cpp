// tokenizer.json's pipeline around a byte-level model: normalizer, pre-tokenizer, post-processor, decoder.
#include <fmt/format.h>

#include <algorithm>

#include "token/hf_parts.h"

namespace fettle {

const std::string& type_of(const JsonNode& node) {
  return node.at("type").text();
}

void fail_type(const JsonNode& node, std::string_view known) {
  node.fail(fmt::format("type \"{}\" is not understood", type_of(node)), fmt::format("known are {}", known));
}

std::vector<JsonNode> steps_of(const JsonNode& node, std::string_view list) {
  if (type_of(node) != "Sequence") return {node};
  std::vector<JsonNode> steps;
  const JsonNode items = node.at(list);
  for (size_t i = 0; i < items.length(); ++i) steps.push_back(items.item(i));
  return steps;
}

namespace {
std::string_view split_pattern(const JsonNode& step) {
  const JsonNode pattern = step.at("pattern");
  const auto regex = pattern.find("Regex");
  if (!regex) pattern.fail("only a Regex is understood");
  if (const JsonNode behavior = step.at("behavior"); behavior.text() != "Isolated") {
    behavior.fail(fmt::format("\"{}\" is not understood", behavior.text()), "known is Isolated");
  }
  if (step.flag_or("invert", false)) step.fail("an inverted Split is not understood");
  return regex->text();
}

// Adds what the step splits by.
void add_patterns(const JsonNode& step, bool is_last, std::vector<std::string_view>& patterns) {
  const std::string& type = type_of(step);
  if (type == "Split") {
    patterns.push_back(split_pattern(step));
  } else if (type == "Digits") {
    patterns.push_back(step.flag_or("individual_digits", false) ? kDigitPattern : kDigitsPattern);
  } else if (type == "ByteLevel") {
    if (!is_last) step.fail("ByteLevel is understood only as the last step");
    if (step.at("add_prefix_space").flag()) step.fail("add_prefix_space true is not supported");
    if (step.flag_or("use_regex", true)) patterns.push_back(kGpt2Pattern);
  } else {
    fail_type(step, "Split, Digits and ByteLevel");
  }
}

// The one id of an entry like {"SpecialToken": {"id": "<s>", "type_id": 0}}.
int32_t template_id(const JsonNode& processor, const JsonNode& entry) {
  const std::string& name = entry.at("SpecialToken").at("id").text();
  const JsonNode ids = processor.at("special_tokens").at(name).at("ids");
  if (ids.length() != 1) ids.fail(fmt::format("{} ids, expected one", ids.length()));
  return int32_t(std::clamp<int64_t>(ids.item(0).integer(), -1, INT32_MAX));
}

HfTemplate read_template(const JsonNode& processor) {
  HfTemplate around;
  const JsonNode single = processor.at("single");
  bool seen_text = false;
  for (size_t i = 0; i < single.length(); ++i) {
    const JsonNode entry = single.item(i);
    if (entry.find("Sequence")) {
      if (seen_text) entry.fail("the text stands in the template twice");
      seen_text = true;
      continue;
    }
    int32_t& id = seen_text ? around.behind : around.before;
    if (id >= 0) entry.fail("more than one token on one side of the text is not supported");
    id = template_id(processor, entry);
  }
  if (!seen_text) single.fail("the text is missing from the template");
  return around;
}
void check_decoder(const JsonNode& root) {
  const JsonNode decoder = root.at("decoder");
  const std::vector<JsonNode> steps = steps_of(decoder, "decoders");
  if (steps.size() != 1) decoder.fail(fmt::format("{} steps, expected ByteLevel alone", steps.size()));
  if (type_of(steps[0]) != "ByteLevel") fail_type(steps[0], "ByteLevel");
}

}  // namespace

bool read_normalizer(const JsonNode& root) {
  const auto normalizer = root.find("normalizer");
  if (!normalizer) return false;
  bool is_nfc = false;
  for (const JsonNode& step : steps_of(*normalizer, "normalizers")) {
    if (type_of(step) != "NFC") fail_type(step, "NFC");
    is_nfc = true;
  }
  return is_nfc;
}

const PretokenizerRow& read_pretokenizer(const JsonNode& root) {
  const JsonNode node = root.at("pre_tokenizer");
  const std::vector<JsonNode> steps = steps_of(node, "pretokenizers");
  std::vector<std::string_view> patterns;
  if (steps.empty() || type_of(steps.back()) != "ByteLevel") {
    node.fail("the last step is not ByteLevel", "a byte-level vocabulary ends with it");
  }
  for (size_t i = 0; i < steps.size(); ++i) add_patterns(steps[i], i + 1 == steps.size(), patterns);
  if (const PretokenizerRow* row = pretokenizer_by_patterns(patterns)) return *row;
  std::string list;
  for (std::string_view pattern : patterns)
    list += fmt::format("{}{}", list.empty() ? "" : "  then  ", pattern);
  node.fail(fmt::format("no known pre-tokenizer splits by {}", list.empty() ? "nothing" : list),
            fmt::format("known are {}", pretokenizer_names()));
}

std::unique_ptr<const TextRules> read_byte_level_rules(const JsonNode& root) {
  check_decoder(root);
  return std::make_unique<ByteLevelRules>(read_pretokenizer(root), read_normalizer(root));
}

HfTemplate read_post_processor(const JsonNode& root) {
  HfTemplate around;
  const auto post = root.find("post_processor");
  if (!post) return around;
  for (const JsonNode& step : steps_of(*post, "processors")) {
    if (type_of(step) == "ByteLevel") continue;  // moves offsets only
    if (type_of(step) != "TemplateProcessing") fail_type(step, "TemplateProcessing and ByteLevel");
    around = read_template(step);
  }
  return around;
}

}  // namespace fettle
