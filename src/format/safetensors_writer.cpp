#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "format/safetensors.h"

namespace fettle {

namespace {
// The order of the reference writer, which sorts by it from the back: wide types first keep every tensor
// aligned.
constexpr DType kAscending[] = {DType::boolean, DType::u8,  DType::i8,  DType::f8_e5m2, DType::f8_e4m3,
                                DType::i16,     DType::u16, DType::f16, DType::bf16,    DType::i32,
                                DType::u32,     DType::f32, DType::f64, DType::i64,     DType::u64};

std::ptrdiff_t rank(DType type) {
  return std::ranges::find(kAscending, type) - std::begin(kAscending);
}

std::string quoted(const std::string& text) {
  FETTLE_CHECK(valid_utf8(text), "{} is not UTF-8", repaired_utf8(text));
  return nlohmann::json(text).dump();
}

int64_t checked_bytes(const TensorToWrite& tensor) {
  const auto bytes = tensor_bytes(tensor.type, tensor.shape);
  FETTLE_CHECK(bytes && rank(tensor.type) < std::ssize(kAscending), "tensor {} of type {}, shape [{}]",
               tensor.name, name(tensor.type), fmt::join(tensor.shape, ", "));
  return *bytes;
}

// Members in data order and without spaces, then padded: the bytes the reference library gives.
std::string header_of(const std::vector<TensorToWrite>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) text += fmt::format("{}:{},", quoted(key), quoted(value));
    text.back() = '}';
  }
  int64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    const int64_t end = offset + checked_bytes(tensor);
    text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        text.size() > 1 ? "," : "", quoted(tensor.name), info(tensor.type).safetensors,
                        fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}
}  // namespace

void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::ranges::sort(tensors, [](const TensorToWrite& a, const TensorToWrite& b) {
    return rank(a.type) != rank(b.type) ? rank(a.type) > rank(b.type) : a.name < b.name;
  });
  std::set<std::string_view> names{"__metadata__"};
  for (const TensorToWrite& tensor : tensors) {
    FETTLE_CHECK(names.insert(tensor.name).second, "tensor {}: the name is taken", tensor.name);
  }
  const std::string header = header_of(tensors, metadata);
  const uint64_t length = header.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const TensorToWrite& tensor : tensors) {
    int64_t sent = 0;
    tensor.produce([&](std::span<const std::byte> part) {
      file.write(part);
      sent += int64_t(part.size());
    });
    FETTLE_CHECK(sent == checked_bytes(tensor), "tensor {} gave {} bytes", tensor.name, sent);
  }
  file.commit();
}

}  // namespace fettle
