// Executable memory for generated kernels, never writable and executable at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fettle {

class CodeArena {
 public:
  CodeArena() = default;
  ~CodeArena();
  CodeArena(const CodeArena&) = delete;
  CodeArena& operator=(const CodeArena&) = delete;

  /// Copies the code to pages of its own and makes them executable. Null when the system refuses; errno says
  /// why.
  const void* add(std::span<const std::byte> code);
  int64_t bytes() const;

  /// Test hook: play a system that refuses executable memory.
  static void set_refusal(bool refuse);

 private:
  struct Pages {
    void* at;
    size_t bytes;
  };
  std::vector<Pages> pages_;
};

}  // namespace fettle
