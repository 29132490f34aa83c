#include "format/safetensors.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "format/records.h"

namespace fettle {

static_assert(std::endian::native == std::endian::little, "tensor data is used as it lies");

namespace fs = std::filesystem;

namespace {
constexpr uint64_t kMaxHeader = 100'000'000;
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kIncomplete = "the download or copy is incomplete; fetch the file again";
}  // namespace

/// One file's header and data, appended to `file`.
struct SafetensorsParser {
  SafetensorsFile& file;
  std::span<const std::byte> bytes;
  std::string label;
  std::span<const std::byte> data = {};
  std::vector<std::pair<uint64_t, uint64_t>> offsets = {};  // of the tensors this file adds

  [[noreturn]] void fail(std::string what, std::string hint = "") const {
    throw Error({.what = std::move(what), .where = label, .hint = std::move(hint)});
  }

  void parse();
  std::string_view header();
  void parse_header(simdjson::ondemand::object object);
  void parse_metadata(simdjson::ondemand::object object);
  void parse_tensor(std::string name, simdjson::ondemand::object object);
  std::pair<uint64_t, uint64_t> parse_offsets(simdjson::ondemand::array array) const;
  void place(size_t first);
};

std::string_view SafetensorsParser::header() {
  uint64_t length = 0;
  if (bytes.size() < sizeof length)
    fail("not a safetensors file: shorter than its 8-byte length field", kIncomplete);
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMaxHeader) {
    fail(fmt::format("not a safetensors file: a header of {} bytes is promised, {} at most are allowed",
                     length, kMaxHeader),
         "check that the path names a safetensors file");
  }
  if (length > bytes.size() - 8) {
    fail(fmt::format("truncated: the header takes {} bytes, {} follow", length, bytes.size() - 8),
         kIncomplete);
  }
  data = bytes.subspan(8 + size_t(length));
  return {reinterpret_cast<const char*>(bytes.data()) + 8, size_t(length)};
}

void SafetensorsParser::parse() {
  const size_t first = file.tensors_.size();
  const simdjson::padded_string text(header());
  simdjson::ondemand::parser parser;
  try {
    simdjson::ondemand::document document = parser.iterate(text);
    parse_header(document.get_object());
    if (!document.current_location().error()) fail("the header goes on after its closing brace");
  } catch (const simdjson::simdjson_error& e) {
    fail(fmt::format("the header is not the JSON a safetensors file has: {}", e.what()));
  }
  place(first);
}

void SafetensorsParser::parse_header(simdjson::ondemand::object object) {
  std::set<std::string, std::less<>> names;
  for (auto field : object) {
    std::string name(std::string_view(field.unescaped_key()));
    if (!names.insert(name).second) fail(fmt::format("{} occurs twice in the header", name));
    simdjson::ondemand::object value = field.value().get_object();
    if (name == "__metadata__") {
      parse_metadata(value);
    } else {
      parse_tensor(std::move(name), value);
    }
  }
}

void SafetensorsParser::parse_metadata(simdjson::ondemand::object object) {
  std::set<std::string> keys;
  for (auto field : object) {
    std::string key(std::string_view(field.unescaped_key()));
    std::string text(std::string_view(field.value().get_string()));
    if (!keys.insert(key).second) fail(fmt::format("{} occurs twice in __metadata__", key));
    file.metadata_.emplace(std::move(key), std::move(text));  // of several shards the first speaks
  }
}

std::pair<uint64_t, uint64_t> SafetensorsParser::parse_offsets(simdjson::ondemand::array array) const {
  std::vector<uint64_t> ends;
  for (auto element : array) ends.push_back(element.get_uint64());
  if (ends.size() != 2) fail(fmt::format("data_offsets of {} numbers; two were expected", ends.size()));
  return {ends[0], ends[1]};
}

void SafetensorsParser::parse_tensor(std::string name, simdjson::ondemand::object object) {
  TensorEntry tensor{.name = std::move(name), .type = {}, .shape = {}, .data = {}, .file = label};
  std::pair<uint64_t, uint64_t> range;
  std::set<std::string, std::less<>> members;
  for (auto field : object) {
    const std::string member(std::string_view(field.unescaped_key()));
    if (!members.insert(member).second) fail(fmt::format("tensor {}: {} occurs twice", tensor.name, member));
    if (member == "dtype") {
      const std::string type_name(std::string_view(field.value().get_string()));
      const DTypeInfo* type = dtype_by_safetensors_name(type_name);
      if (!type) fail(fmt::format("tensor {} has the unsupported type {}", tensor.name, type_name));
      tensor.type = type->type;
    } else if (member == "shape") {
      for (auto dim : field.value().get_array()) {
        const uint64_t d = dim.get_uint64();
        if (d > uint64_t(INT64_MAX)) fail(fmt::format("tensor {} has a dimension of {}", tensor.name, d));
        tensor.shape.push_back(int64_t(d));
      }
    } else if (member == "data_offsets") {
      range = parse_offsets(field.value().get_array());
    } else {
      fail(fmt::format("tensor {} has the unknown member {}", tensor.name, member));
    }
  }
  if (members.size() != 3) fail(fmt::format("tensor {} needs dtype, shape and data_offsets", tensor.name));
  offsets.push_back(range);
  file.tensors_.push_back(std::move(tensor));
}

// The data must be covered exactly: no hole, no overlap, nothing behind.
void SafetensorsParser::place(size_t first) {
  std::vector<size_t> order(offsets.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](size_t i) { return offsets[i]; });
  uint64_t expected = 0;
  for (size_t i : order) {
    TensorEntry& tensor = file.tensors_[first + i];
    const auto [begin, end] = offsets[i];
    if (begin != expected || end < begin) {
      fail(fmt::format("tensor {} lies at [{}, {}) of the data; it must begin at {}", tensor.name, begin, end,
                       expected),
           "the file is damaged");
    }
    const std::optional<int64_t> size = tensor_bytes(tensor.type, tensor.shape);
    if (!size || uint64_t(*size) != end - begin) {
      fail(fmt::format("tensor {} has {} bytes; {} of shape [{}] takes {}", tensor.name, end - begin,
                       name(tensor.type), fmt::join(tensor.shape, ", "),
                       size ? std::to_string(*size) : "more than a file can hold"));
    }
    if (end > data.size()) {
      fail(fmt::format("truncated: tensor {} ends at {} of the data, which has {} bytes", tensor.name, end,
                       data.size()),
           kIncomplete);
    }
    tensor.data = data.subspan(size_t(begin), size_t(end - begin));
    expected = end;
  }
  if (expected != data.size()) {
    fail(fmt::format("{} bytes lie behind the last tensor", data.size() - expected), "the file is damaged");
  }
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const fs::path& path) {
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
  file->label_ = path.string();
  file->mappings_.push_back(MappedFile::open(path));
  SafetensorsParser{*file, file->mappings_.back()->bytes(), file->label_}.parse();
  return file;
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                                              std::string label) {
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
  file->label_ = std::move(label);
  SafetensorsParser{*file, bytes, file->label_}.parse();
  return file;
}

namespace {
// Tensor name → shard, checked: an index comes from outside, so a shard's name must stay inside the folder.
std::map<std::string, std::string> weight_map(const fs::path& index) {
  const nlohmann::json document = parse_json_document(read_text(index), index.string());
  const auto found = document.is_object() ? document.find("weight_map") : document.end();
  if (found == document.end() || !found->is_object() || found->empty()) {
    throw Error({.what = "no weight_map object in the index", .where = index.string()});
  }
  std::map<std::string, std::string> map;
  for (const auto& [tensor, shard] : found->items()) {
    if (!shard.is_string()) {
      throw Error({.what = fmt::format("weight_map: {} names no file", tensor), .where = index.string()});
    }
    const std::string name = shard.get<std::string>();
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\\\0", 3)) != name.npos) {
      throw Error({.what = fmt::format("weight_map: {} names \"{}\", which is not a file of this folder",
                                       tensor, repaired_utf8(name)),
                   .where = index.string()});
    }
    map[tensor] = name;
  }
  return map;
}

// Index and shards must tell the same story.
void check_against_index(const SafetensorsFile& file, const std::map<std::string, std::string>& map,
                         const fs::path& folder) {
  const std::string where = (folder / kIndex).string();
  std::map<std::string_view, const TensorEntry*> seen;
  for (const TensorEntry& tensor : file.tensors()) {
    const auto [at, fresh] = seen.emplace(tensor.name, &tensor);
    if (!fresh) {
      throw Error(
          {.what = fmt::format("tensor {} is in {} and in {}", tensor.name, at->second->file, tensor.file),
           .where = where});
    }
    const auto promised = map.find(tensor.name);
    if (promised == map.end()) {
      throw Error({.what = fmt::format("tensor {} of {} is not in the index", tensor.name, tensor.file),
                   .where = where});
    }
    if (folder / promised->second != fs::path(tensor.file)) {
      throw Error({.what = fmt::format("tensor {} is said to be in {}; {} has it", tensor.name,
                                       promised->second, tensor.file),
                   .where = where});
    }
  }
  for (const auto& [tensor, shard] : map) {
    if (!seen.contains(tensor)) {
      throw Error({.what = fmt::format("tensor {} is not in {}, where the index says it is", tensor, shard),
                   .where = where,
                   .hint = "index and shards belong to different versions; fetch the model again"});
    }
  }
}
}  // namespace

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open_folder(const fs::path& folder) {
  if (fs::exists(folder / kSingle)) return open(folder / kSingle);
  if (!fs::exists(folder / kIndex)) {
    throw Error({.what = fmt::format("neither {} nor {} is here", kSingle, kIndex),
                 .where = folder.string(),
                 .hint = fs::exists(folder / "pytorch_model.bin")
                             ? "pytorch_model.bin is not supported; save the model as safetensors"
                             : "check that the path names a model folder"});
  }
  const auto map = weight_map(folder / kIndex);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map) shards.insert(shard);
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
  file->label_ = folder.string();
  for (const std::string& shard : shards) {
    file->mappings_.push_back(MappedFile::open(folder / shard));
    SafetensorsParser{*file, file->mappings_.back()->bytes(), (folder / shard).string()}.parse();
  }
  check_against_index(*file, map, folder);
  return file;
}

}  // namespace fettle
