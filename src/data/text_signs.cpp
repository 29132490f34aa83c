#include "data/text_signs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "base/utf8.h"

namespace fettle {

namespace {

// ── encodings ──

/// What cp1252 makes of the bytes 0x80 to 0x9f.
constexpr char32_t kCp1252[] = {0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
                                0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x8d,   0x17d,  0x8f,
                                0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};

/// What is left of a UTF-8 continuation byte that was read as Latin-1 or cp1252.
bool was_continuation(char32_t c) {
  return (c >= 0x80 && c < 0xc0) || std::find(std::begin(kCp1252), std::end(kCp1252), c) != std::end(kCp1252);
}

/// UTF-8 that was read byte by byte: "Ã©", "â€™", "ä½ å¥½". A lead of two bytes outside Latin-1's own letters
/// can stand beside a quotation mark in honest text, so only C2 and C3 count there.
int64_t read_as_latin(std::u32string_view text) {
  int64_t found = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const char32_t c = text[i];
    if (!was_continuation(text[i + 1])) continue;
    if (c == 0xc2 || c == 0xc3) ++found;
    if (c >= 0xe0 && c < 0xf0 && i + 2 < text.size() && was_continuation(text[i + 2])) ++found;
  }
  return found;
}

/// Characters that UTF-8's commonest Chinese punctuation and words become in GBK, and that are rare
/// otherwise.
constexpr std::u32string_view kUtf8AsGbk = U"锛銆鈥鐨涓鏄鍦浠鍙鎴浣犲屼笘鐣屻";
/// What broken bytes become on Chinese systems: replacement characters in GBK, memory never written.
constexpr std::u32string_view kBrokenRuns[] = {U"锟斤拷", U"烫烫烫", U"屯屯屯"};

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) out.push_back(next_code_point(text, at));
  return out;
}

// ── pairs ──

constexpr std::string_view kTags[] = {"think", "tool_call", "answer", "reasoning", "thought", "solution",
                                      "code",  "table",     "html",   "body",      "div",     "span"};

int64_t occurrences(std::string_view text, std::string_view what) {
  int64_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size()))
    ++count;
  return count;
}

// ── languages ──

struct Script {
  std::string_view name;
  char32_t first, last;
};
constexpr Script kScripts[] = {
    {"Latin", 'A', 'Z'},          {"Latin", 'a', 'z'},          {"Latin", 0xc0, 0x24f},
    {"Greek", 0x370, 0x3ff},      {"Cyrillic", 0x400, 0x52f},   {"Hebrew", 0x590, 0x5ff},
    {"Arabic", 0x600, 0x6ff},     {"Devanagari", 0x900, 0x97f}, {"Thai", 0xe00, 0xe7f},
    {"Japanese", 0x3041, 0x30ff}, {"Chinese", 0x3400, 0x4dbf},  {"Chinese", 0x4e00, 0x9fff},
    {"Korean", 0xac00, 0xd7af},
};

/// Words that a language cannot do without and the others lack.
struct Language {
  std::string_view name;
  std::array<std::string_view, 12> words;
};
constexpr Language kLanguages[] = {
    {"English", {"the", "and", "of", "is", "to", "that", "with", "for", "are", "this", "you", "it"}},
    {"French", {"le", "les", "des", "est", "une", "dans", "pour", "qui", "pas", "sur", "avec", "vous"}},
    {"German", {"der", "und", "die", "das", "ist", "nicht", "mit", "ein", "eine", "auf", "sich", "werden"}},
    {"Spanish", {"el", "los", "las", "una", "por", "con", "para", "del", "es", "como", "pero", "su"}},
    {"Italian", {"il", "che", "di", "della", "sono", "per", "una", "gli", "nel", "anche", "questo", "come"}},
    {"Portuguese", {"o", "os", "uma", "não", "para", "com", "mais", "dos", "como", "são", "pelo", "você"}},
};
constexpr int64_t kFewestLetters = 12, kFewestWords = 3;

std::string_view script_of(const std::u32string& text) {
  std::map<std::string_view, int64_t> letters;
  int64_t all = 0;
  for (const char32_t c : text) {
    const auto row = std::find_if(std::begin(kScripts), std::end(kScripts),
                                  [&](const Script& s) { return c >= s.first && c <= s.last; });
    if (row == std::end(kScripts)) continue;
    // A Han character says as much as a few letters: a Chinese text may hold English names.
    const int64_t weight = row->name == "Chinese" || row->name == "Japanese" ? 3 : 1;
    letters[row->name] += weight;
    all += weight;
  }
  if (all < kFewestLetters) return {};
  if (letters["Japanese"] * 10 > all) return "Japanese";  // written with Han characters too
  for (const auto& [name, count] : letters) {
    if (count * 10 >= all * 7) return name;
  }
  return {};
}

std::string_view language_by_words(std::string_view text) {
  std::array<int64_t, std::size(kLanguages)> hits{};
  std::string word;
  const auto close = [&] {
    for (size_t i = 0; i < hits.size() && !word.empty(); ++i)
      hits[i] += std::count(kLanguages[i].words.begin(), kLanguages[i].words.end(), word);
    word.clear();
  };
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x80 || std::isalpha(u)) {
      word += char(std::tolower(u));
    } else {
      close();
    }
  }
  close();
  const auto best = std::max_element(hits.begin(), hits.end());
  const int64_t most = *best;
  const size_t language = size_t(best - hits.begin());
  *best = 0;
  if (most < kFewestWords || most < 2 * *std::max_element(hits.begin(), hits.end())) return {};
  return kLanguages[language].name;
}

}  // namespace

std::string encoding_sign(std::string_view text) {
  const std::u32string points = code_points(text);
  if (points.find(char32_t(0xfffd)) != std::u32string::npos)
    return "it holds U+FFFD, a character that was lost";
  for (const std::u32string_view run : kBrokenRuns) {
    if (points.find(run) != std::u32string::npos) return "it holds what broken bytes become in GBK";
  }
  for (const char32_t c : points) {
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
      return fmt::format("it holds the control character U+{:04X}", uint32_t(c));
  }
  if (read_as_latin(points) > 0) return "it looks like UTF-8 that was read as Latin-1";
  const auto gbk = std::count_if(points.begin(), points.end(),
                                 [](char32_t c) { return kUtf8AsGbk.find(c) != std::u32string_view::npos; });
  if (gbk >= 2) return "it looks like UTF-8 that was read as GBK";
  return {};
}

std::string unclosed_sign(std::string_view text) {
  if (occurrences(text, "```") % 2 != 0) return "``` stands in it an odd number of times";
  for (const std::string_view tag : kTags) {
    const int64_t open =
        occurrences(text, fmt::format("<{}>", tag)) + occurrences(text, fmt::format("<{} ", tag));
    const int64_t close = occurrences(text, fmt::format("</{}>", tag));
    if (open != close)
      return fmt::format("<{}> stands in it {} times, </{}> {} times", tag, open, tag, close);
  }
  return {};
}

std::string_view language_of(std::string_view text) {
  const std::string_view script = script_of(code_points(text));
  return script == "Latin" ? language_by_words(text) : script;
}

std::string normalized_text(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_code_point(text, at);
    if (c < 0x80) {
      if (std::isalnum(int(c))) out += char(std::tolower(int(c)));
    } else if (!(c >= 0x2000 && c < 0x2070) && !(c >= 0x3000 && c < 0x3040) && !(c >= 0xff00 && c < 0xff10) &&
               !(c >= 0xff1a && c < 0xff20) && c != 0xa0) {
      out += text.substr(begin, at - begin);
    }
  }
  return out;
}

}  // namespace fettle
