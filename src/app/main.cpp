#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "app/verbs.h"
#include "base/error.h"

namespace {
// A bare system has no fonts and no fontconfig: plots then use those that lie beside the program
// (tools/package).
void use_own_fonts() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto fonts = self.parent_path().parent_path() / "share/fettle/fonts/fonts.conf";
  if (!error && std::filesystem::exists(fonts, error)) ::setenv("FONTCONFIG_FILE", fonts.c_str(), 0);
}
}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  use_own_fonts();
  try {
    return fettle::app::run_verb(words);
  } catch (const fettle::Error& e) {
    fmt::print(stderr, "error: {}\n", e.message());
    return 1;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: out of memory\n  hint: lower cutoff_len or per_device_train_batch_size\n");
    return 1;
  } catch (const std::system_error& e) {  // what the system refused: a folder without permission, a full disk
    fmt::print(stderr, "error: {}\n", e.what());
    return 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "internal error: {}\n  please report this, with the output of fettle env\n", e.what());
    return 70;
  }
}
