#include "base/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/leftovers.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {
std::function<void(const fs::path&)>& write_fault() {
  static std::function<void(const fs::path&)> fault;
  return fault;
}

[[noreturn]] void fail(const fs::path& path, std::string_view doing, int code) {
  throw Error({.what = fmt::format("cannot {}: {}", doing, std::strerror(code)),
               .where = path.string(),
               .hint = code == ENOENT   ? "check the spelling and the folder you run from"
                       : code == ENOSPC ? "the disk is full; nothing half-written was left behind"
                       : code == EACCES ? "check the permissions of the file and its folder"
                                        : ""});
}

[[noreturn]] void fail(const fs::path& path, std::string_view doing) {
  fail(path, doing, errno);
}

[[noreturn]] void fail(const fs::path& path, std::string_view doing, const std::error_code& code) {
  fail(path, doing, code.value());
}

// Two names change places at once. False: this file system cannot, and the folder at `there` has been moved
// away.
bool exchange(const fs::path& here, const fs::path& there) {
  if (::renameat2(AT_FDCWD, here.c_str(), AT_FDCWD, there.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) fail(there, "replace");
  const fs::path aside = here.string() + "-old";
  if (::rename(there.c_str(), aside.c_str()) != 0) fail(there, "move aside");
  std::error_code ignored;
  fs::remove_all(aside, ignored);
  return false;
}

constexpr std::string_view kTemporary = ".tmp-";

fs::path temporary_name(const fs::path& path) {
  return path.parent_path() / fmt::format(".{}{}{}", path.filename().string(), kTemporary, ::getpid());
}

// A rename is only durable when the folder that holds the name is flushed too.
void flush_folder(const fs::path& folder) {
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail(folder, "open folder");
  const int result = ::fsync(fd);
  ::close(fd);
  if (result != 0 && errno != EINVAL) fail(folder, "flush folder");
}

void flush_tree(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory()) {
      flush_folder(entry.path());
    } else if (entry.is_regular_file()) {
      const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) fail(entry.path(), "open");
      const int result = ::fsync(fd);
      ::close(fd);
      if (result != 0) fail(entry.path(), "flush");
    }
  }
  flush_folder(folder);
}
}  // namespace

void set_write_fault(std::function<void(const fs::path&)> fault) {
  write_fault() = std::move(fault);
}

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path, "open");
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    if (S_ISDIR(st.st_mode)) errno = EISDIR;
    const int code = errno;
    ::close(fd);
    errno = code ? code : EINVAL;
    fail(path, "read");
  }
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->size_ = size_t(st.st_size);
  if (file->size_ > 0) {
    void* p = ::mmap(nullptr, file->size_, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
      const int code = errno;
      ::close(fd);
      errno = code;
      fail(path, "map");
    }
    file->data_ = static_cast<const std::byte*>(p);
  }
  ::close(fd);
  return file;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::string read_text(const fs::path& path) {
  errno = 0;
  if (fs::is_directory(path)) {
    errno = EISDIR;
    fail(path, "read");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(path, "open");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) fail(path, "read");
  return text;
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
  if (write_fault()) write_fault()(path_);
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail(path_, "create");
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (write_fault()) write_fault()(path_);
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_, "write");
    bytes = bytes.subspan(size_t(n));
  }
}

void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text.data(), text.size())));
}

void AtomicFile::commit() {
  if (write_fault()) write_fault()(path_);
  if (::fsync(fd_) != 0) fail(path_, "flush");
  if (write_fault()) write_fault()(path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "rename into place");
  ::close(fd_);
  fd_ = -1;  // what is left to flush is the folder: the temporary file has become the file
  flush_folder(path_.parent_path());
}

void write_atomic(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

AtomicFolder::AtomicFolder(fs::path final_path)
    : final_(std::move(final_path)), temporary_(temporary_name(final_)) {
  if (write_fault()) write_fault()(final_);
  std::error_code code;
  fs::remove_all(temporary_, code);
  if (!code) fs::create_directories(temporary_, code);
  if (code) fail(final_, "create", code);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  if (write_fault()) write_fault()(final_);
  flush_tree(temporary_);
  if (write_fault()) write_fault()(final_);
  // A folder cannot be renamed over a full one: where one stands they change places, and the old one goes.
  const bool replaced = fs::exists(final_) && exchange(temporary_, final_);
  if (!replaced && ::rename(temporary_.c_str(), final_.c_str()) != 0) fail(final_, "rename into place");
  committed_ = !replaced;  // else what is at the temporary name now is the old folder
  if (write_fault()) write_fault()(final_);
  flush_folder(final_.parent_path());
  std::error_code ignored;
  if (replaced) fs::remove_all(temporary_, ignored);
  committed_ = true;
}

void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') && name.find(kTemporary) != std::string::npos)
      fs::remove_all(entry.path(), ignored);
  }
}

void append_line(const fs::path& path, std::string_view line) {
  append_bytes(path, std::string(line) + "\n");
}

void append_bytes(const fs::path& path, std::string_view bytes) {
  if (write_fault()) write_fault()(path);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) fail(path, "open");
  const ssize_t n = ::write(fd, bytes.data(), bytes.size());
  const int code = n < 0 ? errno : ENOSPC;  // a short write is a disk that is full
  ::close(fd);
  errno = code;
  if (n != ssize_t(bytes.size())) fail(path, "append");
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  FETTLE_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &n, EVP_sha256(), nullptr) == 1, "SHA-256");
  std::string hex;
  for (unsigned int i = 0; i < n; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace fettle
