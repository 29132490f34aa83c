#include "quant/storage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace fettle {

namespace {
using Bytes = std::vector<std::byte>;

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(std::byte(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::string hex;
  for (std::byte b : bytes) hex += fmt::format("{:02x}", int(b));
  return hex;
}

std::vector<float> floats_from_hex(const std::string& hex) {
  const Bytes bytes = from_hex(hex);
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), values.size() * 4);
  return values;
}

std::vector<uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), bits.size() * 4);
  return bits;
}

Bytes encode(DType type, const std::vector<float>& x) {
  Bytes out(size_t(row_bytes(type, int64_t(x.size()))));
  storage(type).encode(x.data(), int64_t(x.size()), out.data());
  return out;
}

nlohmann::json golden_cases() {
  const auto path = std::filesystem::path(FETTLE_SOURCE_DIR) / "tests/golden/quant.json";
  return nlohmann::json::parse(read_text(path))["cases"];
}

// The input of ggml's reference quantisers for the vectors below: products of two draws, two outliers.
std::vector<float> published_input() {
  uint32_t state = 12345;
  const auto draw = [&] {
    state = state * 1664525u + 1013904223u;
    return float((state >> 8) & 0xffffu) / 65536.0f - 0.5f;
  };
  std::vector<float> x(256);
  for (float& v : x) {
    const float a = draw(), b = draw();
    v = a * b * 4.0f;
  }
  x[17] = 1.5f;
  x[200] = -1.25f;
  return x;
}

// What ggml's C quantisers make of that input, and some of the values it stands for.
struct Published {
  DType type;
  const char* block;
  float at_0, at_17, at_33, at_200, at_255;
};
const Published kPublished[] = {
    {DType::q3_k,
     "3efda4ffb11a1dffbbb61b57fdd66dce29e834970b1bcfdf973b89f72ecb7fdf2248912184771e4b7c0851d35cc659026c6c1bd"
     "0c0b9"
     "04e0d16840600df0158cb001b00036fc2c5c023778dd7711c79d6817a938ea441c403cf8df03374e29091050df4bbcd2dd02f91"
     "4225c"
     "db21",
     0.365966797f, 1.46386719f, -0.343093872f, -1.23513794f, -0.0f},
    {DType::q4_k,
     "c8180f25baaee4b29c68ddab49e1ff2c76441872348561b0c4aa837164974386949fc675743163647033f4730b8451038966b87"
     "ba066"
     "896765f76288599858779a9a0665cfa987c4658aae2386d886b6888970879c6758d88b9e47799e0a96515d7846b8bad79cf7974"
     "89874"
     "699b56a6a66837788797f44b7067d58a4e7b892acb67ac698bbe77686a8a0d79da49d679",
     0.259155273f, 1.47781372f, -0.360839844f, -1.24488831f, 0.0472106934f},
    {DType::q6_k,
     "c4e35a390fbc9f2680f18863a140882331414c7d118802b16b3231e33ccf5a23ee4001204d65da40541b52b0a9b68201795a1d9"
     "241c3"
     "1634a04fa1c04d7d380b80f9a0fec4aff2911f9b5f594cab2c55217bdabf23128434a29e6cd39adec7e94230ee01c6680694021"
     "663bc"
     "a7f1c5167c35ee0291baea503b9ffad418ca0dd4659660ba419966af9e188a6ba669a6a996942169ca9eaaea6a9a822aacd5aae"
     "e5a9a"
     "94995b5506ae8a9b1566bb6269e418a90a95550264a29659c55b19942a56bf803eb72ec6b34c3bd333d06bb9b9c62e0e",
     0.29419899f, 1.49664307f, -0.374160767f, -1.25110006f, 0.0656290054f},
};
}  // namespace

TEST(Storage, DecodesGoldenBlocksBitForBit) {
  std::vector<std::string> seen;
  const nlohmann::json cases = golden_cases();
  for (const auto& c : cases) {
    const std::string type_name = c["type"];
    const DType type = dtype_by_name(type_name)->type;
    const Bytes blocks = from_hex(c["blocks"]);
    const std::vector<float> expected = floats_from_hex(c["values"]);
    ASSERT_EQ(int64_t(blocks.size()), row_bytes(type, int64_t(expected.size()))) << type_name;
    std::vector<float> values(expected.size());
    storage(type).decode_f32(blocks.data(), int64_t(values.size()), values.data());
    EXPECT_EQ(bits_of(values), bits_of(expected)) << type_name;
    seen.push_back(type_name);
  }
  EXPECT_EQ(seen.size() + 1, storage_rows().size());  // all but F32
}

TEST(Storage, EncodesGoldenValuesBitForBit) {
  int encoders = 0;
  const nlohmann::json cases = golden_cases();
  for (const auto& c : cases) {
    if (!c.contains("encode_in")) continue;
    const std::string type_name = c["type"];
    const DType type = dtype_by_name(type_name)->type;
    EXPECT_EQ(to_hex(encode(type, floats_from_hex(c["encode_in"]))), c["encode_out"].get<std::string>())
        << type_name;
    ++encoders;
  }
  EXPECT_EQ(encoders, 7);
}

// Made by ggml's C quantisers, without fused multiply-add.
TEST(Storage, EncodesAsTheReferenceQuantisers) {
  std::vector<float> x = published_input();
  EXPECT_FLOAT_EQ(x[0], 0.292161793f);
  x.resize(32);
  EXPECT_EQ(to_hex(encode(DType::q4_0, x)), "00b28608757988a78a8bb894899a3886a996");
  EXPECT_EQ(to_hex(encode(DType::q4_1, x)), "59304eb846f3685244153140043a4331b4471336");
  EXPECT_EQ(to_hex(encode(DType::q5_0, x)), "00aeda5df1ef0d01eae2004f141660181225600c521d");
  EXPECT_EQ(to_hex(encode(DType::q5_1, x)), "352c4eb8040202108df7b0a5792a737008747561789e156d");
  EXPECT_EQ(to_hex(encode(DType::q8_0, x)),
            "0c2219fb2eed0209e1d30041f0d9fe21f01bfd7f120cfcdef9fbd2f7fcf45104d9f4");
}

TEST(Storage, DecodesPublishedBlocks) {
  for (const Published& p : kPublished) {
    const Bytes block = from_hex(p.block);
    ASSERT_EQ(int64_t(block.size()), info(p.type).block_bytes);
    std::vector<float> y(256);
    storage(p.type).decode_f32(block.data(), 256, y.data());
    EXPECT_FLOAT_EQ(y[0], p.at_0) << name(p.type);
    EXPECT_FLOAT_EQ(y[17], p.at_17) << name(p.type);
    EXPECT_FLOAT_EQ(y[33], p.at_33) << name(p.type);
    EXPECT_FLOAT_EQ(y[200], p.at_200) << name(p.type);
    EXPECT_FLOAT_EQ(y[255], p.at_255) << name(p.type);
  }
}

TEST(Storage, EncodingWhatWasDecodedChangesNothing) {
  const std::vector<float> x = published_input();
  for (const StorageRow& row : storage_rows()) {
    // The minimum of a Q_1 block is only stored as f16: its grid moves, so it is not a fixed point.
    if (!row.encode || row.type == DType::q4_1 || row.type == DType::q5_1) continue;
    const Bytes once = encode(row.type, x);
    std::vector<float> decoded(x.size());
    row.decode_f32(once.data(), int64_t(x.size()), decoded.data());
    const Bytes twice = encode(row.type, decoded);
    std::vector<float> again(x.size());
    row.decode_f32(twice.data(), int64_t(x.size()), again.data());
    for (size_t i = 0; i < x.size(); ++i)
      EXPECT_NEAR(again[i], decoded[i], 1e-6f) << name(row.type) << " " << i;
  }
}

TEST(Storage, EncodersSurviveWhatIsNotANumber) {
  std::vector<float> x(32, 1.0f);
  x[3] = NAN;
  x[4] = INFINITY;
  x[5] = 1e-42f;
  for (const StorageRow& row : storage_rows()) {
    if (!row.encode) continue;
    const Bytes blocks = encode(row.type, x);
    EXPECT_EQ(blocks, encode(row.type, x)) << name(row.type);
  }
}

TEST(Storage, Bf16IsTheRoundedF32) {
  for (const auto& c : golden_cases()) {
    const StorageRow& row = storage(dtype_by_name(c["type"].get<std::string>())->type);
    const Bytes blocks = from_hex(c["blocks"]);
    std::vector<float> wide(size_t(blocks.size() / size_t(info(row.type).block_bytes)) *
                            size_t(info(row.type).block));
    std::vector<bf16_t> narrow(wide.size());
    row.decode_f32(blocks.data(), int64_t(wide.size()), wide.data());
    row.decode_bf16(blocks.data(), int64_t(wide.size()), narrow.data());
    for (size_t i = 0; i < wide.size(); ++i)
      ASSERT_EQ(narrow[i].bits, to_bf16(wide[i]).bits) << name(row.type) << i;
  }
}

TEST(Storage, NamesWhatItLacks) {
  EXPECT_TRUE(has_storage(DType::q4_1));
  EXPECT_FALSE(has_storage(DType::iq2_xs));
  try {
    storage(DType::iq2_xs);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("tensor type IQ2_XS is not supported yet"), std::string::npos);
    EXPECT_NE(e.hint().find("Q6_K"), std::string::npos);
  }
}

}  // namespace fettle
