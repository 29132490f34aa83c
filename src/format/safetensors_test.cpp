#include "format/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

/// A folder of this test alone, gone afterwards.
struct Folder {
  fs::path path = fs::path(testing::TempDir()) / fmt::format("safetensors_test_{}", ::getpid());
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
};

Bytes as_bytes(std::string_view text) {
  const auto* p = reinterpret_cast<const std::byte*>(text.data());
  return {p, p + text.size()};
}

std::string file_text(std::string_view header, std::string_view data) {
  const uint64_t n = header.size();
  std::string text(reinterpret_cast<const char*>(&n), 8);
  return text.append(header).append(data);
}

std::string error_of(const Bytes& bytes) {
  try {
    SafetensorsFile::parse(bytes, "t.safetensors");
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "t.safetensors");
    return e.message();
  }
  return "no error";
}

void expect_error(std::string_view header, std::string_view data, std::string_view part) {
  const std::string message = error_of(as_bytes(file_text(header, data)));
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TensorToWrite tensor(std::string name, DType type, std::vector<int64_t> shape, std::string data) {
  return {std::move(name), type, std::move(shape), [data](const auto& sink) {
            for (char c : data) sink(std::as_bytes(std::span(&c, 1)));  // in pieces
          }};
}

std::string error_of_folder(const fs::path& folder) {
  try {
    SafetensorsFile::open_folder(folder);
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}
}  // namespace

// The bytes the reference library writes for these two tensors.
TEST(Safetensors, WritesTheCanonicalForm) {
  const Folder folder;
  const fs::path path = folder.path / "a.safetensors";
  write_safetensors(path, {tensor("b", DType::bf16, {1}, "BB"), tensor("w", DType::f32, {2}, "wwwwWWWW")},
                    {{"format", "pt"}});
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}})";
  ASSERT_EQ(header.size(), 140u);
  EXPECT_EQ(read_text(path), file_text(header + "    ", "wwwwWWWWBB"));
}

TEST(Safetensors, SortsByTypeThenName) {
  const Folder folder;
  const fs::path path = folder.path / "a.safetensors";
  write_safetensors(path,
                    {tensor("u", DType::u8, {1}, "1"), tensor("z", DType::f16, {1}, "22"),
                     tensor("y\"\n", DType::f16, {1}, "33"), tensor("x", DType::bf16, {1}, "44"),
                     tensor("l", DType::i64, {}, "88888888"), tensor("empty", DType::f32, {0, 3}, "")},
                    {});
  const auto file = SafetensorsFile::open(path);
  std::string order;
  for (const TensorEntry& t : file->tensors()) order += t.name + ",";
  EXPECT_EQ(order, "l,empty,x,y\"\n,z,u,");
  EXPECT_EQ(file->find("l")->elements(), 1);
  EXPECT_EQ(file->find("empty")->elements(), 0);
  EXPECT_EQ(total_bytes(*file), 8 + 2 + 2 + 2 + 1);
}

TEST(Safetensors, ReadsAnyOrderAndTellsTheMetadata) {
  const std::string text = file_text(
      R"( {"b":{"data_offsets":[4,6],"dtype":"F16","shape":[1]},"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},)"
      R"("__metadata__":{"k":"v"}}  )",
      "abcdBB");
  const Bytes bytes = as_bytes(text);
  const auto file = SafetensorsFile::parse(bytes, "t");
  EXPECT_EQ(file->metadata().at("k"), "v");
  ASSERT_EQ(file->tensors().size(), 2u);
  const TensorEntry* a = file->find("a");
  EXPECT_EQ(a->shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(a->data[0], std::byte('a'));
  EXPECT_EQ(file->find("b")->data[0], std::byte('B'));
  EXPECT_EQ(file->find("b")->file, "t");
}

TEST(Safetensors, RefusesByTheRulesOfTheFormat) {
  const std::string w = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":)";
  EXPECT_NE(error_of(as_bytes("short")).find("8-byte length"), std::string::npos);
  EXPECT_NE(error_of(as_bytes(std::string(8, '\x7f'))).find("at most are allowed"), std::string::npos);
  EXPECT_NE(error_of(as_bytes(std::string("\x09\0\0\0\0\0\0\0{}", 10))).find("truncated: the header"),
            std::string::npos);
  expect_error("{\"\xff\":1}", "", "not the JSON");
  expect_error("{", "", "not the JSON");
  expect_error("[]", "", "not the JSON");
  expect_error("{} {}", "", "goes on after its closing brace");
  expect_error(R"({"w":{"dtype":"F9","shape":[],"data_offsets":[0,0]}})", "",
               "tensor w has the unsupported type F9");
  expect_error(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}})", "",
               "unknown member strides");
  expect_error(R"({"w":{"dtype":"F32","shape":[2]}})", "", "tensor w needs dtype, shape and data_offsets");
  expect_error(R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "", "not the JSON");
  expect_error(R"({"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", "", "not the JSON");
  expect_error(R"({"__metadata__":{"n":1}})", "", "not the JSON");
  expect_error(R"({"__metadata__":{"n":"1","n":"2"}})", "", "n occurs twice in __metadata__");
  expect_error(w + "[0,8,9]}}", "12345678", "data_offsets of 3 numbers");
  expect_error(w + "[4,12]}}", "123412345678", "tensor w lies at [4, 12) of the data; it must begin at 0");
  expect_error(w + "[8,0]}}", "12345678", "must begin at 0");
  expect_error(w + "[0,12]}}", "123456781234", "tensor w has 12 bytes; F32 of shape [2] takes 8");
  expect_error(w + "[0,8]}}", "1234567", "truncated: tensor w ends at 8");
  expect_error(w + "[0,8]}}", "123456789", "1 bytes lie behind the last tensor");
  expect_error(w + R"([0,8]},"w":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}})", "12345678",
               "w occurs twice");
  expect_error(w + R"([0,8]},"v":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "12345678",
               "tensor v lies at [4, 8) of the data; it must begin at 8");
  expect_error(R"({"w":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}})", "12345678",
               "takes more than a file can hold");
}

TEST(Safetensors, EveryTruncationAndEveryFlipIsCaughtOrHarmless) {
  const Bytes bytes = as_bytes(file_text(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                         R"("v":{"dtype":"I8","shape":[3],"data_offsets":[8,11]}})",
                                         "12345678abc"));
  for (size_t n = 0; n < bytes.size(); ++n) {
    const Bytes part(bytes.begin(), bytes.begin() + int64_t(n));
    EXPECT_THROW(SafetensorsFile::parse(part, "part"), Error) << n;
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes broken = bytes;
      broken[at] ^= std::byte(1 << bit);
      try {
        const auto file = SafetensorsFile::parse(broken, "broken");
        for (const TensorEntry& t : file->tensors()) {
          ASSERT_GE(t.data.data(), broken.data());
          ASSERT_LE(t.data.data() + t.data.size(), broken.data() + broken.size());
        }
      } catch (const Error&) {
      }
    }
  }
}

TEST(Safetensors, AFolderOfShardsIsOneFile) {
  const Folder folder;
  const fs::path index = folder.path / "model.safetensors.index.json";
  write_safetensors(folder.path / "m-1.safetensors", {tensor("a", DType::u8, {1}, "A")}, {{"format", "pt"}});
  write_safetensors(folder.path / "m-2.safetensors", {tensor("b", DType::u8, {1}, "B")}, {});
  write_atomic(index, R"({"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  const auto file = SafetensorsFile::open_folder(folder.path);
  EXPECT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->find("b")->data[0], std::byte('B'));
  EXPECT_EQ(file->find("b")->file, (folder.path / "m-2.safetensors").string());
  EXPECT_EQ(file->metadata().at("format"), "pt");

  write_atomic(index, R"({"weight_map":{"a":"m-1.safetensors","b":"m-1.safetensors"}})");
  EXPECT_NE(error_of_folder(folder.path).find("tensor b is not in m-1.safetensors"), std::string::npos);
  write_atomic(index, R"({"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors"}})");
  EXPECT_NE(error_of_folder(folder.path).find("tensor a is said to be in m-2.safetensors"),
            std::string::npos);
  write_atomic(index, R"({"weight_map":{"a":"m-1.safetensors","c":"m-2.safetensors"}})");
  EXPECT_NE(error_of_folder(folder.path).find("is not in the index"), std::string::npos);
  write_atomic(index, R"({"weight_map":{"a":"../m-1.safetensors"}})");
  EXPECT_NE(error_of_folder(folder.path).find("not a file of this folder"), std::string::npos);
  write_atomic(index, R"({"weight_map":{"a":"m-3.safetensors"}})");
  EXPECT_NE(error_of_folder(folder.path).find("m-3.safetensors: cannot open"), std::string::npos);
  write_safetensors(folder.path / "m-2.safetensors", {tensor("a", DType::u8, {1}, "B")}, {});
  write_atomic(index, R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  EXPECT_NE(error_of_folder(folder.path).find("tensor a is in "), std::string::npos);

  write_safetensors(folder.path / "model.safetensors", {tensor("only", DType::u8, {1}, "O")}, {});
  EXPECT_NE(SafetensorsFile::open_folder(folder.path)->find("only"), nullptr);
}

TEST(Safetensors, AFolderWithoutAModelSaysSo) {
  const Folder folder;
  EXPECT_NE(error_of_folder(folder.path).find("neither model.safetensors nor"), std::string::npos);
}

TEST(Safetensors, WriterHoldsItsCallersToTheirWord) {
  const Folder folder;
  const fs::path path = folder.path / "a.safetensors";
  const auto attempt = [&](std::vector<TensorToWrite> t) { write_safetensors(path, std::move(t), {}); };
  EXPECT_THROW(attempt({tensor("a", DType::u8, {2}, "1")}), InvariantError);  // too few bytes
  EXPECT_THROW(attempt({tensor("a", DType::q4_0, {32}, std::string(18, ' '))}), InvariantError);
  EXPECT_THROW(attempt({tensor("a", DType::u8, {1}, "1"), tensor("a", DType::i8, {1}, "1")}), InvariantError);
  EXPECT_TRUE(fs::is_empty(folder.path));  // nothing half-written
}

}  // namespace fettle
