// What is written reads back as the same hyper-parameters, in either container.
#include "model/arch/write_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"

namespace fettle {
namespace {

HyperParams sample() {
  return {.vocab_size = 96,
          .layers = 2,
          .hidden = 64,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 24,
          .ffn = 96,
          .context_length = 512,
          .norm_eps = 1e-5f,
          .tied_head = true,
          .rope = {.theta = 12345}};
}

// sample() with what the family has of its own, by its defaults.
HyperParams sample_of(const FamilyRow& family) {
  nlohmann::json config = config_json(family, sample());
  config.erase("hidden_act");
  config.erase("hidden_activation");
  return family.from_hf(config, "config.json");
}

HyperParams through_gguf(const FamilyRow& family, const HyperParams& hp) {
  GgufMetadata metadata;
  set_gguf_keys(family, hp, metadata);
  std::vector<std::byte> bytes;
  write_gguf([&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); },
             metadata, {});
  const auto file = GgufFile::parse(bytes, "m.gguf");
  EXPECT_EQ(file->text("general.architecture"), family.gguf_arch);
  return family.from_gguf(*file);
}

TEST(WriteConfig, EveryFamilyReadsBackWhatItWrote) {
  for (const FamilyRow* family : families()) {
    EXPECT_FALSE(family->hf_model_type.empty()) << family->name;
    const HyperParams hp = sample_of(*family);
    EXPECT_EQ(hp.rope, sample().rope) << family->name;
    EXPECT_EQ(hp.q_dim(), 96) << family->name;
    const nlohmann::json config = config_json(*family, hp);
    EXPECT_EQ(&family_by_hf(config.at("architectures").at(0).get<std::string>(), ""), family);
    EXPECT_EQ(family->from_hf(config, "config.json"), hp) << family->name << config.dump();
    HyperParams back = through_gguf(*family, hp);
    EXPECT_EQ(back.score_scale(), hp.score_scale()) << family->name;
    back.query_scalar = hp.query_scalar;
    EXPECT_EQ(back, hp) << family->name;
  }
}

TEST(WriteConfig, Gemma3KeepsItsLayersBasesAndScale) {
  const FamilyRow& gemma = family_by_gguf("gemma3", "");
  HyperParams hp = sample_of(gemma);
  hp.sliding_window = 32;
  hp.layers = 8;
  hp.local_layers = {true, true, false, true, true, false, true, true};
  hp.local_rope->theta = 777;
  hp.query_scalar = 48;
  const nlohmann::json config = config_json(gemma, hp);
  EXPECT_EQ(config["model_type"], "gemma3_text");
  EXPECT_EQ(config["hidden_activation"], "gelu_pytorch_tanh");
  EXPECT_EQ(gemma.from_hf(config, ""), hp);
  EXPECT_THROW(through_gguf(gemma, hp), Error) << "GGUF has no key for the scale";
  hp.query_scalar = 24;
  HyperParams back = through_gguf(gemma, hp);
  back.query_scalar = 24;
  EXPECT_EQ(back, hp);
  hp.local_layers[1] = false;
  EXPECT_THROW(through_gguf(gemma, hp), Error) << "no pattern";
}

TEST(WriteConfig, WindowsOfQwenAreForFoldersOnly) {
  const FamilyRow& qwen = family_by_gguf("qwen2", "");
  HyperParams hp = sample_of(qwen);
  hp.sliding_window = 100;
  hp.local_layers = {false, true};
  EXPECT_EQ(qwen.from_hf(config_json(qwen, hp), ""), hp);
  EXPECT_THROW(through_gguf(qwen, hp), Error);
}

TEST(WriteConfig, AWindowIsMistralsAndLinearScalingHasItsFactor) {
  const FamilyRow& llama = family_by_gguf("llama", "");
  HyperParams hp = sample();
  hp.sliding_window = 100;
  hp.rope.kind = RopeKind::linear;
  hp.rope.factor = 4;
  const nlohmann::json config = config_json(llama, hp);
  EXPECT_EQ(config["model_type"], "mistral");
  EXPECT_EQ(llama.from_hf(config, ""), hp);
  EXPECT_EQ(through_gguf(llama, hp), hp);
}

TEST(WriteConfig, AnEpsilonIsTheShortestDecimal) {
  EXPECT_EQ(config_json(family_by_gguf("llama", ""), sample())["rms_norm_eps"].dump(), "1e-05");
}

TEST(WriteConfig, DivisorsWithoutAFormulaAreRefusedByName) {
  HyperParams hp = sample();
  hp.rope.freq_divisors.assign(12, 1.0f);
  hp.rope.freq_divisors[3] = 2.5f;
  try {
    config_json(family_by_gguf("llama", ""), hp);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "rope_freqs.weight");
  }
}

}  // namespace
}  // namespace fettle
