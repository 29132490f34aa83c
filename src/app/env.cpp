#include <fmt/format.h>
#include <libxsmm_version.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "app/verbs.h"
#include "base/thread_pool.h"
#include "kernel/cpu_ops.h"
#include "kernel/isa.h"

namespace fettle::app {

namespace {
#if defined(__clang__)
constexpr const char* kCompiler = __VERSION__;  // "Clang 16.0.6"
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string available_sets() {
  std::string text;
  for (const IsaRow& r : isa_rows())
    if (r.supported()) text += (text.empty() ? "" : ", ") + std::string(r.name);
  return text;
}
}  // namespace

int env_verb(Words) {
  const Isa isa = choose_isa();
  const char* forced = std::getenv("FETTLE_ISA");
  const double gib = double(::sysconf(_SC_PHYS_PAGES)) * double(::sysconf(_SC_PAGESIZE)) / (1 << 30);
  fmt::print("fettle    {}\n", FETTLE_VERSION);
  fmt::print("compiler  {}\n", kCompiler);
  fmt::print("processor {}\n", cpu_name());
  fmt::print("cores     {} usable\n", usable_cores());
  fmt::print("memory    {:.1f} GiB\n", gib);
  fmt::print("kernels   {}{} (this machine has {})\n", row(isa).name, forced ? " by FETTLE_ISA" : "",
             available_sets());
  fmt::print("products  {}\n", make_cpu_ops({.isa = isa, .threads = 1})->microkernels());
  fmt::print("compute   {} unless bf16 or fp32 is set\n", row(isa).bf16_dot ? "bf16" : "fp32");
  fmt::print("libraries libxsmm {}, {}\n", LIBXSMM_CONFIG_VERSION, FETTLE_LIBRARIES);
  return 0;
}

}  // namespace fettle::app
