#include "app/export_block.h"

#include <gtest/gtest.h>

namespace fettle::app {

namespace {
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

ExportResult result() {
  return {.folder = "/models/my merged",
          .weights = {"model.safetensors"},
          .type = DType::bf16,
          .bytes = 1'234'000'000,
          .merged = 210,
          .tensors = 272,
          .template_name = "smollm2"};
}

ExportJob job() {
  ExportJob j;
  j.model.adapters = {"saves/demo"};
  return j;
}
}  // namespace

TEST(ExportBlock, SaysWhatLiesWhereAndHowToLoadIt) {
  const std::string text = export_block(result(), job(), "fettle");
  EXPECT_TRUE(has(text, "Merged     saves/demo into 210 of 272 tensors\n"));
  EXPECT_TRUE(has(text, "Weights    /models/my merged/model.safetensors  (BF16, 1,234 MB)\n"));
  EXPECT_TRUE(has(text, "  fettle chat --model_name_or_path '/models/my merged' --template smollm2\n"));
  EXPECT_TRUE(has(text, "  ollama create 'my merged' -f '/models/my merged/Modelfile'\n"));
  EXPECT_TRUE(has(text, "AutoModelForCausalLM.from_pretrained(\"/models/my merged\")"));
  EXPECT_FALSE(has(text, "llama-cli"));
}

TEST(ExportBlock, OfShardsTheFirstAndTheLastAreNamed) {
  ExportResult r = result();
  r.weights = {"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
               "model-00003-of-00003.safetensors", "model.safetensors.index.json"};
  EXPECT_TRUE(has(export_block(r, job(), "fettle"),
                  "/model-00001-of-00003.safetensors … model-00003-of-00003.safetensors  ("));
}

TEST(ExportBlock, AGgufIsForLlamaCppAndNothingMergedIsSaid) {
  ExportResult r = result();
  r.weights = {"m-Q8_0.gguf"};
  r.template_name.clear();
  ExportJob j = job();
  j.gguf = true;
  j.model.adapters.clear();
  const std::string text = export_block(r, j, "fettle");
  EXPECT_TRUE(has(text, "Merged     nothing"));
  EXPECT_TRUE(has(text, "  llama-cli -m '/models/my merged/m-Q8_0.gguf'\n"));
  EXPECT_TRUE(has(text, "  fettle chat --model_name_or_path '/models/my merged/m-Q8_0.gguf'\n"));
  EXPECT_FALSE(has(text, "ollama"));
  EXPECT_FALSE(has(text, "Python"));
}

}  // namespace fettle::app
