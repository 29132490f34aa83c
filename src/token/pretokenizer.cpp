#include "token/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>

#include "base/error.h"

namespace fettle {

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string_view kDigitPattern = R"(\p{N})";
const std::string_view kDigitsPattern = R"(\p{N}+)";

namespace {
constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Letters of the Latin, Greek, Cyrillic and a few smaller scripts; U+2126, U+212A and U+1FBE are meant, not
// the letters they look like.
constexpr std::string_view kDeepseekLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kDeepseekPunctuation = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";
constexpr std::string_view kDeepseekIdeographs = R"([一-龥ࠀ-一가-퟿]+)";

const PretokenizerRow kRows[] = {
    {"gpt-2", "gpt-2 phi-2 mpt olmo jais", {kGpt2Pattern}},
    {"smollm",
     "smollm starcoder refact command-r codeshell exaone minerva-7b",
     {kDigitPattern, kGpt2Pattern}},
    {"llama-3",
     "llama-bpe llama3 llama-v3 falcon3 pixtral",
     {kLlama3Pattern},
     /*ignore_merges=*/true,
     /*add_bos=*/true},
    {"llama-3 with merges", "dbrx smaug-bpe chatglm-bpe glm4", {kLlama3Pattern}},
    // The vocabulary was trained on NFC text, and its tokenizer.json says so; GGUF has no key for it.
    {"qwen2", "qwen2 deepseek-r1-qwen", {kQwen2Pattern}, false, false, /*nfc=*/true},
    {"deepseek-llm",
     "deepseek-llm",
     {R"([\r\n])", kDeepseekLetters, kDeepseekPunctuation, R"(\s+$)", kDeepseekIdeographs, kDigitsPattern}},
    {"falcon", "falcon", {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Pattern, "[0-9][0-9][0-9]"}},
    // What llama.cpp takes for a file that names no pre-tokenizer.
    {"default", "default", {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, kDigitsPattern, "[0-9][0-9][0-9]"}},
};

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const size_t space = std::min(words.find(' '), words.size());
    if (words.substr(0, space) == word) return true;
    words.remove_prefix(std::min(space + 1, words.size()));
  }
  return false;
}

// PCRE2's \s has U+180E, which Unicode (and the engine these patterns were written for) no longer counts as
// white space.
std::string with_unicode_space(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    const char c = pattern[++i];
    out += c == 's' ? "\\p{White_Space}" : c == 'S' ? "\\P{White_Space}" : std::string{'\\', c};
  }
  return out;
}

std::string pcre2_message(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}
}  // namespace

std::span<const std::string_view> PretokenizerRow::steps() const {
  return {patterns.begin(), std::ranges::find(patterns, std::string_view())};
}

std::span<const PretokenizerRow> pretokenizers() {
  return kRows;
}

const PretokenizerRow* pretokenizer_by_gguf_name(std::string_view pre) {
  const auto row =
      std::ranges::find_if(kRows, [&](const PretokenizerRow& r) { return has_word(r.gguf, pre); });
  return row == std::end(kRows) ? nullptr : &*row;
}

const PretokenizerRow* pretokenizer_by_patterns(std::span<const std::string_view> patterns) {
  const auto row =
      std::ranges::find_if(kRows, [&](const auto& r) { return std::ranges::equal(r.steps(), patterns); });
  return row == std::end(kRows) ? nullptr : &*row;
}

std::string pretokenizer_names() {
  std::string names;
  for (const PretokenizerRow& row : kRows) names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
  return names;
}

struct Pretokenizer::Regex {
  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code{nullptr, pcre2_code_free};

  explicit Regex(std::string_view text) {
    const std::string pattern = with_unicode_space(text);
    int error = 0;
    PCRE2_SIZE at = 0;
    code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, nullptr));
    FETTLE_CHECK(code, "pattern {} at {}: {}", pattern, at, pcre2_message(error));
    // Without a just-in-time compiler for this machine pcre2_match interprets: the same pieces, slower.
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  }

  void split(std::string_view text, std::vector<std::string_view>& pieces) const;
};

void Pretokenizer::Regex::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  FETTLE_CHECK(match);
  const PCRE2_SIZE* extent = pcre2_get_ovector_pointer(match.get());
  size_t done = 0;
  while (done < text.size()) {
    const int found = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), done,
                                  PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) break;
    FETTLE_CHECK(found >= 0 && extent[1] > done, "splitting at {}: {}", done, pcre2_message(found));
    if (extent[0] > done) pieces.push_back(text.substr(done, extent[0] - done));
    pieces.push_back(text.substr(extent[0], extent[1] - extent[0]));
    done = extent[1];
  }
  if (done < text.size()) pieces.push_back(text.substr(done));
}

Pretokenizer::Pretokenizer(const PretokenizerRow& row) : row_(row) {
  for (std::string_view pattern : row.steps()) steps_.push_back(std::make_unique<Regex>(pattern));
}
Pretokenizer::~Pretokenizer() = default;

std::vector<std::string_view> Pretokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces, split;
  if (!text.empty()) pieces.push_back(text);
  for (const auto& step : steps_) {
    split.clear();
    for (std::string_view piece : pieces) step->split(piece, split);
    pieces.swap(split);
  }
  return pieces;
}

}  // namespace fettle
