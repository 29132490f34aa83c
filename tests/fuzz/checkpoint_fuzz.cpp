// links: tune
// Any files are a checkpoint that can be resumed or an Error, each on its own. The input is kFiles, one after
// the other with a line "--" between them.
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "format/safetensors.h"
#include "model/tiny_model_testing.h"
#include "tune/checkpoint.h"

using namespace fettle;
namespace fs = std::filesystem;

namespace {
constexpr std::array<const char*, 4> kFiles = {"fettle_state.json", "adapter_config.json",
                                               "adapter_model.safetensors", "optimizer.safetensors"};
constexpr std::string_view kBorder = "\n--\n";

/// In memory, removed at the end.
const fs::path& folder() {
  static const fs::path path = [] {
    std::string pattern = "/dev/shm/checkpoint_fuzz.XXXXXX";
    if (!::mkdtemp(pattern.data())) std::abort();
    return fs::path(pattern);
  }();
  static const int removed = std::atexit([] { fs::remove_all(folder()); });
  return (void)removed, path;
}

const Model& model() {
  static const std::shared_ptr<const Model> loaded = [] {
    fettle::testing::TinyModel tiny;
    for (const auto& [key, value] : {std::pair{"vocab_size", 16},
                                     {"hidden_size", 16},
                                     {"intermediate_size", 16},
                                     {"num_hidden_layers", 1},
                                     {"num_attention_heads", 2},
                                     {"num_key_value_heads", 1},
                                     {"head_dim", 8}})
      tiny.config[key] = value;
    fs::create_directories(folder() / "model");
    fettle::testing::write_hf(folder() / "model", tiny);
    Listener silent;
    return Model::load(folder() / "model", silent);
  }();
  return *loaded;
}

void lay(std::string_view input) {
  for (const char* name : kFiles) {
    const size_t end = std::min(input.find(kBorder), input.size());
    std::ofstream(folder() / name, std::ios::binary).write(input.data(), std::streamsize(end));
    input.remove_prefix(std::min(end + kBorder.size(), input.size()));
  }
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

void read_state() {
  const RunState s = load_run_state(folder());
  if (s.step < 0 || s.logged_step < 0 || s.logged_step > s.step || s.best_step < -1 || s.best_step > s.step ||
      s.tokens_seen < 0 || s.targets_seen < 0 || !std::isfinite(s.loss_sum))
    std::abort();
}

/// Returns the number of parameters. What was read can be written, and is the same when read again.
int64_t read_adapter() {
  const auto adapter = LoraAdapter::load(folder(), model());
  const fs::path copy = folder() / "copy";
  fs::create_directories(copy);
  adapter->save(copy);
  const auto again = LoraAdapter::load(copy, model());
  if (!same_bits(again->params(), adapter->params())) std::abort();
  for (size_t i = 0; i < adapter->entries().size(); ++i)
    if (again->entries()[i].scale != adapter->entries()[i].scale) std::abort();
  return int64_t(adapter->params().size());
}

void read_moments(int64_t parameters) {
  Optimizer optimizer({}, parameters);
  load_moments(folder(), optimizer);
  const auto file = SafetensorsFile::open(folder() / "optimizer.safetensors");
  const TensorEntry* second = file->find("exp_avg_sq");
  if (std::memcmp(second->data.data(), optimizer.second_moment().data(), second->data.size()) != 0)
    std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lay({reinterpret_cast<const char*>(data), size});
  int64_t parameters = 4;
  try {
    read_state();
  } catch (const Error&) {
  }
  try {
    parameters = read_adapter();
  } catch (const Error&) {
  }
  try {
    read_moments(parameters);
  } catch (const Error&) {
  }
  return 0;
}
