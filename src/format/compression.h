// Files compressed whole: gzip and zstd, told by the ending and checked by the first bytes.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fettle {

/// One stream's decoder.
class Decoder {
 public:
  enum class State { goes_on, member_ended, broken };
  virtual ~Decoder() = default;
  /// Decodes from the front of `in` into the front of `out` and moves both on. After member_ended the next
  /// call begins another member: a file may be several, one behind the other.
  virtual State step(std::string_view& in, std::span<char>& out) = 0;
  /// What the library said of a broken stream.
  virtual std::string reason() const = 0;
};

/// A compression as a row.
struct Compression {
  std::string_view name;    // "gzip"
  std::string_view ending;  // ".gz"
  std::string_view magic;   // the file's first bytes
  std::string_view tool;    // the command that unpacks
  std::unique_ptr<Decoder> (*decoder)();
};
std::span<const Compression> compressions();
inline constexpr size_t kGzipRow = 0, kZstdRow = 1;

/// The row of the path's ending, case ignored; null when the name is of no compressed file.
const Compression* compression_of(const std::filesystem::path& path);

/// Throws Error when a file under a plain name begins as a compressed one does.
void refuse_compressed(std::string_view bytes, const std::string& label);

/// The most that so many compressed bytes may unpack to: 64 MiB or 256 times as much. What grows like that
/// was made to fill the memory.
size_t most_content(size_t bytes);
/// The most values (rows, entries of a column, nulls counted) of a file of so many bytes, by the same
/// measure.
inline size_t most_values(size_t bytes) {
  return most_content(bytes) / 16;
}

/// Fills `out`, whose size is what `block` must unpack to. Throws an Error without a place.
void unpack_block(const Compression& how, std::string_view block, std::span<char> out);

/// The whole content. Throws Error naming the offset in the compressed file where it ends early or is broken
/// (checksums included), or when the content would be more than most_content() of the file.
std::string unpacked(const Compression& how, std::string_view bytes, const std::string& label);

}  // namespace fettle
