#include <gtest/gtest.h>

#include "base/error.h"
#include "data/dataset.h"
#include "data/fake_tokenizer_test.h"

namespace fettle {
namespace {

std::vector<Sample> documents(std::initializer_list<std::string> texts) {
  std::vector<Sample> samples;
  for (const std::string& text : texts)
    samples.push_back(
        {.prompt = {{ChatRole::user, text}}, .place = {"notes.txt", int64_t(samples.size()) + 1}});
  return samples;
}

constexpr SpecialIds kWithPad = {.bos = 0, .eos = 1, .pad = 8};

std::vector<std::string> shown(const Dataset& dataset, const FakeTokenizer& tokenizer, bool labels = false) {
  std::vector<std::string> out;
  for (int64_t i = 0; i < dataset.size(); ++i)
    out.push_back(tokenizer.show(labels ? dataset.labels(i) : dataset.ids(i)));
  return out;
}

using Strings = std::vector<std::string>;

TEST(EncodePretrain, BlocksRunOnAcrossDocumentsAndTheTailIsKept) {
  const auto tokenizer = fake_tokenizer(kWithPad);
  Dataset out;
  encode_pretrain(documents({"abcde", "fg", "hijklmn"}), ChatTemplate("default", tokenizer),
                  {.cutoff_len = 6}, true, out);
  EXPECT_EQ(shown(out, *tokenizer), (Strings{"abcde</s>", "fg</s>hij", "klmn</s>"}));
  EXPECT_EQ(shown(out, *tokenizer, true), shown(out, *tokenizer));
  EXPECT_EQ(out.place(1).line, 2);
  EXPECT_EQ(out.place(2).line, 3);
  EXPECT_EQ(out.report().targets, 5 + 5 + 4);
}

TEST(EncodePretrain, OneSampleADocumentIsCutAndNamed) {
  const auto tokenizer = fake_tokenizer(kWithPad);
  Dataset out;
  encode_pretrain(documents({"abc", "defghijkl", ""}), ChatTemplate("default", tokenizer), {.cutoff_len = 6},
                  false, out);
  EXPECT_EQ(shown(out, *tokenizer), (Strings{"abc</s>", "defghi"}));
  EXPECT_EQ(out.report().examples(), (Strings{"notes.txt:2: cut from 10 to 6 tokens; its end-of-text is lost",
                                              "notes.txt:3: left out, nothing in it is trained"}));
}

TEST(EncodePretrain, BosIsAddedOrTakesTheFirstPlaceOfABlock) {
  const auto tokenizer = fake_tokenizer({.bos = 0, .eos = 1, .pad = 8, .add_bos = true});
  const ChatTemplate chat("default", tokenizer);
  Dataset single, packed;
  encode_pretrain(documents({"abc"}), chat, {.cutoff_len = 6}, false, single);
  EXPECT_EQ(shown(single, *tokenizer), (Strings{"<s>abc</s>"}));
  encode_pretrain(documents({"abcdefghi"}), chat, {.cutoff_len = 5}, true, packed);
  EXPECT_EQ(shown(packed, *tokenizer), (Strings{"<s>bcde", "<s>ghi</s>"}));
}

TEST(EncodePretrain, TheEndOfTextIsNotLearntWhereItIsAlsoPadding) {
  const auto tokenizer = fake_tokenizer();  // no pad token: end-of-text stands in
  Dataset out;
  encode_pretrain(documents({"ab", "cd"}), ChatTemplate("default", tokenizer), {.cutoff_len = 6}, true, out);
  EXPECT_EQ(shown(out, *tokenizer), (Strings{"ab</s>cd</s>"}));
  EXPECT_EQ(shown(out, *tokenizer, true), (Strings{"ab_cd_"}));
}

TEST(EncodePretrain, Llama3ClosesDocumentsWithItsOwnToken) {
  const auto tokenizer = fake_tokenizer(kWithPad);
  Dataset out;
  encode_pretrain(documents({"ab"}), ChatTemplate("llama3", tokenizer), {.cutoff_len = 6}, false, out);
  EXPECT_EQ(shown(out, *tokenizer), (Strings{"ab<|end_of_text|>"}));
  const auto without = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<s>", "</s>", "<|eot_id|>"});
  EXPECT_THROW(encode_pretrain(documents({"ab"}), ChatTemplate("llama3", without), {}, false, out), Error);
}

}  // namespace
}  // namespace fettle
