#include "format/gguf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"
#include "format/gguf_writer.h"

namespace fettle {

namespace {
using Bytes = std::vector<std::byte>;

TensorToWrite tensor(std::string name, DType type, std::vector<int64_t> shape, const Bytes& data) {
  return {std::move(name), type, std::move(shape), [data](const auto& sink) { sink(data); }};
}

Bytes pattern(size_t n) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = std::byte(7 * i + 1);
  return bytes;
}

GgufMetadata metadata() {
  GgufMetadata m;
  const std::string tokens[] = {"a", "", "\xff not UTF-8"};
  const int32_t kinds[] = {1, -2, 3};
  const float scores[] = {0.5f, -1.25f};
  m.set_text("general.architecture", "llama");
  m.set_u32("llama.block_count", 4000000000u);
  m.set_i32("negative", -7);
  m.set_u64("huge", ~uint64_t(0));
  m.set_f32("llama.rope.freq_base", 10000.0f);
  m.set_f64("tenth", 0.1);
  m.set_flag("yes", true);
  m.set_texts("tokenizer.ggml.tokens", tokens);
  m.set_i32s("tokenizer.ggml.token_type", kinds);
  m.set_f32s("tokenizer.ggml.scores", scores);
  return m;
}

std::vector<TensorToWrite> tensors() {
  return {tensor("blk.0.w", DType::q4_1, {3, 64}, pattern(120)), tensor("norm", DType::f32, {5}, pattern(20)),
          tensor("last", DType::f16, {2, 2, 3}, pattern(24))};
}

Bytes file_bytes(const GgufMetadata& m, std::span<const TensorToWrite> t) {
  Bytes out;
  write_gguf([&](std::span<const std::byte> part) { out.insert(out.end(), part.begin(), part.end()); }, m, t);
  return out;
}

// A file by hand: the writer's idea of the format must not be the only witness of the reader's.
struct ByHand {
  Bytes bytes;
  template <class T>
  ByHand& put(T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), p, p + sizeof(T));
    return *this;
  }
  ByHand& raw(std::string_view text) {
    for (char c : text) bytes.push_back(std::byte(c));
    return *this;
  }
  ByHand& text(std::string_view s) { return put(uint64_t(s.size())).raw(s); }
  ByHand& head(uint64_t n_tensors, uint64_t n_kv, uint32_t version = 3) {
    return raw("GGUF").put(version).put(n_tensors).put(n_kv);
  }
  ByHand& pad(size_t alignment = 32) {
    while (bytes.size() % alignment) bytes.push_back(std::byte{0});
    return *this;
  }
};

std::string error_of(const Bytes& bytes) {
  try {
    GgufFile::parse(bytes, "test.gguf");
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "test.gguf");
    return e.message();
  }
  return "no error";
}

void expect_error(const ByHand& file, std::string_view part) {
  const std::string message = error_of(file.bytes);
  EXPECT_NE(message.find(part), std::string::npos) << message;
}
}  // namespace

TEST(Gguf, ReadsAFileMadeByHand) {
  ByHand f;
  f.head(1, 3, 2);
  f.text("general.alignment").put(uint32_t(4)).put(uint32_t(64));
  f.text("small").put(uint32_t(1)).put(int8_t(-3));
  f.text("bytes").put(uint32_t(9)).put(uint32_t(0)).put(uint64_t(2)).put(uint8_t(200)).put(uint8_t(1));
  f.text("w").put(uint32_t(2)).put(int64_t(3)).put(int64_t(2)).put(uint32_t(24)).put(uint64_t(0));
  f.pad(64);
  const size_t start = f.bytes.size();
  f.raw("abcdef");
  const auto file = GgufFile::parse(f.bytes, "hand");
  EXPECT_EQ(file->version(), 2u);
  EXPECT_EQ(file->alignment(), 64u);
  EXPECT_EQ(file->integer("small"), -3);
  ASSERT_EQ(file->integers("bytes").size(), 2u);
  EXPECT_EQ(file->integers("bytes")[0], 200);
  const TensorEntry* w = file->find("w");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->shape, (std::vector<int64_t>{2, 3}));  // outermost first
  EXPECT_EQ(w->type, DType::i8);
  EXPECT_EQ(w->data.data(), f.bytes.data() + start);
  EXPECT_EQ(w->data.size(), 6u);
  EXPECT_EQ(file->find("v"), nullptr);
}

TEST(Gguf, RoundTripsMetadataAndTensors) {
  const auto path = std::filesystem::path(testing::TempDir()) / fmt::format("gguf_test_{}.gguf", ::getpid());
  write_gguf(path, metadata(), tensors());
  const auto file = GgufFile::open(path);
  std::filesystem::remove(path);
  EXPECT_EQ(file->where(), path.string());
  EXPECT_EQ(file->text("general.architecture"), "llama");
  EXPECT_EQ(file->integer("llama.block_count"), 4000000000);
  EXPECT_EQ(file->integer("negative"), -7);
  EXPECT_EQ(std::get<uint64_t>(file->metadata().at("huge")), ~uint64_t(0));
  EXPECT_EQ(file->number("llama.rope.freq_base"), 10000.0);
  EXPECT_EQ(file->integer("llama.rope.freq_base"), 10000);  // exact, so it converts
  EXPECT_EQ(file->number("negative"), -7.0);
  EXPECT_EQ(file->number("tenth"), 0.1);
  EXPECT_TRUE(file->flag_or("yes", false));
  EXPECT_EQ(file->texts("tokenizer.ggml.tokens")[2], "\xff not UTF-8");
  EXPECT_EQ(file->integers("tokenizer.ggml.token_type")[1], -2);
  EXPECT_EQ(file->numbers("tokenizer.ggml.scores")[1], -1.25);
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(total_bytes(*file), 120 + 20 + 24);
  const TensorEntry* last = file->find("last");
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->shape, (std::vector<int64_t>{2, 2, 3}));
  const Bytes expected = pattern(24);
  EXPECT_TRUE(std::ranges::equal(last->data, expected));
}

TEST(Gguf, LookUpsNameKeyAndType) {
  const Bytes bytes = file_bytes(metadata(), {});
  const auto file = GgufFile::parse(bytes, "m.gguf");
  EXPECT_EQ(file->text_or("none", "x"), "x");
  EXPECT_EQ(file->integer_or("none", 5), 5);
  EXPECT_EQ(file->number_or("none", 0.5), 0.5);
  EXPECT_FALSE(file->flag_or("none", false));
  EXPECT_TRUE(file->texts("none").empty());
  const auto message = [&](auto look_up) -> std::string {
    try {
      look_up();
    } catch (const Error& e) {
      return e.message();
    }
    return "no error";
  };
  EXPECT_NE(message([&] { file->text("none"); }).find("m.gguf: metadata key none is missing"),
            std::string::npos);
  EXPECT_NE(message([&] { file->integer("tenth"); }).find("key tenth is a number; an integer"),
            std::string::npos);
  EXPECT_NE(message([&] { file->integer("huge"); }).find("beyond int64"), std::string::npos);
  EXPECT_NE(message([&] { file->text_or("yes", ""); }).find("key yes is a bool; a string"),
            std::string::npos);
  EXPECT_NE(message([&] { file->numbers("tokenizer.ggml.token_type"); }).find("array of integers"),
            std::string::npos);
}

TEST(Gguf, RawMetadataCopiesToTheSameBytes) {
  const Bytes bytes = file_bytes(metadata(), tensors());
  const auto file = GgufFile::parse(bytes, "a");
  GgufMetadata copy;
  for (const GgufRaw& entry : file->raw_metadata()) copy.set_raw(entry);
  EXPECT_EQ(file_bytes(copy, tensors()), bytes);
  copy.set_u32("llama.block_count", 2);  // replaces in place
  copy.erase("huge");
  const Bytes changed = file_bytes(copy, {});
  const auto other = GgufFile::parse(changed, "b");
  EXPECT_EQ(other->integer("llama.block_count"), 2);
  EXPECT_EQ(other->raw_metadata()[1].key, "llama.block_count");
  EXPECT_FALSE(other->has("huge"));
}

TEST(Gguf, EveryTruncationIsAnError) {
  const Bytes bytes = file_bytes(metadata(), tensors());
  const auto whole = GgufFile::parse(bytes, "whole");
  const auto end = size_t(whole->tensors().back().data.data() + 24 - bytes.data());
  for (size_t n = 0; n < end; ++n) {
    // An exact allocation lets the address sanitizer see a read beyond the end.
    const Bytes part(bytes.begin(), bytes.begin() + int64_t(n));
    EXPECT_THROW(GgufFile::parse(part, "part"), Error) << n;
  }
  // The padding behind the last tensor may be missing: other writers leave it out.
  EXPECT_NO_THROW(GgufFile::parse(std::span(bytes).first(end), "unpadded"));
}

TEST(Gguf, FlippedBytesNeverEscape) {
  const Bytes bytes = file_bytes(metadata(), tensors());
  size_t refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int flip : {0x01, 0x80, 0xff}) {
      Bytes broken = bytes;
      broken[at] ^= std::byte(flip);
      try {
        const auto file = GgufFile::parse(broken, "broken");
        for (const TensorEntry& t : file->tensors()) {
          ASSERT_GE(t.data.data(), broken.data());
          ASSERT_LE(t.data.data() + t.data.size(), broken.data() + broken.size());
          ASSERT_EQ(int64_t(t.data.size()), *tensor_bytes(t.type, t.shape));
        }
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, bytes.size() / 2);
}

TEST(Gguf, RefusesByName) {
  expect_error(ByHand().raw("GGML"), "does not begin with \"GGUF\"");
  expect_error(ByHand().raw("GGUF").put(uint32_t(0x03000000)), "big-endian");
  expect_error(ByHand().head(0, 0, 1), "GGUF version 1");
  expect_error(ByHand().head(0, 0, 4), "GGUF version 4");
  expect_error(ByHand().head(uint64_t(1) << 60, 0), "are promised");
  expect_error(ByHand().head(0, 1).text("k").put(uint32_t(13)).put(uint64_t(0)),
               "key k: unknown value type 13");
  expect_error(ByHand().head(0, 1).text("k").put(uint32_t(7)).put(uint8_t(2)), "key k: a bool of value 2");
  expect_error(ByHand().head(0, 1).text("").put(uint32_t(7)).put(uint8_t(0)), "empty key");
  expect_error(ByHand().head(0, 1).text("k").put(uint32_t(8)).put(uint64_t(1) << 40), "a string of");
  expect_error(ByHand().head(0, 1).text("k").put(uint32_t(9)).put(uint32_t(9)).put(uint64_t(0)),
               "key k: an array within an array");
  expect_error(ByHand().head(0, 1).text("k").put(uint32_t(9)).put(uint32_t(4)).put(uint64_t(1) << 29),
               "array of 536870912 × uint32");
  expect_error(
      ByHand().head(0, 1).text("k").put(uint32_t(9)).put(uint32_t(10)).put(uint64_t(1)).put(~uint64_t(0)),
      "key k: element 0 is beyond");
  expect_error(ByHand()
                   .head(0, 2)
                   .text("k")
                   .put(uint32_t(0))
                   .put(uint8_t(1))
                   .text("k")
                   .put(uint32_t(0))
                   .put(uint8_t(1)),
               "key k occurs twice");
  expect_error(ByHand().head(0, 1).text("general.alignment").put(uint32_t(4)).put(uint32_t(48)),
               "alignment is 48; a power of two");
  expect_error(ByHand().head(0, 1).text("general.alignment").put(uint32_t(10)).put(uint64_t(32)),
               "alignment is not a uint32");
  expect_error(ByHand().head(0, 1).text("split.count").put(uint32_t(2)).put(uint16_t(3)),
               "split into 3 files");
}

TEST(Gguf, RefusesTensorsByName) {
  const auto one = [](std::vector<int64_t> ne, uint32_t type, uint64_t offset) {
    ByHand f;
    f.head(1, 0).text("blk.7.w").put(uint32_t(ne.size()));
    for (int64_t n : ne) f.put(n);
    return f.put(type).put(offset).pad();
  };
  expect_error(one({32, 2}, 4, 0), "tensor blk.7.w has the unknown type id 4");
  expect_error(one({1, 1, 1, 1, 1}, 0, 0), "tensor blk.7.w has 5 dimensions");
  expect_error(one({33}, 2, 0), "tensor blk.7.w of type Q4_0 has the impossible shape [33]");
  expect_error(one({-1}, 0, 0), "impossible shape [-1]");
  expect_error(one({int64_t(1) << 40, int64_t(1) << 40}, 0, 0), "impossible shape");
  expect_error(one({8}, 0, 32), "tensor blk.7.w is said to lie at offset 32 of the data; 0 was expected");
  expect_error(one({8}, 0, 0), "truncated: tensor blk.7.w needs 32 bytes");
  ByHand twice;
  twice.head(2, 0);
  for (int i = 0; i < 2; ++i)
    twice.text("w").put(uint32_t(1)).put(int64_t(0)).put(uint32_t(0)).put(uint64_t(0));
  expect_error(twice.pad(), "tensor w occurs twice");
}

TEST(Gguf, WriterRefusesWhatGgufCannotHold) {
  const auto attempt = [](std::vector<TensorToWrite> t) { file_bytes({}, t); };
  EXPECT_THROW(attempt({tensor("w", DType::f8_e4m3, {1}, pattern(1))}), Error);
  EXPECT_THROW(attempt({tensor(std::string(64, 'w'), DType::f32, {1}, pattern(4))}), Error);
  EXPECT_THROW(attempt({tensor("w", DType::q8_0, {16}, pattern(17))}), Error);
  EXPECT_THROW(attempt({tensor("w", DType::f32, {1}, pattern(4)), tensor("w", DType::f32, {1}, pattern(4))}),
               Error);
  EXPECT_THROW(attempt({tensor("w", DType::f32, {2}, pattern(4))}),
               InvariantError);  // too few bytes produced
}

}  // namespace fettle
