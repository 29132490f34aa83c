#include "format/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "format/gguf_types.h"

namespace fettle {

static_assert(std::endian::native == std::endian::little, "GGUF numbers are read as they lie");

namespace {
// The loader everyone uses allows no more; a count beyond it is a broken file, not a big one.
constexpr uint64_t kMaxLength = uint64_t(1) << 30;
constexpr uint32_t kMaxDims = 4;
constexpr size_t kMaxTensorName = 63;
constexpr uint64_t kMaxAlignment = uint64_t(1) << 20;
constexpr uint64_t kLeastKvBytes = 8 + 4 + 1, kLeastTensorBytes = 8 + 4 + 4 + 8;
}  // namespace

/// Reads front to back; every read is checked against the end of the file.
class GgufParser {
 public:
  GgufParser(GgufFile& file, std::span<const std::byte> bytes) : file_(file), bytes_(bytes) {}

  void parse() {
    parse_header();
    for (uint64_t i = 0; i < n_kv_; ++i) parse_entry(i);
    check_split();
    file_.alignment_ = alignment();
    parse_tensors();
  }

 private:
  [[noreturn]] void fail(std::string what, std::string hint = "") const {
    throw Error({.what = std::move(what), .where = file_.label_, .hint = std::move(hint)});
  }

  std::span<const std::byte> take(uint64_t count, const std::string& what) {
    if (count > bytes_.size() - at_) {
      fail(fmt::format("truncated: {} needs {} bytes at offset {}, the file ends at {}", what, count, at_,
                       bytes_.size()),
           "the download or copy is incomplete; fetch the file again");
    }
    const auto part = bytes_.subspan(at_, size_t(count));
    at_ += size_t(count);
    return part;
  }

  template <class T>
  T read(const std::string& what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  std::string read_string(const std::string& what) {
    const auto length = read<uint64_t>(what);
    if (length > kMaxLength) fail(fmt::format("{}: a string of {} bytes", what, length));
    const auto part = take(length, what);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  void parse_header();
  void parse_entry(uint64_t index);
  GgufValue parse_scalar(const GgufTypeInfo& type, const std::string& what);
  GgufValue parse_array(const std::string& what);
  const GgufTypeInfo& parse_type(const std::string& what);
  void check_split() const;
  uint32_t alignment() const;
  void parse_tensors();
  uint64_t parse_tensor(uint64_t index);
  std::vector<int64_t> parse_shape(const std::string& what);
  const DTypeInfo& parse_tensor_type(const std::string& what);
  void place_tensors(const std::vector<uint64_t>& offsets);

  GgufFile& file_;
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  uint64_t n_tensors_ = 0, n_kv_ = 0;
  std::set<std::string, std::less<>> names_;
};

void GgufParser::parse_header() {
  const auto magic = take(4, "the magic number");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
    fail("not a GGUF file: it does not begin with \"GGUF\"", "check that the path names a model file");
  }
  file_.version_ = read<uint32_t>("the version");
  if ((file_.version_ & 0xffffu) == 0) {
    fail("a big-endian GGUF file; only little-endian is supported",
         "convert it on the machine that wrote it");
  }
  if (file_.version_ != 2 && file_.version_ != 3) {
    fail(fmt::format("GGUF version {}; versions 2 and 3 are supported", file_.version_),
         "convert the model again with a current converter");
  }
  n_tensors_ = read<uint64_t>("the number of tensors");
  n_kv_ = read<uint64_t>("the number of metadata entries");
  const uint64_t rest = bytes_.size() - at_;
  if (n_kv_ > rest / kLeastKvBytes || n_tensors_ > rest / kLeastTensorBytes) {
    fail(fmt::format("truncated: {} metadata entries and {} tensors are promised, {} bytes follow", n_kv_,
                     n_tensors_, rest),
         "the download or copy is incomplete; fetch the file again");
  }
}

const GgufTypeInfo& GgufParser::parse_type(const std::string& what) {
  const auto id = read<uint32_t>(what);
  const GgufTypeInfo* type = gguf_type_by_id(id);
  if (!type) fail(fmt::format("{}: unknown value type {}", what, id));
  return *type;
}

void GgufParser::parse_entry(uint64_t index) {
  std::string key = read_string(fmt::format("the key of metadata entry {}", index));
  if (key.empty()) fail(fmt::format("metadata entry {} has an empty key", index));
  const std::string what = fmt::format("key {}", repaired_utf8(key));
  const GgufTypeInfo& type = parse_type(what);
  const size_t begin = at_;
  GgufValue value = type.id == kGgufArray ? parse_array(what) : parse_scalar(type, what);
  if (!file_.metadata_.emplace(key, std::move(value)).second) fail(what + " occurs twice");
  file_.raw_.push_back({std::move(key), type.id, bytes_.subspan(begin, at_ - begin)});
}

GgufValue GgufParser::parse_scalar(const GgufTypeInfo& type, const std::string& what) {
  switch (type.kind) {
    case GgufKind::text:
      return read_string(what);
    case GgufKind::flag: {
      const auto byte = read<uint8_t>(what);
      if (byte > 1) fail(fmt::format("{}: a bool of value {}", what, byte));
      return byte == 1;
    }
    case GgufKind::real:
      return type.bytes == 4 ? double(read<float>(what)) : read<double>(what);
    case GgufKind::integer: {
      const int64_t value = decode_gguf_integer(type, take(uint64_t(type.bytes), what).data());
      if (value < 0 && !type.is_signed) return uint64_t(value);
      return value;
    }
    case GgufKind::array:
      break;
  }
  fail(what + ": an array within an array is not supported");
}

GgufValue GgufParser::parse_array(const std::string& what) {
  const GgufTypeInfo& type = parse_type(what);
  const auto count = read<uint64_t>(what);
  if (type.id == kGgufArray) fail(what + ": an array within an array is not supported");
  if (count > kMaxLength || count > (bytes_.size() - at_) / uint64_t(type.bytes)) {
    fail(fmt::format("truncated: {} promises an array of {} × {}, {} bytes follow", what, count, type.name,
                     bytes_.size() - at_),
         "the download or copy is incomplete; fetch the file again");
  }
  const auto collect = [&]<class T>(std::vector<T> values) -> GgufValue {
    values.reserve(size_t(count));
    for (uint64_t i = 0; i < count; ++i) {
      GgufValue value = parse_scalar(type, what);
      T* element = std::get_if<T>(&value);
      if (!element) fail(fmt::format("{}: element {} is beyond the range of int64", what, i));
      values.push_back(std::move(*element));
    }
    return values;
  };
  switch (type.kind) {
    case GgufKind::text:
      return collect(std::vector<std::string>());
    case GgufKind::flag:
      return collect(std::vector<bool>());
    case GgufKind::real:
      return collect(std::vector<double>());
    default:
      return collect(std::vector<int64_t>());
  }
}

void GgufParser::check_split() const {
  if (const int64_t parts = file_.integer_or("split.count", 1); parts > 1) {
    fail(fmt::format("part {} of a GGUF model split into {} files; split files are not supported",
                     file_.integer_or("split.no", 0) + 1, parts),
         "join the parts first (llama-gguf-split --merge)");
  }
}

uint32_t GgufParser::alignment() const {
  const auto entry = std::ranges::find(file_.raw_, "general.alignment", &GgufRaw::key);
  if (entry == file_.raw_.end()) return uint32_t(kGgufAlignment);
  if (entry->type != kGgufUint32) fail("key general.alignment is not a uint32");
  const int64_t value = file_.integer("general.alignment");
  if (uint64_t(value) > kMaxAlignment || !std::has_single_bit(uint64_t(value))) {
    fail(fmt::format("key general.alignment is {}; a power of two up to {} was expected", value,
                     kMaxAlignment));
  }
  return uint32_t(value);
}

void GgufParser::parse_tensors() {
  std::vector<uint64_t> offsets;
  file_.tensors_.reserve(size_t(n_tensors_));
  offsets.reserve(size_t(n_tensors_));
  for (uint64_t i = 0; i < n_tensors_; ++i) offsets.push_back(parse_tensor(i));
  place_tensors(offsets);
}

std::vector<int64_t> GgufParser::parse_shape(const std::string& what) {
  const auto dims = read<uint32_t>(what);
  if (dims > kMaxDims)
    fail(fmt::format("{} has {} dimensions; at most {} are allowed", what, dims, kMaxDims));
  std::vector<int64_t> shape(dims);
  for (uint32_t i = 0; i < dims; ++i) shape[dims - 1 - i] = read<int64_t>(what);
  return shape;
}

const DTypeInfo& GgufParser::parse_tensor_type(const std::string& what) {
  const auto id = read<uint32_t>(what);
  const DTypeInfo* type = dtype_by_gguf_id(id);
  if (!type) {
    fail(fmt::format("{} has the unknown type id {}", what, id),
         "the file is newer than this program, or damaged; a Q8_0 or F16 file of the same model will load");
  }
  return *type;
}

// Appends the entry without its data; returns its offset as promised by the file.
uint64_t GgufParser::parse_tensor(uint64_t index) {
  std::string name = read_string(fmt::format("the name of tensor {}", index));
  const std::string what = fmt::format("tensor {}", repaired_utf8(name));
  if (name.empty() || name.size() > kMaxTensorName) {
    fail(fmt::format("tensor {} has a name of {} bytes; 1 to {} are allowed", index, name.size(),
                     kMaxTensorName));
  }
  if (!names_.insert(name).second) fail(what + " occurs twice");
  std::vector<int64_t> shape = parse_shape(what);
  const DTypeInfo& type = parse_tensor_type(what);
  if (!tensor_bytes(type.type, shape)) {
    fail(fmt::format("{} of type {} has the impossible shape [{}] (rows are blocks of {})", what, type.name,
                     fmt::join(shape, ", "), type.block));
  }
  file_.tensors_.push_back({std::move(name), type.type, std::move(shape), {}, file_.label_});
  return read<uint64_t>(what);
}

// Offsets count from the data's start and must follow one another, each tensor padded to the alignment.
void GgufParser::place_tensors(const std::vector<uint64_t>& offsets) {
  const uint64_t mask = file_.alignment_ - 1;
  const uint64_t start = (at_ + mask) & ~mask;
  uint64_t expected = 0;
  for (size_t i = 0; i < offsets.size(); ++i) {
    TensorEntry& tensor = file_.tensors_[i];
    const auto size = uint64_t(*tensor_bytes(tensor.type, tensor.shape));
    if (offsets[i] != expected) {
      fail(fmt::format("tensor {} is said to lie at offset {} of the data; {} was expected", tensor.name,
                       offsets[i], expected),
           "the file is damaged, or its writer did not follow the format");
    }
    if (start > bytes_.size() || expected > bytes_.size() - start ||
        size > bytes_.size() - start - expected) {
      fail(fmt::format("truncated: tensor {} needs {} bytes at offset {}, the file ends at {}", tensor.name,
                       size, start + expected, bytes_.size()),
           "the download or copy is incomplete; fetch the file again");
    }
    tensor.data = bytes_.subspan(size_t(start + expected), size_t(size));
    expected = (expected + size + mask) & ~mask;
  }
}

std::shared_ptr<const GgufFile> GgufFile::open(const std::filesystem::path& path) {
  std::shared_ptr<GgufFile> file(new GgufFile);
  file->mapping_ = MappedFile::open(path);
  file->label_ = path.string();
  GgufParser(*file, file->mapping_->bytes()).parse();
  return file;
}

std::shared_ptr<const GgufFile> GgufFile::parse(std::span<const std::byte> bytes, std::string label) {
  std::shared_ptr<GgufFile> file(new GgufFile);
  file->label_ = std::move(label);
  GgufParser(*file, bytes).parse();
  return file;
}

}  // namespace fettle
