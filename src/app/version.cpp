#include <fmt/core.h>

#include "app/verbs.h"

namespace fettle::app {

int version_verb(Words) {
  fmt::print("fettle {}\n", FETTLE_VERSION);
  return 0;
}

}  // namespace fettle::app
