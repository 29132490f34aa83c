// links: compat
// Any config is a job or an Error; its entries name lines of the file. The first byte picks YAML or JSON.
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "compat/llamafactory/config_file.h"
#include "compat/llamafactory/front.h"

using namespace fettle;
using llamafactory::ConfigEntry;

namespace {
/// In memory, removed at the end.
const std::filesystem::path& folder() {
  static const std::filesystem::path path = [] {
    std::string pattern = "/dev/shm/config_fuzz.XXXXXX";
    if (!::mkdtemp(pattern.data())) std::abort();
    return std::filesystem::path(pattern);
  }();
  static const int removed = std::atexit([] { std::filesystem::remove_all(folder()); });
  return (void)removed, path;
}

void check(const std::vector<ConfigEntry>& entries, const std::string& path, std::string_view text) {
  const auto lines = 1 + std::max(std::ranges::count(text, '\n'), std::ranges::count(text, '\r'));
  std::set<std::string_view> keys;
  for (const ConfigEntry& entry : entries) {
    if (!keys.insert(entry.key).second) std::abort();
    if (entry.shape == ConfigEntry::Shape::scalar && entry.values.size() != 1) std::abort();
    if (entry.shape == ConfigEntry::Shape::mapping && !entry.values.empty()) std::abort();
    if (!entry.where.starts_with(path + ":")) std::abort();
    const long line = std::atol(entry.where.c_str() + path.size() + 1);
    if (line < 1 || line > lines) std::abort();
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string path = folder() / (data[0] % 2 == 0 ? "run.yaml" : "run.json");
  std::ofstream(path, std::ios::binary).write(text.data(), std::streamsize(text.size()));
  Listener silent;
  try {
    check(llamafactory::read_config_file(path), path, text);
    const std::string words[] = {path};
    const OptionSet options = llamafactory::parse_arguments(words, silent);
    const TrainJob job = llamafactory::train_job(options, silent);
    if (job.lora.rank < 1 || job.batch_size < 1 || job.accumulation < 1) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
