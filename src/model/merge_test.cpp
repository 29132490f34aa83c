// What a merged tensor holds, in which order and type; and that the merged model computes what base and
// adapter do.
#include "model/merge.h"

#include "format/gguf.h"
#include "model/arch/write_config.h"
#include "model/model_testing.h"
#include "model/ref_logits_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

std::shared_ptr<const Model> load(const fs::path& path) {
  Listener silent;
  return Model::load(path, silent);
}

std::unique_ptr<LoraAdapter> adapter_for(const Model& model, std::vector<std::string> targets = {"all"}) {
  auto adapter = LoraAdapter::create(model, {.rank = 3, .alpha = 6, .targets = std::move(targets)}, 1);
  fill_by_formula(*adapter);
  return adapter;
}

std::vector<std::byte> bytes_of(const TensorToWrite& tensor) {
  std::vector<std::byte> bytes;
  tensor.produce(
      [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
  return bytes;
}

std::vector<float> values_of(const TensorToWrite& tensor) {
  const std::vector<std::byte> bytes = bytes_of(tensor);
  int64_t n = 1;
  for (int64_t d : tensor.shape) n *= d;
  std::vector<float> out(static_cast<size_t>(n));
  storage(tensor.type).decode_f32(bytes.data(), n, out.data());
  return out;
}

/// The tensors of a merge, with the pool that they need.
struct Merged {
  ThreadPool pool{2};
  std::vector<TensorToWrite> tensors;

  Merged(const Model& model, std::vector<const LoraAdapter*> adapters, MergedForm form)
      : tensors(merged_tensors(model, adapters, form, pool)) {}
  const TensorToWrite& operator[](const std::string& name) const {
    for (const TensorToWrite& t : tensors)
      if (t.name == name) return t;
    throw std::runtime_error(name + " is not there");
  }
};

/// base + delta of a projection in double, row by row in the order of Hugging Face.
std::vector<double> exact_sum(const Model& model, const LoraAdapter& adapter, Role role, int64_t layer) {
  const auto w = decoded(model.matrix(role, layer));
  const LoraEntry& e = *adapter.find(role, layer);
  std::vector<double> out = w.data;
  for (int64_t r = 0; r < e.out; ++r)
    for (int64_t k = 0; k < e.rank; ++k)
      for (int64_t c = 0; c < e.in; ++c)
        out[size_t(r * e.in + c)] += double(e.scale) *
                                     double(adapter.params()[size_t(e.b_at + r * e.rank + k)]) *
                                     double(adapter.params()[size_t(e.a_at + k * e.in + c)]);
  return out;
}

void write_merged_hf(const fs::path& folder, const Model& model, const Merged& merged) {
  nlohmann::json config = config_json(model.family(), model.hp());
  write_atomic(folder / "config.json", config.dump());
  write_safetensors_model(folder, merged.tensors, 20'000);
}

void write_merged_gguf(const fs::path& file, const Model& model, const Merged& merged) {
  GgufMetadata metadata;
  set_gguf_keys(model.family(), model.hp(), metadata);
  write_gguf(file, metadata, merged.tensors);
}

double largest_difference(const ref::Matrix<double>& a, const ref::Matrix<double>& b) {
  double most = 0;
  for (size_t i = 0; i < a.data.size(); ++i) most = std::max(most, std::abs(a.data[i] - b.data[i]));
  return most;
}

const std::vector<int32_t> kIds = {5, 17, 3, 88, 41, 41, 2, 60, 9};

struct BaseAndAdapter {
  std::shared_ptr<const Model> model;
  std::unique_ptr<LoraAdapter> adapter;
  ref::Matrix<double> logits;

  explicit BaseAndAdapter(const fs::path& path)
      : model(load(path)),
        adapter(adapter_for(*model)),
        logits(reference_logits(*model, adapter.get(), kIds)) {}
};

TEST(Merge, IsBasePlusDeltaWithinOneRounding) {
  TestFolder folder("merge_one");
  write_hf(folder, TinyModel{});
  const BaseAndAdapter base(folder);
  for (float& p : base.adapter->params()) p /= 3;  // products that f32 does not hold
  const std::pair<DType, double> types[] = {
      {DType::f32, 0x1p-24}, {DType::bf16, 0x1p-8}, {DType::f16, 0x1p-11}};
  for (const auto& [type, half_step] : types) {
    const Merged merged(*base.model, {base.adapter.get()}, {.type = type});
    const auto got = values_of(merged["model.layers.1.self_attn.k_proj.weight"]);
    const auto exact = exact_sum(*base.model, *base.adapter, Role::attn_k, 1);
    const double least = type == DType::f16 ? 0x1p-25 : 0;  // values below 2^-14 have fixed steps of 2^-24
    for (size_t i = 0; i < exact.size(); ++i)
      ASSERT_NEAR(got[i], exact[i], std::max(std::abs(exact[i]) * half_step * 1.0001, least))
          << name(type) << i;
  }
}

TEST(Merge, TwoAdaptersAddUp) {
  TestFolder folder("merge_two");
  write_hf(folder, TinyModel{});
  const auto model = load(folder);
  const auto first = adapter_for(*model), second = adapter_for(*model, {"k_proj"});
  fill_by_formula(*second, "second ");
  const Merged merged(*model, {first.get(), second.get()}, {});
  const auto got = values_of(merged["model.layers.0.self_attn.k_proj.weight"]);
  const auto one = exact_sum(*model, *first, Role::attn_k, 0),
             two = exact_sum(*model, *second, Role::attn_k, 0);
  const auto w = decoded(model->matrix(Role::attn_k, 0));
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], one[i] + two[i] - w.data[i], 1e-6);
  EXPECT_EQ(merged_count(*model, std::vector<const LoraAdapter*>{second.get()}), 2);
}

TEST(Merge, WithoutAnAdapterEveryByteStays) {
  TestFolder folder("merge_none");
  TinyModel tiny;
  tiny.type = DType::bf16;
  tiny.prefix = "language_model.";
  write_hf(folder, tiny);
  const auto model = load(folder);
  const Merged merged(*model, {}, {.type = DType::bf16});
  const auto file = SafetensorsFile::open_folder(folder);
  ASSERT_EQ(merged.tensors.size(), file->tensors().size());
  for (const TensorEntry& entry : file->tensors()) {
    const auto bytes = bytes_of(merged[entry.name]);
    EXPECT_TRUE(std::ranges::equal(bytes, entry.data)) << entry.name;
  }
}

TEST(Merge, AFolderKeepsWhatNoRowClaims) {
  TestFolder folder("merge_extra");
  const std::string extra = "model.layers.0.self_attn.rotary_emb.inv_freq";
  write_hf(folder, TinyModel{}, [&](std::vector<TensorToWrite>& tensors) {
    tensors.push_back(to_write(extra, DType::f32, {2}, encoded(std::vector<float>{1, 0.5f}, DType::f32, 2)));
  });
  const auto model = load(folder);
  const Merged merged(*model, {}, {.type = DType::bf16});
  EXPECT_EQ(merged[extra].type, DType::f32);
  EXPECT_EQ(values_of(merged[extra]), (std::vector<float>{1, 0.5f}));
}

class MergeFamily : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, MergeFamily, ::testing::Values("llama", "qwen2", "qwen3", "gemma3"),
                         [](const auto& info) { return info.param; });

// Hugging Face → GGUF → Hugging Face without an adapter: the permutation of q and k and its reverse, the
// offset of norms and its reverse. In between stands what the tests' own writer of GGUF writes.
TEST_P(MergeFamily, GoesRoundToTheSameBytes) {
  TestFolder hf("merge_round_hf"), gguf("merge_round_gguf"), other("merge_round_other");
  const TinyModel tiny(GetParam());
  write_hf(hf, tiny);
  const auto model = load(hf);
  write_merged_gguf(gguf / "tiny.gguf", *model, Merged(*model, {}, {.container = Container::gguf}));
  const auto between = load(gguf / "tiny.gguf");
  HyperParams hp = between->hp();
  EXPECT_EQ(hp.score_scale(), model->hp().score_scale());
  hp.query_scalar = model->hp().query_scalar;
  EXPECT_EQ(hp, model->hp());
  write_gguf_model(other / "tiny.gguf", tiny);
  const auto expected = GgufFile::open(other / "tiny.gguf");
  ASSERT_EQ(between->gguf()->tensors().size(), expected->tensors().size());
  for (const TensorEntry& entry : expected->tensors())
    EXPECT_TRUE(std::ranges::equal(between->gguf()->find(entry.name)->data, entry.data)) << entry.name;
  const Merged back(*between, {}, {});
  const auto file = SafetensorsFile::open_folder(hf);
  ASSERT_EQ(back.tensors.size(), file->tensors().size());
  for (const TensorEntry& entry : file->tensors())
    EXPECT_TRUE(std::ranges::equal(bytes_of(back[entry.name]), entry.data)) << entry.name;
}

TEST_P(MergeFamily, ComputesWhatBaseAndAdapterDo) {
  TestFolder hf("merge_logits_hf"), gguf("merge_logits_gguf");
  const TinyModel tiny(GetParam());
  write_hf(hf, tiny);
  write_gguf_model(gguf / "tiny.gguf", tiny);
  for (const fs::path& path : {fs::path(hf), gguf / "tiny.gguf"}) {
    const BaseAndAdapter base(path);
    TestFolder out("merge_logits_out");
    write_merged_hf(out, *base.model, Merged(*base.model, {base.adapter.get()}, {}));
    write_merged_gguf(out / "m.gguf", *base.model,
                      Merged(*base.model, {base.adapter.get()}, {.container = Container::gguf}));
    ASSERT_TRUE(fs::exists(out / "model.safetensors.index.json"));
    for (const fs::path& merged : {fs::path(out), out / "m.gguf"}) {
      const auto logits = reference_logits(*load(merged), nullptr, kIds);
      EXPECT_LT(largest_difference(logits, base.logits), 1e-4) << path << " → " << merged;
      EXPECT_GT(largest_difference(reference_logits(*base.model, nullptr, kIds), base.logits), 0.1);
    }
  }
}

TEST(Merge, TypesOfAGguf) {
  TestFolder folder("merge_types");
  TinyModel tiny;
  tiny.type = DType::q4_1;
  tiny.config["intermediate_size"] = 96;
  write_gguf_model(folder / "tiny.gguf", tiny);
  const auto model = load(folder);
  const auto adapter = adapter_for(*model, {"down_proj"});
  const auto type = [&](DType wanted, const std::string& name) {
    return Merged(*model, {adapter.get()}, {.container = Container::gguf, .type = wanted})[name].type;
  };
  EXPECT_EQ(type(DType::q8_0, "blk.0.ffn_down.weight"), DType::q8_0);
  EXPECT_EQ(type(DType::q8_0, "blk.0.ffn_up.weight"), DType::q4_1) << "untouched and quantised: kept";
  EXPECT_EQ(type(DType::q8_0, "blk.0.attn_norm.weight"), DType::f32);
  EXPECT_EQ(type(DType::f16, "blk.0.ffn_up.weight"), DType::f16);
  EXPECT_EQ(type(DType::bf16, "blk.0.attn_norm.weight"), DType::f32);
}

TEST(Merge, AnUntouchedQuantisedTensorKeepsItsBytesAlsoWhereRowsAreInterleaved) {
  TestFolder folder("merge_bytes");
  TinyModel tiny;
  tiny.type = DType::q8_0;
  write_gguf_model(folder / "tiny.gguf", tiny);
  const auto model = load(folder);
  const auto adapter = adapter_for(*model, {"down_proj"});
  const Merged merged(*model, {adapter.get()}, {.container = Container::gguf, .type = DType::q8_0});
  for (const TensorEntry& entry : model->gguf()->tensors())
    EXPECT_EQ(std::ranges::equal(bytes_of(merged[entry.name]), entry.data),
              entry.name.find("ffn_down") == std::string::npos)
        << entry.name;
}

// Within half a step of the block's scale, which is the largest magnitude of 32 over 127, itself rounded to
// f16.
TEST(Merge, QuantisesToEightBitsWithinHalfAStep) {
  TestFolder folder("merge_q8");
  TinyModel tiny;
  tiny.type = DType::q4_1;
  write_gguf_model(folder / "tiny.gguf", tiny);
  const BaseAndAdapter base(folder);
  const Merged merged(*base.model, {base.adapter.get()}, {.container = Container::gguf, .type = DType::q8_0});
  const auto got = values_of(merged["blk.1.ffn_gate.weight"]);
  const auto exact = exact_sum(*base.model, *base.adapter, Role::mlp_gate, 1);
  for (size_t i = 0; i < exact.size(); i += 32) {
    double most = 0;
    for (size_t j = i; j < i + 32; ++j) most = std::max(most, std::abs(exact[j]));
    for (size_t j = i; j < i + 32; ++j) ASSERT_NEAR(got[j], exact[j], most / 127 * 0.5 + most * 0x1p-11);
  }
}

TEST(Merge, RowsThatAreNoWholeBlocksAreF16) {
  TestFolder folder("merge_blocks");
  TinyModel tiny;
  tiny.config["intermediate_size"] = 80;
  write_hf(folder, tiny);
  const auto model = load(folder);
  const Merged merged(*model, {}, {.container = Container::gguf, .type = DType::q8_0});
  EXPECT_EQ(merged["blk.0.ffn_down.weight"].type, DType::f16);
  EXPECT_EQ(merged["blk.0.ffn_up.weight"].type, DType::q8_0);
}

TEST(Merge, AValueThatIsNoNumberNamesItsTensor) {
  TestFolder folder("merge_nan");
  write_hf(folder, TinyModel{});
  const auto model = load(folder);
  const auto adapter = adapter_for(*model);
  const LoraEntry& entry = *adapter->find(Role::attn_v, 1);
  for (const float value : {std::nanf(""), 1e30f}) {
    std::fill_n(adapter->params().begin() + entry.b_at, entry.rank, value);
    const Merged merged(*model, {adapter.get()}, {.type = DType::f16});
    try {
      bytes_of(merged["model.layers.1.self_attn.v_proj.weight"]);
      ADD_FAILURE() << "no error";
    } catch (const Error& e) {
      EXPECT_NE(e.message().find("model.layers.1.self_attn.v_proj.weight: row 0"), std::string::npos)
          << e.message();
      EXPECT_NE(e.message().find("65504"), std::string::npos);
    }
  }
}

TEST(Merge, OneAndFourThreadsGiveTheSameBytes) {
  TestFolder folder("merge_threads");
  write_hf(folder, TinyModel{});
  const BaseAndAdapter base(folder);
  const LoraAdapter* adapters[] = {base.adapter.get()};
  ThreadPool one(1), four(4);
  const auto a = merged_tensors(*base.model, adapters, {}, one),
             b = merged_tensors(*base.model, adapters, {}, four);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(bytes_of(a[i]), bytes_of(b[i])) << a[i].name;
}

// Llama 3's stretched waves: a formula in config.json, a tensor of divisors in GGUF, and the formula again.
TEST(Merge, StretchedWavesGoFromFormulaToTensorAndBack) {
  TestFolder hf("merge_rope_hf"), gguf("merge_rope_gguf");
  TinyModel tiny;
  tiny.config["rope_theta"] = 500000.0;
  tiny.config["rope_scaling"] = {{"rope_type", "llama3"},
                                 {"factor", 32.0},
                                 {"low_freq_factor", 1.0},
                                 {"high_freq_factor", 4.0},
                                 {"original_max_position_embeddings", 8192}};
  write_hf(hf, tiny);
  const auto model = load(hf);
  write_merged_gguf(gguf / "m.gguf", *model, Merged(*model, {}, {.container = Container::gguf}));
  const auto between = load(gguf / "m.gguf");
  const auto wanted = rope_frequencies(model->hp().rope, 16), got = rope_frequencies(between->hp().rope, 16);
  EXPECT_EQ(between->hp().rope.freq_divisors.size(), 8u);
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(got[i] / wanted[i], 1, 1e-6);
  const auto config = config_json(between->family(), between->hp());
  EXPECT_EQ(config["rope_scaling"], tiny.config["rope_scaling"]);
}

}  // namespace
}  // namespace fettle
