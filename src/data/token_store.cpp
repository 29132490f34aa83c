#include "data/token_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace fettle {

namespace {

using Json = nlohmann::ordered_json;

// magic, version, bytes of the JSON head; then the head, 8-byte aligned arrays in the order of its sets, and
// the digest of the digests of all these.
constexpr std::string_view kMagic = "FETTLETK";
constexpr uint64_t kVersion = 1;
constexpr size_t kFixed = 24, kAlign = 8, kDigest = 64;

[[noreturn]] void fail(const std::filesystem::path& file, std::string what) {
  throw Error({.what = std::move(what),
               .where = file.string(),
               .hint = "remove the file; the next start tokenizes again"});
}

uint64_t padded(uint64_t bytes) {
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

/// Files are named once: a set has many samples of few.
class FileNames {
 public:
  int64_t index(const std::string& name) {
    const auto [at, added] = indices_.emplace(name, int64_t(names_.size()));
    if (added) names_.push_back(name);
    return at->second;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::map<std::string, int64_t> indices_;
  std::vector<std::string> names_;
};

Json report_json(const DataReport& report, FileNames& files) {
  Json remarks = Json::array();
  for (const Remark& r : report.remarks)
    remarks.push_back({int(r.kind), files.index(r.place.file), r.place.line, r.text});
  return {report.records, report.cut, report.nothing_to_train, report.skipped, report.longest, remarks};
}

// samples, tokens and targets are counted from the arrays.
DataReport report_of(const Json& json, const std::vector<std::string>& files) {
  DataReport report;
  int64_t* const numbers[] = {&report.records, &report.cut, &report.nothing_to_train, &report.skipped,
                              &report.longest};
  for (size_t i = 0; i < std::size(numbers); ++i) *numbers[i] = json.at(i).get<int64_t>();
  for (const Json& r : json.at(std::size(numbers)))
    report.remarks.push_back({Remark::Kind(r.at(0).get<int>()),
                              {files.at(r.at(1).get<size_t>()), r.at(2).get<int64_t>()},
                              r.at(3).get<std::string>()});
  return report;
}

/// Writes parts and collects their digests.
class Writer {
 public:
  explicit Writer(const std::filesystem::path& file) : out_(file) {}

  template <class T>
  void add(std::span<const T> values) {
    out_.write(std::as_bytes(values));
    out_.write(std::string_view("\0\0\0\0\0\0\0", size_t(padded(values.size_bytes()) - values.size_bytes())));
    digests_ += sha256_hex(std::as_bytes(values));
  }
  void finish() {
    out_.write(sha256_hex(std::as_bytes(std::span(digests_))));
    out_.commit();
  }

 private:
  AtomicFile out_;
  std::string digests_;
};

void write_set(Writer& out, const Dataset& data, FileNames& files) {
  const TokenArrays arrays = data.arrays();
  std::vector<int64_t> places;
  for (int64_t i = 0; i < data.size(); ++i) {
    places.push_back(files.index(data.place(i).file));
    places.push_back(data.place(i).line);
  }
  out.add(arrays.offsets);
  out.add(arrays.targets);
  out.add(std::span<const int64_t>(places));
  out.add(arrays.ids);
  out.add(arrays.labels);
}

/// The parts of a file that is mapped.
struct Parts {
  std::shared_ptr<const MappedFile> map;
  Json head;
  std::span<const std::byte> arrays;
  std::string digests;   // of what stands before the arrays
  std::string_view sum;  // of all digests, as written
};

uint64_t number_at(std::span<const std::byte> bytes, size_t at) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

Parts open(const std::filesystem::path& file) {
  Parts parts{.map = MappedFile::open(file)};
  const auto bytes = parts.map->bytes();
  if (bytes.size() < kFixed + kDigest || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    fail(file, "no file of tokenized samples");
  if (const uint64_t version = number_at(bytes, 8); version != kVersion)
    fail(file, fmt::format("tokenized samples of version {}; version {} is read", version, kVersion));
  const uint64_t head = number_at(bytes, 16);
  const size_t room = bytes.size() - kFixed - kDigest;
  if (head > room || padded(head) > room)
    fail(file, fmt::format("a head of {} bytes in a file of {}", head, bytes.size()));
  const char* text = reinterpret_cast<const char*>(bytes.data()) + kFixed;
  parts.head = Json::parse(text, text + head, nullptr, /*allow_exceptions=*/false);
  if (!parts.head.is_object()) fail(file, "the head is damaged");
  parts.arrays = bytes.subspan(kFixed + size_t(padded(head)), room - size_t(padded(head)));
  parts.digests = sha256_hex(bytes.subspan(0, kFixed)) + sha256_hex(bytes.subspan(kFixed, size_t(head)));
  parts.sum = {reinterpret_cast<const char*>(bytes.data()) + bytes.size() - kDigest, kDigest};
  return parts;
}

/// Arrays off the front of what is left.
class ArrayReader {
 public:
  ArrayReader(const std::filesystem::path& file, const Parts& parts)
      : file_(file), rest_(parts.arrays), sum_(parts.sum), digests_(parts.digests) {}

  template <class T>
  std::span<const T> take(uint64_t count) {
    if (count > rest_.size() / sizeof(T) || padded(count * sizeof(T)) > rest_.size())
      fail(file_, fmt::format("the file is cut off: {} values of {} bytes where {} are left", count,
                              sizeof(T), rest_.size()));
    const std::span values(reinterpret_cast<const T*>(rest_.data()), size_t(count));
    digests_ += sha256_hex(std::as_bytes(values));
    rest_ = rest_.subspan(size_t(padded(count * sizeof(T))));
    return values;
  }
  void expect_end() const {
    if (!rest_.empty()) fail(file_, fmt::format("{} bytes more than its sets have", rest_.size()));
    if (sha256_hex(std::as_bytes(std::span(digests_))) != sum_)
      fail(file_, "the file is damaged: its digest is not the one it was written with");
  }

 private:
  const std::filesystem::path& file_;
  std::span<const std::byte> rest_;
  std::string_view sum_;
  std::string digests_;
};

bool are_borders(std::span<const int64_t> offsets, uint64_t tokens) {
  return offsets.front() == 0 && uint64_t(offsets.back()) == tokens && std::ranges::is_sorted(offsets);
}

/// Targets are counted once more: a step's mean is taken over them.
bool are_counted(const TokenArrays& arrays) {
  for (size_t i = 0; i < arrays.targets.size(); ++i) {
    const auto [begin, end] = std::pair(arrays.offsets[i], arrays.offsets[i + 1]);
    if (begin == end) return false;
    const auto labels = arrays.labels.subspan(size_t(begin) + 1, size_t(end - begin - 1));
    const int64_t ignored = std::ranges::count(labels, kIgnoreIndex);
    if (arrays.targets[i] != int64_t(labels.size()) - ignored) return false;
  }
  return true;
}

StoredSet read_set(const std::filesystem::path& file, const Json& head, const std::vector<std::string>& files,
                   int64_t vocab_size, const Parts& parts, ArrayReader& in) {
  const auto samples = head.at("samples").get<uint64_t>(), tokens = head.at("tokens").get<uint64_t>();
  if (samples >= parts.arrays.size()) fail(file, fmt::format("{} samples in a file cut off", samples));
  TokenArrays arrays;
  arrays.offsets = in.take<int64_t>(samples + 1);
  arrays.targets = in.take<int64_t>(samples);
  const auto stored_places = in.take<int64_t>(2 * samples);
  arrays.ids = in.take<int32_t>(tokens);
  arrays.labels = in.take<int32_t>(tokens);
  if (!are_borders(arrays.offsets, tokens) || !are_counted(arrays))
    fail(file, "the borders of the samples are damaged");
  const auto is_id = [&](int32_t id) { return id >= 0 && id < vocab_size; };
  if (!std::ranges::all_of(arrays.ids, is_id) ||
      !std::ranges::all_of(arrays.labels, [&](int32_t l) { return l == kIgnoreIndex || is_id(l); }))
    fail(file, fmt::format("ids that a vocabulary of {} tokens has not", vocab_size));
  std::vector<SamplePlace> places;
  places.reserve(size_t(samples));
  for (size_t i = 0; i < samples; ++i)
    places.push_back({files.at(size_t(stored_places[2 * i])), stored_places[2 * i + 1]});
  return {head.at("name").get<std::string>(), head.at("trained").get<bool>(),
          Dataset(arrays, parts.map, std::move(places), report_of(head.at("report"), files))};
}

}  // namespace

void write_token_store(const std::filesystem::path& file, const Json& key, const TokenStore& store) {
  FileNames files;
  Json notes = Json::array(), sets = Json::array();
  for (const Note& note : store.notes) notes.push_back({int(note.severity), note.text});
  for (const StoredSet& set : store.sets) {
    for (int64_t i = 0; i < set.data.size(); ++i) files.index(set.data.place(i).file);
    sets.push_back({{"name", set.name},
                    {"trained", set.trained},
                    {"samples", set.data.size()},
                    {"tokens", set.data.arrays().ids.size()},
                    {"report", report_json(set.data.report(), files)}});
  }
  std::string head = Json({{"key", key}, {"notes", notes}, {"sets", sets}, {"files", files.names()}})
                         .dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  std::string fixed(kMagic);
  for (const uint64_t number : {kVersion, uint64_t(head.size())})
    fixed.append(reinterpret_cast<const char*>(&number), sizeof(number));
  Writer out(file);
  out.add(std::span<const char>(fixed));
  out.add(std::span<const char>(head));
  for (const StoredSet& set : store.sets) write_set(out, set.data, files);
  out.finish();
}

Json token_store_key(const std::filesystem::path& file) {
  return open(file).head.value("key", Json());
}

TokenStore read_token_store(const std::filesystem::path& file, int64_t vocab_size) {
  const Parts parts = open(file);
  ArrayReader in(file, parts);
  try {
    TokenStore store;
    for (const Json& note : parts.head.at("notes"))
      store.notes.push_back({Severity(note.at(0).get<int>()), note.at(1).get<std::string>()});
    const auto files = parts.head.at("files").get<std::vector<std::string>>();
    for (const Json& set : parts.head.at("sets"))
      store.sets.push_back(read_set(file, set, files, vocab_size, parts, in));
    in.expect_end();
    return store;
  } catch (const nlohmann::json::exception& e) {
    fail(file, fmt::format("the head is damaged ({})", e.what()));
  } catch (const std::out_of_range&) {
    fail(file, "the head is damaged: a file's name is missing");
  }
}

}  // namespace fettle
