// Files: mapped reads, whole reads, and writes that are either there in full or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fettle {

/// A read-only mapping of a whole file. Throws Error with the path and the system's reason.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile() = default;
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// The whole file as text (bytes, nothing translated). Throws Error.
std::string read_text(const std::filesystem::path& path);

/// Writes to a temporary name beside `path`, flushes it to the disk and renames it over `path`. Throws Error;
/// then whatever stood at `path` before still does.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();  // without commit(): the temporary file is removed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
};

void write_atomic(const std::filesystem::path& path, std::string_view text);

/// A folder that appears whole: fill `path()` (a temporary sibling), then commit() flushes and renames it to
/// its final name, replacing a folder that stood there.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::filesystem::path final_path);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path final_, temporary_;
  bool committed_ = false;
};

/// Append in one write and hand it to the system (not to the disk): for logs that someone may be following.
/// append_line adds the end of line.
void append_line(const std::filesystem::path& path, std::string_view line);
void append_bytes(const std::filesystem::path& path, std::string_view bytes);

/// Lower-case hex SHA-256.
std::string sha256_hex(std::span<const std::byte> bytes);

/// Test hook: called before every write to disk with the path; may throw to play a full disk. Empty in
/// production.
void set_write_fault(std::function<void(const std::filesystem::path&)> fault);

}  // namespace fettle
