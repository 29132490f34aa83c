// Whole exports of a tiny model: the files, what they hold, and that a failure leaves what was there.
#include "tune/export.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "format/gguf.h"
#include "model/model_testing.h"
#include "tune/load_data.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using testing::TestFolder;

class Notes final : public Listener {
 public:
  void on_note(const Note& n) override { text += n.text + "\n"; }
  void on_progress(const Progress& p) override { last = p; }
  std::string text;
  Progress last;
};

class ExportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(base());
    const fs::path tokenizer = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(tokenizer / file, base() / file);
    testing::TinyModel tiny;
    tiny.config["vocab_size"] = load_tokenizer(base())->vocab_size();
    tiny.config["model_type"] = "llama";
    tiny.config["a key of the model's own"] = 7;
    testing::write_hf(base(), tiny);
    write_atomic(base() / "generation_config.json", "{}\n");
    Listener silent;
    const auto model = Model::load(base(), silent);
    const auto adapter = LoraAdapter::create(*model, {.rank = 2, .targets = {"all"}}, 1);
    testing::fill_by_formula(*adapter);
    fs::create_directories(root_ / "adapter");
    adapter->save(root_ / "adapter");
  }

  fs::path base() const { return root_ / "base"; }
  ExportJob job(const std::string& out) const {
    ExportJob j;
    j.model = {.model = base().string(),
               .adapters = {(root_ / "adapter").string()},
               .template_name = "alpaca",
               .threads = 2};
    j.export_dir = root_ / out;
    return j;
  }
  ExportResult run(const ExportJob& j) { return run_export(j, notes_); }
  std::string error_of(const ExportJob& j) {
    try {
      run(j);
    } catch (const Error& e) {
      return e.message();
    }
    return "no error";
  }
  static json json_of(const fs::path& path) { return json::parse(read_text(path)); }
  // Names in the root, temporary ones too.
  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(root_)) out.insert(entry.path().filename().string());
    return out;
  }

  TestFolder root_{"export"};
  Notes notes_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST_F(ExportTest, AFolderIsTheBasesWithMergedWeightsAndTheirType) {
  ExportJob j = job("out/");
  j.type = DType::f16;
  const ExportResult result = run(j);
  EXPECT_EQ(result.folder, fs::absolute(root_ / "out"));
  EXPECT_EQ(result.weights, std::vector<std::string>{"model.safetensors"});
  EXPECT_EQ(result.merged, 14);
  EXPECT_EQ(result.tensors, 21);
  EXPECT_EQ(notes_.last.done, notes_.last.total);
  const json config = json_of(root_ / "out/config.json");
  EXPECT_EQ(config["torch_dtype"], "float16");
  EXPECT_EQ(config["a key of the model's own"], 7);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"})
    EXPECT_EQ(read_text(root_ / "out" / file), read_text(base() / file));
  EXPECT_TRUE(has(read_text(root_ / "out/Modelfile"), "FROM .\n"));
  Listener silent;
  EXPECT_EQ(Model::load(root_ / "out", silent)->main_type(), DType::f16);
  EXPECT_EQ(names(), (std::set<std::string>{"base", "adapter", "out"}));
}

TEST_F(ExportTest, TheTypeOfTheBaseIsKeptUnlessOneIsNamed) {
  EXPECT_EQ(run(job("out")).type, DType::f32);
  EXPECT_EQ(json_of(root_ / "out/config.json")["torch_dtype"], "float32");
}

TEST_F(ExportTest, AGgufHasMetadataTokenizerAndTemplate) {
  write_atomic(base() / "chat_template.jinja", "{{ messages }}");
  ExportJob j = job("out");
  j.gguf = true;
  j.type = DType::q8_0;
  const ExportResult result = run(j);
  ASSERT_EQ(result.weights, std::vector<std::string>{"out-Q8_0.gguf"});
  const auto file = GgufFile::open(root_ / "out/out-Q8_0.gguf");
  EXPECT_EQ(file->integer("general.file_type"), 7);
  EXPECT_EQ(file->integer("general.quantization_version"), 2);
  EXPECT_EQ(file->text("general.name"), "out");
  EXPECT_EQ(file->text("tokenizer.chat_template"), "{{ messages }}");
  EXPECT_EQ(file->texts("tokenizer.ggml.tokens").size(), size_t(load_tokenizer(base())->vocab_size()));
  EXPECT_TRUE(has(read_text(root_ / "out/Modelfile"), "FROM ./out-Q8_0.gguf\n"));
  EXPECT_FALSE(fs::exists(root_ / "out/config.json"));
  // And back into a folder: decoded, said, with config and tokenizer written from the metadata.
  ExportJob back = job("back");
  back.model.model = (root_ / "out/out-Q8_0.gguf").string();
  back.model.adapters.clear();
  EXPECT_EQ(run(back).type, DType::bf16);
  EXPECT_TRUE(has(notes_.text, "the base is quantised (Q8_0): its weights are decoded and written as BF16"));
  Listener silent;
  const auto base_model = Model::load(base(), silent), model = Model::load(root_ / "back", silent);
  EXPECT_EQ(model->hp(), base_model->hp());
  EXPECT_EQ(tokenizer_of(*model)->encode("The wheel is <s> true", true),
            tokenizer_of(*base_model)->encode("The wheel is <s> true", true));
  EXPECT_EQ(model->chat_template(), "{{ messages }}");
  EXPECT_EQ(json_of(root_ / "back/generation_config.json")["eos_token_id"],
            (json{tokenizer_of(*model)->special().eos}));
}

// An activation that the family's GGUF has no key for would be another model.
TEST_F(ExportTest, WhatAContainerCannotSayIsRefusedAndNothingStays) {
  testing::TinyModel tiny;
  tiny.config["vocab_size"] = load_tokenizer(base())->vocab_size();
  tiny.config["hidden_act"] = "gelu_pytorch_tanh";
  testing::write_hf(base(), tiny);
  ExportJob j = job("out");
  EXPECT_EQ(error_of(j), "no error");
  j.export_dir = root_ / "gguf";
  j.gguf = true;
  EXPECT_TRUE(has(error_of(j), "cannot say"));
  EXPECT_EQ(names(), (std::set<std::string>{"base", "adapter", "out"}));
}

TEST_F(ExportTest, AFullFolderIsReplacedOnlyWhenAskedAndNeverWithWhatIsNeeded) {
  fs::create_directories(root_ / "out");
  EXPECT_EQ(error_of(job("out")), "no error") << "an empty folder is free";
  EXPECT_TRUE(has(error_of(job("out")), "export_dir is not empty"));
  ExportJob j = job("out");
  j.overwrite = true;
  write_atomic(root_ / "out/old.txt", "x");
  run(j);
  EXPECT_FALSE(fs::exists(root_ / "out/old.txt"));
  fs::create_directories(root_ / "out/more");
  EXPECT_TRUE(has(error_of(j), "holds the folder more"));
  for (const char* needed : {"base", "adapter", "."}) {
    j.export_dir = root_ / needed;
    EXPECT_TRUE(has(error_of(j), "which is needed")) << needed;
  }
  write_atomic(root_ / "file", "x");
  j.export_dir = root_ / "file";
  EXPECT_TRUE(has(error_of(j), "names a file"));
}

TEST_F(ExportTest, AFullDiskOrAStopLeavesWhatWasThere) {
  run(job("out"));
  const std::string before = read_text(root_ / "out/model.safetensors");
  ExportJob j = job("out");
  j.overwrite = true;
  j.model.adapters.clear();
  int writes = 0;
  set_write_fault([&](const fs::path&) { ++writes; });
  run(job("counted"));
  for (int at = 1; at <= writes; at += 3) {
    int seen = 0;
    set_write_fault([&](const fs::path& path) {
      if (++seen == at) throw Error({.what = "the disk is full", .where = path.string()});
    });
    EXPECT_TRUE(has(error_of(j), "the disk is full")) << at;
    EXPECT_EQ(read_text(root_ / "out/model.safetensors"), before) << at;
  }
  set_write_fault({});
  EXPECT_GT(writes, 20);
  const std::atomic<bool> stop = true;
  EXPECT_THROW(run_export(j, notes_, &stop), Error);
  EXPECT_EQ(read_text(root_ / "out/model.safetensors"), before);
  EXPECT_EQ(names(), (std::set<std::string>{"base", "adapter", "out", "counted"}));
}

TEST_F(ExportTest, AnAdapterOfAnotherBaseIsRefusedBeforeAnythingIsWritten) {
  fs::create_directories(root_ / "other");
  testing::TinyModel tiny;
  tiny.config["intermediate_size"] = 128;
  testing::write_hf(root_ / "other", tiny);
  ExportJob j = job("out");
  j.model.model = (root_ / "other").string();
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    fs::copy_file(base() / file, root_ / "other" / file);
  const std::string message = error_of(j);
  EXPECT_TRUE(has(message, "does the adapter belong to this model?")) << message;
  EXPECT_FALSE(fs::exists(root_ / "out"));
}

TEST_F(ExportTest, ATemplateThatIsNotTheModelsOwnIsSaid) {
  run(job("out"));
  EXPECT_TRUE(has(notes_.text, "template alpaca is not the model's own chat template"));
  ExportJob j = job("none");
  j.model.template_name.clear();
  EXPECT_EQ(run(j).template_name, "");
  EXPECT_TRUE(has(notes_.text, "no Modelfile for Ollama"));
  EXPECT_FALSE(fs::exists(root_ / "none/Modelfile"));
}

}  // namespace fettle
