// tiny_model FOLDER [FAMILY [KEY NUMBER]…]: writes a random model of a few kB with a tokenizer, as a folder
// of transformers, with other numbers in its config, for tests that need a model to load and no answers from
// it.
#include <cstdio>
#include <filesystem>

#include "model/tiny_model_testing.h"
#include "token/tokenizer.h"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc < 2 || (argc > 3 && argc % 2 == 0)) {
    std::fprintf(stderr, "usage: tiny_model FOLDER [FAMILY [KEY NUMBER]...]\n");
    return 2;
  }
  try {
    const fs::path folder = argv[1],
                   tokenizer = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
    fs::create_directories(folder);
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(tokenizer / file, folder / file, fs::copy_options::overwrite_existing);
    fettle::testing::TinyModel model(argc > 2 ? argv[2] : "llama");
    model.config["vocab_size"] = fettle::load_tokenizer(folder)->vocab_size();
    for (int i = 3; i + 1 < argc; i += 2) model.config[argv[i]] = std::stoll(argv[i + 1]);
    fettle::testing::write_hf(folder, model);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
