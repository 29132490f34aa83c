// What this process has of the machine's memory, and what it may still take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fettle {

/// Bytes of this process that lie in memory now, and the most that ever did. 0 where the system does not say.
int64_t resident_memory();
int64_t peak_memory();

/// Bytes this process may still take: what the system calls available, and no more than its control group
/// leaves it.
int64_t available_memory();

/// "6GiB", "6000MB", "0.5 GB", "6" (GiB): bytes. Nothing when it is no amount of memory, or none.
std::optional<int64_t> parse_memory(std::string_view text);

/// "1.2 GiB", "345.0 MiB", "0.7 KiB".
std::string memory_text(int64_t bytes);

}  // namespace fettle
