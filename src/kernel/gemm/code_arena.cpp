#include "kernel/gemm/code_arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace fettle {

namespace {
std::atomic<bool> refusal{false};
}  // namespace

CodeArena::~CodeArena() {
  for (const Pages& p : pages_) munmap(p.at, p.bytes);
}

const void* CodeArena::add(std::span<const std::byte> code) {
  if (refusal) {
    errno = EACCES;
    return nullptr;
  }
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  const size_t bytes = (code.size() + page - 1) / page * page;
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  std::memcpy(at, code.data(), code.size());
  if (mprotect(at, bytes, PROT_READ | PROT_EXEC) != 0) {
    const int reason = errno;
    munmap(at, bytes);
    errno = reason;
    return nullptr;
  }
  pages_.push_back({at, bytes});
  return at;
}

int64_t CodeArena::bytes() const {
  int64_t sum = 0;
  for (const Pages& p : pages_) sum += int64_t(p.bytes);
  return sum;
}

void CodeArena::set_refusal(bool refuse) {
  refusal = refuse;
}

}  // namespace fettle
