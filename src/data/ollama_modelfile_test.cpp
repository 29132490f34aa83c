#include "data/ollama_modelfile.h"

#include <gtest/gtest.h>

#include "data/fake_tokenizer_test.h"

namespace fettle {
namespace {

TEST(OllamaModelfile, SmolLm2) {
  EXPECT_EQ(ollama_modelfile(ChatTemplate("smollm2", fake_tokenizer()), ".", 8192),
            "FROM .\n\n"
            "TEMPLATE \"\"\"{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
            "{{ range .Messages }}{{ if eq .Role \"user\" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n"
            "<|im_start|>assistant\n{{ else if eq .Role \"assistant\" }}{{ .Content }}<|im_end|>\n"
            "{{ end }}{{ end }}\"\"\"\n\n"
            "SYSTEM \"\"\"You are a helpful AI assistant named SmolLM, trained by Hugging Face.\"\"\"\n\n"
            "PARAMETER stop \"</s>\"\nPARAMETER stop \"<|im_end|>\"\nPARAMETER num_ctx 4096\n");
}

TEST(OllamaModelfile, SpecialTokensAreWrittenOutAndAShortModelHasItsOwnContext) {
  const std::string text =
      ollama_modelfile(ChatTemplate("llama3", fake_tokenizer(), "Be brief."), "./m.gguf", 1024);
  EXPECT_TRUE(
      text.starts_with("FROM ./m.gguf\n\nTEMPLATE \"\"\"<s>{{ if .System }}<|start_header_id|>system"));
  EXPECT_NE(text.find("SYSTEM \"\"\"Be brief.\"\"\"\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("PARAMETER stop \"<|eot_id|>\"\nPARAMETER num_ctx 1024\n"));
}

// llama2's system text stands behind [INST] of the first question; Ollama's own .System knows no first
// message.
TEST(OllamaModelfile, ASystemTextInsideTheFirstQuestion) {
  EXPECT_EQ(ollama_modelfile(ChatTemplate("llama2", fake_tokenizer()), ".", 4096),
            "FROM .\n\n"
            "TEMPLATE \"\"\"{{ $first := true }}{{ range .Messages }}{{ if eq .Role \"user\" }}<s>[INST] "
            "{{ if $first }}{{ $first = false }}{{ if $.System }}<<SYS>>\n{{ $.System }}\n<</SYS>>\n\n"
            "{{ end }}{{ end }}{{ .Content }} [/INST]{{ else if eq .Role \"assistant\" }}{{ .Content }}</s>"
            "{{ end }}{{ end }}\"\"\"\n\n"
            "PARAMETER stop \"</s>\"\nPARAMETER num_ctx 4096\n");
}

}  // namespace
}  // namespace fettle
