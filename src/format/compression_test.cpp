#include "format/compression.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/records.h"

namespace fettle {
namespace {

std::string gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = uInt(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = uInt(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

struct Packer {
  const Compression& how;
  std::string (*pack)(std::string_view);
};
const Packer kPackers[] = {{compressions()[0], gzip}, {compressions()[1], zstd}};

std::string error_of(const Compression& how, std::string_view bytes) {
  try {
    unpacked(how, bytes, "x");
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

void expect_starts(const std::string& text, const std::string& start) {
  EXPECT_TRUE(text.starts_with(start)) << text;
}

// Longer than a piece, and of little repetition.
std::string long_text() {
  std::string text;
  for (int i = 0; text.size() < 700'000; ++i) text += fmt::format("{}:{:x} ", i, uint32_t(i) * 2654435761u);
  return text;
}

TEST(Compression, OneMemberOrSeveral) {
  const std::string text = long_text();
  for (const auto& [how, pack] : kPackers) {
    EXPECT_EQ(unpacked(how, pack(text), "x"), text) << how.name;
    EXPECT_EQ(unpacked(how, pack("a") + pack("") + pack("bc"), "x"), "abc") << how.name;
  }
  EXPECT_EQ(unpacked(compressions()[0], gzip("a") + std::string(512, '\0'), "x"), "a") << "gzip's padding";
}

TEST(Compression, ACutFileIsNamedWithTheOffset) {
  for (const auto& [how, pack] : kPackers) {
    const std::string packed = pack("one line\nand another\n");
    for (size_t n = 0; n < packed.size(); ++n)
      expect_starts(error_of(how, packed.substr(0, n)),
                    fmt::format("x: the {} data is cut off: the file ends at offset {}", how.name, n));
    expect_starts(
        error_of(how, packed + packed.substr(0, 9)),
        fmt::format("x: the {} data is cut off: the file ends at offset {}", how.name, packed.size() + 9));
  }
}

TEST(Compression, DamageIsFound) {
  for (const auto& [how, pack] : kPackers) {
    std::string packed = pack(long_text());
    packed[packed.size() / 2] = char(packed[packed.size() / 2] ^ 0x10);
    expect_starts(error_of(how, packed), fmt::format("x: the {} data is broken (", how.name));
    std::string wrong_sum = pack("text");
    const size_t sum = wrong_sum.size() - (how.name == "gzip" ? 8 : 4);
    wrong_sum[sum] = char(wrong_sum[sum] ^ 1);
    expect_starts(error_of(how, wrong_sum), fmt::format("x: the {} data is broken (", how.name));
    expect_starts(error_of(how, pack("a") + "rest"), fmt::format("x: the {} data is broken (", how.name));
  }
}

TEST(Compression, ABombIsRefused) {
  const std::string zeros(size_t{65} << 20, '0');
  for (const auto& [how, pack] : kPackers)
    EXPECT_EQ(error_of(how, pack(zeros)),
              fmt::format("x: the file unpacks to more than 67108864 bytes, which is more than 256 times its "
                          "size\n  hint: if that is meant, unpack it first: {} x",
                          how.tool));
  const std::string fits(size_t{64} << 20, '0');
  EXPECT_EQ(unpacked(compressions()[1], zstd(fits), "x").size(), fits.size()) << "small enough for anyone";
}

std::string block_error(const Compression& how, std::string_view block, std::string out) {
  try {
    unpack_block(how, block, out);
  } catch (const Error& e) {
    return e.parts().what;
  }
  return out;
}

TEST(Compression, ABlockHasTheSizePromised) {
  for (const auto& [how, pack] : kPackers) {
    const std::string packed = pack("four");
    EXPECT_EQ(block_error(how, packed, "????"), "four");
    EXPECT_EQ(block_error(how, pack("fo") + pack("ur"), "????"), "four") << "two members";
    EXPECT_EQ(block_error(how, packed, "???"),
              fmt::format("{} data of more than the 3 bytes promised", how.name));
    EXPECT_EQ(block_error(how, packed, "?????"),
              fmt::format("{} data that ends after 4 of 5 bytes", how.name));
    for (size_t n = 0; n < packed.size(); ++n)
      EXPECT_NE(block_error(how, packed.substr(0, n), "????"), "four") << n;
    expect_starts(block_error(how, packed + "more", "????"),
                  fmt::format("the {} data is broken (", how.name));
  }
}

TEST(Compression, NameAndContentMustAgree) {
  EXPECT_EQ(
      error_of(compressions()[0], "[{\"a\": 1}]"),
      "x: the name says gzip, but the file does not begin as one\n  hint: if it is not compressed, take .gz "
      "off its name");
  try {
    refuse_compressed(zstd("a"), "x.json");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "x.json: the file is compressed (zstd)\n  hint: rename it to x.json.zst");
  }
}

TEST(Compression, RecordsAreReadByTheInnerEnding) {
  namespace fs = std::filesystem;
  const std::pair<std::string, std::string> files[] = {{"a.json", "[{\"text\": \"x\"}]"},
                                                       {"a.jsonl", "{\"text\": \"x\"}\n"},
                                                       {"a.csv", "text\nx\n"},
                                                       {"a.TXT", "x"}};
  for (const auto& [how, pack] : kPackers)
    for (const auto& [name, text] : files) {
      const fs::path path = fs::path(testing::TempDir()) /
                            fmt::format("compression_test_{}_{}{}", ::getpid(), name, how.ending);
      std::ofstream(path, std::ios::binary) << pack(text);
      std::string records;
      read_records(path, [&](Record&& record, const RecordPlace&) {
        records += record.dump();
        return true;
      });
      EXPECT_EQ(records, "{\"text\":\"x\"}") << path;
      fs::remove(path);
    }
}

}  // namespace
}  // namespace fettle
