#include <cstdio>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "app/verbs.h"
#include "base/error.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
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
