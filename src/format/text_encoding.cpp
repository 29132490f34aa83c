#include "format/text_encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "base/utf8.h"

namespace fettle {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// The beginnings of texts in wider units; x is any byte but zero. JSON and most texts begin with an ASCII
/// character, so the zeros beside it tell the order even without a mark.
struct WideStart {
  std::string_view begin;
  std::string_view name;  // iconv's
  bool marked = false;
};
using namespace std::string_view_literals;
constexpr WideStart kWideStarts[] = {
    {"\xff\xfe\0\0"sv, "UTF-32LE", true},
    {"\0\0\xfe\xff"sv, "UTF-32BE", true},
    {"\xff\xfe"sv, "UTF-16LE", true},
    {"\xfe\xff"sv, "UTF-16BE", true},
    {"x\0\0\0"sv, "UTF-32LE"},
    {"\0\0\0x"sv, "UTF-32BE"},
    {"x\0"sv, "UTF-16LE"},
    {"\0x"sv, "UTF-16BE"},
};

bool begins(std::string_view text, std::string_view pattern) {
  return text.size() >= pattern.size() &&
         std::equal(pattern.begin(), pattern.end(), text.begin(),
                    [](char wanted, char found) { return wanted == 'x' ? found != 0 : wanted == found; });
}

std::string conversion(std::string_view name, const std::string& label) {
  return fmt::format("convert it: iconv -f {} -t UTF-8 {} > NEW_FILE", name, label);
}

bool high(char c) {
  return uint8_t(c) >= 0x80;
}

/// What stands around a broken byte, counted in the ways the usual encodings would read it.
struct Evidence {
  int64_t utf8 = 0, broken = 0;  // characters of several bytes; bytes that are none
  int64_t pairs = 0, hanzi = 0,
          odd = 0;    // GBK: pairs, those of the common characters; bytes without a partner
  int64_t alone = 0;  // high bytes between two ASCII characters: a Western letter
};

Evidence weigh(std::string_view text) {
  Evidence found;
  for (size_t at = 0; at < text.size();) {
    const size_t before = at;
    const bool broken = next_code_point(text, at) == U'\uFFFD' && at == before + 1;
    found.broken += broken;
    found.utf8 += !broken && at > before + 1;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (!high(text[i])) continue;
    if (i + 1 == text.size()) break;  // its partner may lie beyond
    const auto lead = uint8_t(text[i]), trail = uint8_t(text[i + 1]);
    found.alone += (i == 0 || !high(text[i - 1])) && !high(text[i + 1]);
    if (lead > 0x80 && lead < 0xff && trail >= 0x40 && trail != 0x7f && trail < 0xff) {
      ++found.pairs;
      found.hanzi += lead >= 0xa1 && lead <= 0xf7 && trail >= 0xa1;
      ++i;
    } else {
      ++found.odd;
    }
  }
  return found;
}

/// iconv's name; "" when nothing fits.
std::string_view guess(const Evidence& found) {
  if (found.odd * 20 <= found.pairs && found.hanzi * 2 > found.pairs) return "GBK";
  if (found.alone > 0 && found.alone * 2 > found.pairs + found.odd) return "WINDOWS-1252";
  return "";
}

size_t first_broken(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t before = at;
    if (!high(text[at]))
      ++at;
    else if (next_code_point(text, at) == U'\uFFFD' && at == before + 1)
      return before;
  }
  return text.npos;
}

/// Punctuation that keyboards for Chinese and word processors give, and what was meant.
struct LookAlike {
  char32_t given;
  char meant;
};
constexpr LookAlike kLookAlikes[] = {
    {U'：', ':'}, {U'，', ','}, {U'“', '"'},  {U'”', '"'},  {U'＂', '"'}, {U'｛', '{'}, {U'｝', '}'},
    {U'［', '['}, {U'］', ']'}, {U'【', '['}, {U'】', ']'}, {U'‘', '"'},  {U'’', '"'},
};

}  // namespace

size_t byte_order_mark(std::string_view text) {
  return text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
}

std::string line_column(std::string_view text, size_t at) {
  std::string_view before = text.substr(0, std::min(at, text.size()));
  before.remove_prefix(std::min(byte_order_mark(text), before.size()));
  const size_t newline = before.rfind('\n');
  const std::string_view line = newline == before.npos ? before : before.substr(newline + 1);
  const auto characters = std::ranges::count_if(line, [](char c) { return (uint8_t(c) & 0xc0) != 0x80; });
  return fmt::format("{}:{}", 1 + std::ranges::count(before, '\n'), 1 + characters);
}

void refuse_wide_text(std::string_view text, const std::string& label) {
  for (const WideStart& start : kWideStarts) {
    if (!begins(text, start.begin)) continue;
    throw Error({.what = fmt::format("the file is not UTF-8: its first bytes are those of {}{}", start.name,
                                     start.marked ? ", a byte order mark" : ""),
                 .where = label,
                 .hint = conversion(start.name, label)});
  }
}

void refuse_other_encodings(std::string_view text, size_t end, const std::string& label) {
  // A character that the end cuts in two is not broken.
  constexpr size_t kLongestCharacter = 4, kAround = 2048;
  const size_t broken = first_broken(text.substr(0, std::min(text.size(), end + kLongestCharacter)));
  if (broken >= end) return;
  const size_t from = broken - std::min(broken, kAround);
  const Evidence found = weigh(text.substr(broken, kAround));
  const bool damaged = weigh(text.substr(from, 2 * kAround)).utf8 > found.broken;
  const std::string_view name = damaged ? "" : guess(found);
  throw Error({.what = fmt::format("the file is not UTF-8: byte 0x{:02X} at offset {}; {}",
                                   uint8_t(text[broken]), broken,
                                   damaged        ? "the text around it is UTF-8, so a character is damaged"
                                   : name.empty() ? "what it is instead cannot be told"
                                                  : fmt::format("it looks like {}", name)),
               .where = fmt::format("{}:{}", label, line_column(text, broken)),
               .hint = name.empty() ? "save the file as UTF-8" : conversion(name, label)});
}

std::string look_alike_at(std::string_view text, size_t at, std::string_view reader) {
  size_t end = at;
  const char32_t found = next_code_point(text, end);
  const auto row = std::ranges::find(kLookAlikes, found, &LookAlike::given);
  if (row == std::end(kLookAlikes)) return "";
  return fmt::format("'{}' (U+{:04X}) is full-width punctuation; {} wants '{}'", text.substr(at, end - at),
                     uint32_t(found), reader, row->meant);
}

std::string look_alike_in(std::string_view text, std::string_view reader) {
  for (size_t at = 0; at < text.size();) {
    if (std::string hint = look_alike_at(text, at, reader); !hint.empty()) return hint;
    next_code_point(text, at);
  }
  return "";
}

}  // namespace fettle
