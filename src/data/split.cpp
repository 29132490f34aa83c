#include "data/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace fettle {

namespace {

/// "train[from:to]" as written.
struct Slice {
  std::optional<int64_t> from, to;
  bool percent = false;    // both bounds
  bool whole_pct = false;  // "(pct1_dropremainder)": a percent is so many records, all percents alike
};

[[noreturn]] void fail(std::string what, std::string hint) {
  throw Error({.what = std::move(what), .hint = std::move(hint)});
}

class SliceReader {
 public:
  explicit SliceReader(std::string_view text) : text_(text), rest_(text) {}

  Slice read() {
    Slice slice;
    read_name();
    if (took("[")) {
      slice.from = bound(slice.percent);
      if (!took(":")) refuse();
      slice.to = bound(slice.percent);
      if (!took("]")) refuse();
    }
    slice.whole_pct = slice.percent && took("(pct1_dropremainder)");
    if (slice.percent && !slice.whole_pct) took("(closest)");
    if (!rest_.empty()) refuse();
    if (slice.percent) check_percent(slice.from), check_percent(slice.to);
    return slice;
  }

 private:
  bool took(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void read_name() {
    const size_t end = std::min(rest_.find_first_of("[("), rest_.size());
    const std::string name(rest_.substr(0, end));
    if (name != "train")
      fail(fmt::format("split: there is no split \"{}\"; files are read as \"train\"", name),
           "write train, or a part of it: train[:100], train[10%:20%]; another split's files are named by "
           "file_name");
    rest_.remove_prefix(end);
  }

  std::optional<int64_t> bound(bool& percent) {
    if (rest_.starts_with(":") || rest_.starts_with("]")) return std::nullopt;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{}) refuse();
    rest_.remove_prefix(size_t(end - rest_.data()));
    if (took("%")) percent = true;
    return value;
  }

  static void check_percent(std::optional<int64_t> bound) {
    if (bound && std::abs(*bound) > 100)
      fail(fmt::format("split: {} % of the records", *bound), "percentages go from -100 to 100");
  }

  [[noreturn]] void refuse() const {
    fail(fmt::format("split: \"{}\" cannot be read at \"{}\"", text_, rest_),
         "write it as train[:100], train[-50:], train[10%:20%] or train[:5%]+train[-5%:]");
  }

  std::string_view text_, rest_;
};

std::vector<Slice> slices_of(std::string_view split) {
  if (split == "all") return {Slice{}};
  std::vector<Slice> slices;
  for (size_t begin = 0; begin <= split.size();) {
    size_t end = std::min(split.find('+', begin), split.size());
    size_t first = begin, last = end;
    while (first < last && std::isspace(static_cast<unsigned char>(split[first]))) ++first;
    while (last > first && std::isspace(static_cast<unsigned char>(split[last - 1]))) --last;
    slices.push_back(SliceReader(split.substr(first, last - first)).read());
    begin = end + 1;
  }
  return slices;
}

int64_t records_at(int64_t bound, const Slice& slice, int64_t count) {
  if (!slice.percent) return bound;
  if (slice.whole_pct) return bound * (count / 100);
  return int64_t(std::nearbyint(double(bound * count) / 100.0));  // to even, as Python rounds
}

int64_t clamped(int64_t at, int64_t count) {
  return std::min(at < 0 ? std::max<int64_t>(count + at, 0) : at, count);
}

}  // namespace

void check_split(const std::string& split) {
  slices_of(split);
}

std::vector<int64_t> split_records(const std::string& split, int64_t count) {
  std::vector<int64_t> records;
  for (const Slice& slice : slices_of(split)) {
    if (slice.percent && slice.whole_pct && count < 100)
      fail(fmt::format("split: pct1_dropremainder of {} records takes nothing", count),
           "it needs at least 100 records");
    const int64_t from = slice.from ? clamped(records_at(*slice.from, slice, count), count) : 0;
    const int64_t to = slice.to ? clamped(records_at(*slice.to, slice, count), count) : count;
    for (int64_t i = from; i < to; ++i) records.push_back(i);
  }
  if (records.empty())
    fail(fmt::format("split: \"{}\" takes none of the {} records", split, count), "widen it");
  return records;
}

}  // namespace fettle
