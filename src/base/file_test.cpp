#include "base/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "base/error.h"
#include "base/leftovers.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {
class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fettle-file-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  void TearDown() override {
    set_write_fault({});
    fs::remove_all(dir_);
  }
  size_t entries() const {
    return size_t(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }
  fs::path dir_;
};
}  // namespace

TEST_F(FileTest, AtomicWriteReplacesWhole) {
  write_atomic(dir_ / "a", "one");
  write_atomic(dir_ / "a", "two");
  EXPECT_EQ(read_text(dir_ / "a"), "two");
  EXPECT_EQ(entries(), 1u);
}

// Whatever write fails, the old file stands and nothing half-written is left.
TEST_F(FileTest, AFailedWriteLeavesTheOldFile) {
  write_atomic(dir_ / "a", "old");
  for (int failing = 1; failing <= 4; ++failing) {
    int calls = 0;
    set_write_fault([&](const fs::path& p) {
      if (++calls == failing) throw Error({.what = "disk full", .where = p.string()});
    });
    EXPECT_THROW(write_atomic(dir_ / "a", "new"), Error) << failing;
    EXPECT_EQ(read_text(dir_ / "a"), "old");
    EXPECT_EQ(entries(), 1u) << failing;
  }
  set_write_fault(
      [calls = 0](const fs::path&) mutable { ASSERT_LT(++calls, 5); });  // and there are only four to fail
  write_atomic(dir_ / "a", "new");
}

TEST_F(FileTest, FolderAppearsWholeOrNotAtAll) {
  {
    AtomicFolder folder(dir_ / "f");
    std::ofstream(folder.path() / "x") << "1";
    EXPECT_FALSE(fs::exists(dir_ / "f"));
  }
  EXPECT_EQ(entries(), 0u);
  for (const char* text : {"1", "2"}) {
    AtomicFolder folder(dir_ / "f");
    std::ofstream(folder.path() / "x") << text;
    folder.commit();
    EXPECT_EQ(read_text(dir_ / "f" / "x"), text);
    EXPECT_EQ(entries(), 1u);
  }
}

// Whatever step of replacing a folder fails, one of the two stands there whole.
TEST_F(FileTest, AFailedFolderLeavesTheOldOrTheNew) {
  for (int failing = 1; failing <= 4; ++failing) {
    set_write_fault({});
    fs::remove_all(dir_ / "f");
    fs::create_directory(dir_ / "f");
    std::ofstream(dir_ / "f" / "x") << "old";
    int calls = 0;
    set_write_fault([&](const fs::path& p) {
      if (++calls == failing) throw Error({.what = "disk full", .where = p.string()});
    });
    EXPECT_THROW(
        {
          AtomicFolder folder(dir_ / "f");
          std::ofstream(folder.path() / "x") << "new";
          folder.commit();
        },
        Error);
    EXPECT_EQ(read_text(dir_ / "f" / "x"), failing < 4 ? "old" : "new") << failing;
    EXPECT_EQ(entries(), 1u) << failing;
  }
}

TEST_F(FileTest, LeftoversOfKilledProcessesGo) {
  fs::create_directory(dir_ / ".checkpoint-3.tmp-123");
  std::ofstream(dir_ / ".checkpoint-3.tmp-123" / "x") << "half";
  std::ofstream(dir_ / ".log.tmp-7") << "half";
  std::ofstream(dir_ / ".hidden") << "whole";
  remove_leftovers(dir_);
  EXPECT_EQ(entries(), 1u);
  EXPECT_TRUE(fs::exists(dir_ / ".hidden"));
  remove_leftovers(dir_ / "missing");
}

TEST_F(FileTest, ErrorsNameThePathAndTheReason) {
  try {
    MappedFile::open(dir_ / "missing");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find((dir_ / "missing").string()), std::string::npos);
    EXPECT_NE(e.message().find("No such file"), std::string::npos);
  }
  EXPECT_THROW(MappedFile::open(dir_), Error);
  EXPECT_THROW(read_text(dir_), Error);
}

TEST_F(FileTest, MapsAndHashes) {
  write_atomic(dir_ / "a", "abc");
  const auto file = MappedFile::open(dir_ / "a");
  ASSERT_EQ(file->bytes().size(), 3u);
  // FIPS 180-2, appendix B.1
  EXPECT_EQ(sha256_hex(file->bytes()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  write_atomic(dir_ / "empty", "");
  EXPECT_TRUE(MappedFile::open(dir_ / "empty")->bytes().empty());
}

}  // namespace fettle
