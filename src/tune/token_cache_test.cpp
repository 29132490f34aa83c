// tokenized_path: kept samples are those that would be made, or they are not taken.
#include "tune/token_cache.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "data/token_store.h"
#include "tune/session.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {

class TokenCache : public testing::RunTest {
 protected:
  TrainJob cached() {
    TrainJob j = job("out");
    j.data.tokenized_path = root_ / "tokens";
    return j;
  }
  RunData load(const TrainJob& j) {
    heard_.notes.clear();
    return std::move(Session(j, heard_).data);
  }
  /// "new", "taken", or what has changed since.
  std::string start(const TrainJob& j) {
    load(j);
    for (const std::string& note : heard_.notes) {
      const size_t at = note.find("were made otherwise, so they are made again: ");
      if (at != note.npos) return note.substr(at + 45);
    }
    return heard("are used: data, template, tokenizer and options are") ? "taken"
           : heard("are kept in")                                       ? "new"
                                                                        : "?";
  }
  bool heard(std::string_view text) const {
    return std::ranges::any_of(heard_.notes,
                               [&](const std::string& note) { return note.find(text) != note.npos; });
  }
  std::filesystem::path file() const { return root_ / "tokens" / "fettle_tokens.bin"; }

  testing::Recorder heard_;
};

void expect_equal(const Dataset& a, const Dataset& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(a.fingerprint(), b.fingerprint());
  for (int64_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(a.ids(i), b.ids(i)) && std::ranges::equal(a.labels(i), b.labels(i))) << i;
    EXPECT_EQ(a.place(i).text(), b.place(i).text());
    EXPECT_EQ(a.targets(i), b.targets(i));
  }
  EXPECT_EQ(a.report().examples(), b.report().examples());
  const auto numbers = [](const DataReport& r) {
    return std::vector{r.records, r.samples,          r.tokens,  r.targets,
                       r.cut,     r.nothing_to_train, r.skipped, r.longest};
  };
  EXPECT_EQ(numbers(a.report()), numbers(b.report()));
}

}  // namespace

TEST_F(TokenCache, TakenSamplesAreThoseThatWereMade) {
  TrainJob j = cached();
  j.data.cutoff_len = 40;  // some are cut
  j.eval.val_size = 3;
  TrainJob plain = j;
  plain.data.tokenized_path.clear();
  const RunData made = load(plain);
  const std::vector<std::string> said = heard_.notes;
  EXPECT_EQ(start(j), "new");
  const RunData taken = load(j);
  EXPECT_TRUE(heard("are used"));
  expect_equal(made.train, taken.train);
  ASSERT_EQ(taken.eval.size(), 1u);
  expect_equal(made.eval[0].data, taken.eval[0].data);
  for (const std::string& note : said)
    EXPECT_TRUE(heard(note)) << "said once, and not with kept samples: " << note;
}

TEST_F(TokenCache, WhateverSamplesAreMadeFromIsCompared) {
  TrainJob j = cached();
  EXPECT_EQ(start(j), "new");
  EXPECT_EQ(start(j), "taken");
  j.seed = 7;
  j.learning_rate = 1;
  EXPECT_EQ(start(j), "taken") << "no sample is drawn, so the seed makes none";
  j.data.cutoff_len = 1000;
  EXPECT_EQ(start(j), "cutoff_len was 2048, is 1000");
  j.data.mask_history = true;
  EXPECT_EQ(start(j), "mask_history was false, is true");
  j.data.max_samples = 5;
  EXPECT_EQ(start(j), "max_samples was not there, is 5");
  j.model.default_system = "be brief";
  EXPECT_TRUE(start(j).starts_with("default_system was \"Below is an instruction"));
  j.eval.val_size = 2;
  EXPECT_EQ(start(j), "val_size was 0.0, is 2.0; seed was not there, is 7");
  ++j.seed;
  EXPECT_EQ(start(j), "seed was 7, is 8");
  j.model.template_name = "vicuna";
  EXPECT_TRUE(start(j).starts_with("template was \"alpaca\", is \"vicuna\"; the template's text was "));
  EXPECT_EQ(start(j), "taken");
}

TEST_F(TokenCache, DataAndTokenizerAreComparedByContent) {
  const TrainJob j = cached();
  EXPECT_EQ(start(j), "new");
  const std::string data = (root_ / "data.json").string();
  std::string records = read_text(data);
  records[records.find("count")] = 'C';  // of the same length, at the same time
  const auto written = std::filesystem::last_write_time(data);
  write_atomic(data, records);
  std::filesystem::last_write_time(data, written);
  EXPECT_TRUE(start(j).starts_with("data: tiny: files: " + data + " was "));
  EXPECT_EQ(start(j), "taken");
  write_atomic(
      root_ / "dataset_info.json",
      R"({"tiny": {"file_name": "data.json", "columns": {"prompt": "instruction", "response": "output"}}})");
  EXPECT_TRUE(start(j).starts_with("data: tiny: columns was "));
  write_atomic(root_ / "tokenizer_config.json", read_text(root_ / "tokenizer_config.json") + "\n");
  EXPECT_TRUE(start(j).starts_with("tokenizer was "));
  EXPECT_EQ(start(j), "taken");
}

TEST_F(TokenCache, ADamagedFileIsNotTaken) {
  const TrainJob j = cached();
  EXPECT_EQ(start(j), "new");
  const std::string bytes = read_text(file());
  const auto taken = [&](const std::string& damaged) {
    write_atomic(file(), damaged);
    try {
      token_store_key(file());
      read_token_store(file(), 1 << 20);
    } catch (const Error& error) {
      EXPECT_EQ(error.hint(), "remove the file; the next start tokenizes again");
      return false;
    }
    return true;
  };
  for (size_t size = 0; size < bytes.size(); size += 401) EXPECT_FALSE(taken(bytes.substr(0, size))) << size;
  for (size_t at = 0; at < bytes.size(); at += 211) {
    std::string damaged = bytes;
    damaged[at] = char(damaged[at] ^ 1);
    if (taken(damaged)) {
      EXPECT_EQ(bytes[at], '\0') << "byte " << at << " is no padding";
    }
  }
  EXPECT_TRUE(taken(bytes));
}

TEST_F(TokenCache, ADryRunWritesNothing) {
  TrainJob j = cached();
  j.dry_run = true;
  load(j);
  EXPECT_FALSE(std::filesystem::exists(j.data.tokenized_path));
  j.dry_run = false;
  EXPECT_EQ(start(j), "new");
  j.dry_run = true;
  EXPECT_EQ(start(j), "taken");
}

TEST_F(TokenCache, OtherFoldersAreRefused) {
  TrainJob j = cached();
  std::filesystem::create_directories(j.data.tokenized_path);
  write_atomic(j.data.tokenized_path / "dataset_dict.json", "{}");
  EXPECT_NE(load_error(j).find("the folder holds samples that LLaMA-Factory tokenized (dataset_dict.json)"),
            std::string::npos);
  j.data.tokenized_path = root_ / "data.json";
  EXPECT_NE(load_error(j).find("tokenized_path is a file; it names a folder"), std::string::npos);
}

}  // namespace fettle
