// The Modelfile that makes Ollama write prompts as a chat template does.
#pragma once

#include <string>
#include <string_view>

#include "data/chat_template.h"

namespace fettle {

/// `from` is the model as the Modelfile's folder sees it: "." for safetensors, "./NAME.gguf"; `context` the
/// tokens of the model. Ollama's template language has no special tokens: they are written out.
std::string ollama_modelfile(const ChatTemplate& chat, std::string_view from, int64_t context);

}  // namespace fettle
