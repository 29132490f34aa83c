// links: data
// Any registry and any records are a data set or an Error. The input is dataset_info.json, a zero byte, and
// the records of its data set "x" (x.json).
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "data/registry.h"

using namespace fettle;

namespace {

/// A dataset_dir in memory, removed at the end.
const std::filesystem::path& dataset_dir() {
  static const std::filesystem::path dir = [] {
    std::string pattern = "/dev/shm/dataset_info_fuzz.XXXXXX";
    if (!::mkdtemp(pattern.data())) std::abort();
    return std::filesystem::path(pattern);
  }();
  static const int removed = std::atexit([] { std::filesystem::remove_all(dataset_dir()); });
  return (void)removed, dir;
}

void write(const char* name, std::string_view text) {
  std::ofstream(dataset_dir() / name, std::ios::binary).write(text.data(), std::streamsize(text.size()));
}

void check(const LoadedSamples& loaded) {
  if (loaded.samples.size() + loaded.skipped.size() != size_t(loaded.records)) std::abort();
  for (const Sample& sample : loaded.samples)
    if (sample.prompt.size() % 2 != 1 || sample.response.size() > 1 || sample.place.line < 1) std::abort();
  for (const SkippedRecord& record : loaded.skipped)
    if (record.reason.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t border = std::min(text.find('\0'), size);
  write("dataset_info.json", text.substr(0, border));
  write("x.json", text.substr(std::min(border + 1, size)));
  Listener silent;
  try {
    const DatasetEntry entry = find_dataset(dataset_dir(), "x", silent);
    if (entry.file != dataset_dir() / "x.json") return 0;  // some other file of this machine
    if (entry.num_samples.value_or(0) > 10'000) return 0;  // as asked, but too many copies for a fuzzer
    check(load_samples(entry, 1000, 1, silent));
  } catch (const Error&) {
  }
  return 0;
}
