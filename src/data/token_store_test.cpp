#include "data/token_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace fettle {
namespace {

namespace fs = std::filesystem;

class Store : public testing::Test {
 protected:
  void SetUp() override {
    Dataset trained;
    trained.add({1, 2, 3}, {kIgnoreIndex, 2, 3}, {"a.json", 1});
    trained.add({4, 5}, {kIgnoreIndex, 5}, {"b.json", 7});
    trained.report().records = 3;
    trained.report().name_skipped({"b.json", 8}, "it is null");
    store_.notes = {{Severity::warning, "one text in GBK: \xd6\xd0"}};
    store_.sets.push_back({"", true, trained});
    Dataset held;
    held.add({9, 8}, {9, 8}, {"c.json", 2});
    store_.sets.push_back({"poems", false, held});
    write_token_store(file_, {{"cutoff_len", 7}}, store_);
  }
  void TearDown() override { fs::remove(file_); }
  std::string error_of(int64_t vocab_size) {
    try {
      read_token_store(file_, vocab_size);
    } catch (const Error& error) {
      return error.parts().what;
    }
    return "no error";
  }

  fs::path file_ = fs::path(testing::TempDir()) / fmt::format("token_store_test_{}", ::getpid());
  TokenStore store_;
};

TEST_F(Store, ReadsBackWhatWasWritten) {
  EXPECT_EQ(token_store_key(file_).dump(), R"({"cutoff_len":7})");
  const TokenStore read = read_token_store(file_, 10);
  ASSERT_EQ(read.notes.size(), 1u);
  EXPECT_EQ(read.notes[0].severity, Severity::warning);
  ASSERT_EQ(read.sets.size(), 2u);
  EXPECT_EQ(read.sets[1].name, "poems");
  EXPECT_FALSE(read.sets[1].trained);
  for (size_t s = 0; s < 2; ++s) {
    const Dataset &was = store_.sets[s].data, &is = read.sets[s].data;
    EXPECT_EQ(was.fingerprint(), is.fingerprint());
    for (int64_t i = 0; i < was.size(); ++i) {
      EXPECT_EQ(was.place(i).text(), is.place(i).text());
      EXPECT_EQ(was.targets(i), is.targets(i));
      EXPECT_TRUE(std::ranges::equal(was.ids(i), is.ids(i)));
      EXPECT_TRUE(std::ranges::equal(was.labels(i), is.labels(i)));
    }
    EXPECT_EQ(was.report().examples(), is.report().examples());
    EXPECT_EQ(was.report().records, is.report().records);
    EXPECT_EQ(was.report().samples, is.report().samples);
    EXPECT_EQ(was.report().tokens, is.report().tokens);
    EXPECT_EQ(was.report().targets, is.report().targets);
  }
}

// A copy must not refer to what it was copied from.
TEST_F(Store, CopiesStandAlone) {
  Dataset copy;
  {
    const TokenStore read = read_token_store(file_, 10);
    copy = read.sets[0].data;
  }
  EXPECT_EQ(copy.fingerprint(), store_.sets[0].data.fingerprint());
  EXPECT_THROW(copy.add({1, 2}, {1, 2}, {}), InvariantError);
}

TEST_F(Store, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(error_of(9), "ids that a vocabulary of 9 tokens has not");
  std::string bytes = read_text(file_);
  bytes[8] = 2;
  write_atomic(file_, bytes);
  EXPECT_EQ(error_of(10), "tokenized samples of version 2; version 1 is read");
  write_atomic(file_, "PAR1" + std::string(200, ' '));
  EXPECT_EQ(error_of(10), "no file of tokenized samples");
}

}  // namespace
}  // namespace fettle
