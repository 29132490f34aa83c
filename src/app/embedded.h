// The examples and the sets they train on, as they travel in the program (made by CMakeLists.txt).
#pragma once

#include <span>
#include <string_view>

namespace fettle::app {

struct EmbeddedFile {
  std::string_view path;  // "examples/train_lora/llama3_lora_sft.yaml", "data/identity.json"
  std::string_view text;
};
std::span<const EmbeddedFile> embedded_files();

}  // namespace fettle::app
