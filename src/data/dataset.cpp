#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.h"
#include "base/file.h"

namespace fettle {

namespace {

constexpr int64_t kNamedPerKind = 5;

template <class T>
std::string digest(std::span<const T> values) {
  return sha256_hex(std::as_bytes(values));
}

}  // namespace

void DataReport::count(const LoadedSamples& loaded) {
  records += loaded.records;
  for (const SkippedRecord& record : loaded.skipped) name_skipped(record.place, record.reason);
}

void DataReport::name_cut(const SamplePlace& place, int64_t full, int64_t kept, bool end_lost) {
  ++cut;
  longest = std::max(longest, full);
  remarks.push_back({Remark::Kind::cut, place,
                     fmt::format("cut from {} to {} tokens; its end-of-text is {}", full, kept,
                                 end_lost ? "lost" : "kept")});
}

void DataReport::name_nothing_to_train(const SamplePlace& place) {
  ++nothing_to_train;
  remarks.push_back({Remark::Kind::nothing_to_train, place, "left out, nothing in it is trained"});
}

void DataReport::name_skipped(const SamplePlace& place, const std::string& reason) {
  ++skipped;
  remarks.push_back({Remark::Kind::skipped, place, "skipped, " + reason});
}

std::vector<std::string> DataReport::examples() const {
  std::array<int64_t, 3> named{};
  std::vector<std::string> out;
  for (const Remark& r : remarks) {
    if (++named[size_t(r.kind)] <= kNamedPerKind)
      out.push_back(fmt::format("{}: {}", r.place.text(), r.text));
  }
  return out;
}

void DataReport::tell(Listener& listener) const {
  std::vector<std::string> parts;
  const auto part = [&](int64_t n, std::string_view text) {
    if (n > 0) parts.push_back(fmt::format("{} {}", n, text));
  };
  part(cut, "cut to cutoff_len");
  part(nothing_to_train, "left out because nothing in them is trained");
  part(skipped, "skipped because they do not fit");
  if (parts.empty()) return;
  listener.warn(
      fmt::format("of {} records: {}\n  {}", records, fmt::join(parts, "; "), fmt::join(examples(), "\n  ")));
}

Dataset::Dataset(const TokenArrays& arrays, std::shared_ptr<const void> owner,
                 std::vector<SamplePlace> places, DataReport report)
    : places_(std::move(places)), owner_(std::move(owner)), elsewhere_(arrays), report_(std::move(report)) {
  FETTLE_CHECK(owner_ && elsewhere_.offsets.size() == places_.size() + 1);
  report_.samples = size();
  report_.tokens = int64_t(elsewhere_.ids.size());
  report_.targets = std::accumulate(elsewhere_.targets.begin(), elsewhere_.targets.end(), int64_t{0});
}

std::span<const int32_t> Dataset::ids(int64_t i) const {
  FETTLE_CHECK(i >= 0 && i < size(), "sample {} of {}", i, size());
  const TokenArrays all = arrays();
  return all.ids.subspan(size_t(all.offsets[size_t(i)]), size_t(length(i)));
}

std::span<const int32_t> Dataset::labels(int64_t i) const {
  FETTLE_CHECK(i >= 0 && i < size(), "sample {} of {}", i, size());
  const TokenArrays all = arrays();
  return all.labels.subspan(size_t(all.offsets[size_t(i)]), size_t(length(i)));
}

bool Dataset::add(std::vector<int32_t> ids, std::vector<int32_t> labels, SamplePlace place) {
  FETTLE_CHECK(!owner_, "nothing is added to samples that lie in a file");
  FETTLE_CHECK(ids.size() == labels.size(), "{} ids, {} labels", ids.size(), labels.size());
  // Nothing stands before the first token, so nothing predicts it.
  const int64_t targets = labels.empty() ? 0 : std::count_if(labels.begin() + 1, labels.end(), [](int32_t l) {
    return l != kIgnoreIndex;
  });
  if (targets == 0) {
    report_.name_nothing_to_train(place);
    return false;
  }
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  labels_.insert(labels_.end(), labels.begin(), labels.end());
  offsets_.push_back(int64_t(ids_.size()));
  targets_.push_back(targets);
  places_.push_back(std::move(place));
  ++report_.samples;
  report_.tokens += int64_t(ids.size());
  report_.targets += targets;
  return true;
}

std::string Dataset::fingerprint() const {
  const TokenArrays all = arrays();
  // The offsets belong to it: the same tokens cut into other samples are another dataset.
  const std::string parts = digest(all.ids) + digest(all.labels) + digest(all.offsets);
  return sha256_hex(std::as_bytes(std::span(parts)));
}

}  // namespace fettle
