// TensorBoard's event files: TFRecord frames around Event messages. Only what a scalar needs is written.
//
//   frame    length u64 LE, masked CRC-32C of those 8 bytes, message, masked CRC-32C of the message
//   Event    1 wall_time f64, 2 step i64, 3 file_version (the first message), 5 summary
//   Summary  1 value (repeated): 1 tag, 2 simple_value f32
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace fettle {

struct Scalar {
  std::string tag;
  float value;
};

class EventFile {
 public:
  /// Creates the file (its folder must exist) and writes the version. Error as append_bytes.
  EventFile(std::filesystem::path path, double wall_time);
  /// Appends one event; whoever follows the file sees it at once.
  void add(int64_t step, double wall_time, std::span<const Scalar> scalars) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// CRC-32C (Castagnoli), as iSCSI has it: of "123456789" it is 0xe3069283.
uint32_t crc32c(std::string_view bytes);

}  // namespace fettle
