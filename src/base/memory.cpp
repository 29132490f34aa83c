#include "base/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>

namespace fettle {

namespace {
constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

/// The value of "Name:   123 kB" in a file of /proc, in bytes.
int64_t proc_field(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    int64_t kilobytes = 0;
    if (word == name + ":") return in >> kilobytes ? kilobytes * 1024 : 0;
    in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

/// A control group's file: a number of bytes, "max", or not there.
int64_t group_bytes(const char* file) {
  std::ifstream in(file);
  int64_t bytes = 0;
  return in >> bytes ? bytes : kUnlimited;
}

struct GroupFiles {
  const char *limit, *usage;
};
constexpr GroupFiles kGroups[] = {
    {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
    {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"},
};

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr Unit kUnits[] = {
    {"", 1 << 30}, {"b", 1},         {"kb", 1e3},      {"mb", 1e6},      {"gb", 1e9},
    {"tb", 1e12},  {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1024. * (1 << 30)}};
}  // namespace

int64_t resident_memory() {
  return proc_field("/proc/self/status", "VmRSS");
}

int64_t peak_memory() {
  return proc_field("/proc/self/status", "VmHWM");
}

int64_t available_memory() {
  int64_t bytes = proc_field("/proc/meminfo", "MemAvailable");
  if (bytes == 0) bytes = kUnlimited;
  for (const GroupFiles& group : kGroups) {
    const int64_t limit = group_bytes(group.limit), usage = group_bytes(group.usage);
    if (limit != kUnlimited && usage != kUnlimited)
      bytes = std::min(bytes, std::max<int64_t>(0, limit - usage));
  }
  return bytes;
}

std::optional<int64_t> parse_memory(std::string_view text) {
  size_t used = 0;
  double number = 0;
  try {
    number = std::stod(std::string(text), &used);
  } catch (const std::exception&) {
    return std::nullopt;
  }
  std::string unit;
  for (const char c : text.substr(used))
    if (c != ' ') unit += char(std::tolower(static_cast<unsigned char>(c)));
  for (const Unit& u : kUnits)
    if (u.name == unit) {
      const double bytes = number * u.bytes;
      if (!std::isfinite(bytes) || bytes < 1 || bytes > 1e15) return std::nullopt;
      return int64_t(bytes);
    }
  return std::nullopt;
}

std::string memory_text(int64_t bytes) {
  const double kib = double(bytes) / 1024;
  if (kib < 1024) return fmt::format("{:.1f} KiB", kib);
  return kib < 1024 * 1024 ? fmt::format("{:.1f} MiB", kib / 1024)
                           : fmt::format("{:.1f} GiB", kib / 1024 / 1024);
}

}  // namespace fettle
