#include "data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace fettle {
namespace {

constexpr int32_t kNo = kIgnoreIndex;

struct Heard : Listener {
  std::vector<Note> notes;
  void on_note(const Note& note) override { notes.push_back(note); }
};

TEST(Dataset, KeepsSamplesAndCountsTargetsFromTheSecondTokenOn) {
  Dataset d;
  EXPECT_TRUE(d.add({5, 6, 7}, {5, kNo, 7}, {"a.json", 1}));
  EXPECT_TRUE(d.add({8, 9}, {kNo, 9}, {"a.json", 2}));
  EXPECT_FALSE(d.add({8, 9}, {8, kNo}, {"a.json", 3})) << "nothing predicts the first token";
  EXPECT_FALSE(d.add({}, {}, {"a.json", 4}));
  EXPECT_EQ(d.size(), 2);
  EXPECT_EQ(d.targets(0), 1);
  EXPECT_EQ(std::vector<int32_t>(d.ids(1).begin(), d.ids(1).end()), (std::vector<int32_t>{8, 9}));
  EXPECT_EQ(std::vector<int32_t>(d.labels(0).begin(), d.labels(0).end()), (std::vector<int32_t>{5, kNo, 7}));
  EXPECT_EQ(d.place(1).text(), "a.json:2");
  EXPECT_EQ(d.report().nothing_to_train, 2);
  EXPECT_THROW(d.ids(2), InvariantError);
  EXPECT_THROW(d.add({1}, {}, {}), InvariantError);
}

TEST(Dataset, FingerprintSeesIdsLabelsAndBorders) {
  const auto make = [](std::vector<std::pair<std::vector<int32_t>, std::vector<int32_t>>> samples) {
    Dataset d;
    for (auto& [ids, labels] : samples) d.add(ids, labels, {});
    return d.fingerprint();
  };
  const std::string base = make({{{1, 2, 3}, {1, 2, 3}}, {{4, 5}, {4, 5}}});
  EXPECT_EQ(base.size(), 64u);
  EXPECT_EQ(base, make({{{1, 2, 3}, {1, 2, 3}}, {{4, 5}, {4, 5}}}));
  EXPECT_NE(base, make({{{1, 2, 9}, {1, 2, 3}}, {{4, 5}, {4, 5}}}));
  EXPECT_NE(base, make({{{1, 2, 3}, {1, kNo, 3}}, {{4, 5}, {4, 5}}}));
  EXPECT_NE(base, make({{{1, 2}, {1, 2}}, {{3, 4, 5}, {3, 4, 5}}}));
}

TEST(DataReport, TellsOnceAndNamesTheFirstOfEachKind) {
  Heard heard;
  DataReport report;
  report.tell(heard);
  EXPECT_TRUE(heard.notes.empty());
  LoadedSamples loaded;
  loaded.records = 100;
  for (int64_t line = 1; line <= 7; ++line)
    loaded.skipped.push_back({{"x.json", line}, "it has no \"output\""});
  report.count(loaded);
  report.name_cut({"x.json", 50}, 3000, 2048, true);
  report.name_cut({"x.json", 51}, 2050, 2048, false);
  EXPECT_EQ(report.skipped, 7);
  EXPECT_EQ(report.examples().size(), 5u + 2u);
  report.tell(heard);
  ASSERT_EQ(heard.notes.size(), 1u);
  EXPECT_EQ(heard.notes[0].severity, Severity::warning);
  for (const char* part : {"of 100 records", "7 skipped", "2 cut", "x.json:5: skipped, it has no \"output\"",
                           "x.json:50: cut from 3000 to 2048 tokens; its end-of-text is lost",
                           "x.json:51: cut from 2050 to 2048 tokens; its end-of-text is kept"})
    EXPECT_NE(heard.notes[0].text.find(part), std::string::npos) << part << "\n" << heard.notes[0].text;
}

TEST(Batch, PacksRaggedSamplesWithoutPadding) {
  Dataset d;
  d.add({10, 11, 12, 13}, {kNo, kNo, 12, 13}, {});
  d.add({20, 21}, {20, 21}, {});
  d.add({30, 31, 32}, {30, kNo, 99}, {});
  Batch batch;
  batch.append(d, 2);
  batch.append(d, 0);
  batch.append(d, 1);
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(batch.ids, (Ids{30, 31, 32, 10, 11, 12, 13, 20, 21}));
  EXPECT_EQ(batch.positions, (Ids{0, 1, 2, 0, 1, 2, 3, 0, 1}));
  EXPECT_EQ(batch.cu_seqlens, (Ids{0, 3, 7, 9}));
  EXPECT_EQ(batch.sample_keys, (std::vector<uint64_t>{2, 0, 1}));
  // The label of a sequence's first token (30, 20) is predicted by nothing, least of all by the sequence
  // before it.
  EXPECT_EQ(batch.target_rows, (Ids{1, 4, 5, 7}));
  EXPECT_EQ(batch.target_tokens, (Ids{99, 12, 13, 21}));
  EXPECT_EQ(batch.cu_targets, (Ids{0, 1, 3, 4}));
  EXPECT_EQ(batch.targets(), d.targets(0) + d.targets(1) + d.targets(2));
  batch.clear();
  EXPECT_EQ(batch.tokens() + batch.sequences() + batch.targets(), 0);
  EXPECT_EQ(batch.cu_seqlens, Ids{0});
  batch.append(d, 1);
  EXPECT_EQ(batch.cu_seqlens, (Ids{0, 2}));
  EXPECT_EQ(batch.target_rows, Ids{0});
}

TEST(EpochOrder, IsAPermutationOfSeedAndEpoch) {
  const std::vector<int64_t> first = epoch_order(1000, 42, 0, true);
  EXPECT_EQ(first, epoch_order(1000, 42, 0, true));
  EXPECT_NE(first, epoch_order(1000, 42, 1, true));
  EXPECT_NE(first, epoch_order(1000, 43, 0, true));
  const std::vector<int64_t> in_order = epoch_order(1000, 42, 0, false);
  EXPECT_TRUE(std::is_sorted(in_order.begin(), in_order.end()));
  EXPECT_NE(first, in_order);
  EXPECT_TRUE(std::is_permutation(first.begin(), first.end(), in_order.begin()));
  EXPECT_TRUE(epoch_order(0, 1, 0, true).empty());
}

TEST(EpochOrder, EverySampleComesFirstEquallyOften) {
  std::vector<int> first(5);
  for (int64_t epoch = 0; epoch < 5000; ++epoch) ++first[size_t(epoch_order(5, 7, epoch, true)[0])];
  for (int count : first) EXPECT_NEAR(count, 1000, 150);  // 5 standard deviations of 28
}

}  // namespace
}  // namespace fettle
