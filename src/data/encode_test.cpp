#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/fake_tokenizer_test.h"

namespace fettle {
namespace {

Sample conversation(std::initializer_list<std::string> texts, std::string system = "") {
  Sample sample{.system = std::move(system), .place = {"talk.json", 7}};
  for (const std::string& text : texts)
    sample.prompt.push_back({sample.prompt.size() % 2 == 0 ? ChatRole::user : ChatRole::assistant, text});
  sample.response = {sample.prompt.back()};
  sample.prompt.pop_back();
  return sample;
}

// Answers without an end of their own: "Q:" + question + "A:" + answer, one end-of-text at the very end.
constexpr TemplateRow kEndless = {.name = "endless", .user = "Q{{content}}A", .efficient_eos = true};

TEST(InferSeqlen, LLaMAFactorysVectors) {
  using P = std::pair<int64_t, int64_t>;
  EXPECT_EQ(infer_seqlen(3000, 2000, 1000), P(600, 400));
  EXPECT_EQ(infer_seqlen(2000, 3000, 1000), P(400, 600));
  EXPECT_EQ(infer_seqlen(1000, 100, 1000), P(900, 100));
  EXPECT_EQ(infer_seqlen(100, 1000, 1000), P(100, 900));
  EXPECT_EQ(infer_seqlen(100, 500, 1000), P(100, 500));
  EXPECT_EQ(infer_seqlen(500, 100, 1000), P(500, 100));
  EXPECT_EQ(infer_seqlen(10, 10, 1000), P(10, 10));
  // Exactly half of the budget counts as long.
  EXPECT_EQ(infer_seqlen(1000, 500, 1000), P(667, 333));
  EXPECT_EQ(infer_seqlen(500, 1000, 1000), P(334, 666));
  // In doubles 22 · (30 / 44) falls just below 15, and LLaMA-Factory cuts there.
  EXPECT_EQ(infer_seqlen(14, 30, 22), P(8, 14));
}

TEST(InferSeqlen, NeverExceedsTheBudgetOrTheText) {
  for (int64_t source = 0; source < 40; ++source)
    for (int64_t target = 0; target < 40; ++target)
      for (int64_t budget = 1; budget < 60; ++budget) {
        const auto [s, t] = infer_seqlen(source, target, budget);
        ASSERT_TRUE(s >= 0 && t >= 0 && s <= source && t <= target && s + t <= budget)
            << source << ' ' << target << ' ' << budget;
        ASSERT_TRUE(source + target > budget || s + t == source + target)
            << source << ' ' << target << ' ' << budget;
      }
}

TEST(EncodeSupervised, OnlyAnswersAreLearnt) {
  const auto tokenizer = fake_tokenizer();
  const EncodedSample out =
      encode_supervised(conversation({"U1", "A1", "U2", "A2"}), ChatTemplate("llama2", tokenizer), {});
  EXPECT_EQ(tokenizer->show(out.ids), "<s>[INST] U1 [/INST]A1</s><s>[INST] U2 [/INST]A2</s>");
  EXPECT_EQ(tokenizer->show(out.labels), std::string(18, '_') + "A1</s>" + std::string(18, '_') + "A2</s>");
  EXPECT_EQ(out.full_length, 42);
  EXPECT_FALSE(out.cut || out.end_lost);
}

TEST(EncodeSupervised, TrainOnPromptAndMaskHistory) {
  const auto tokenizer = fake_tokenizer();
  const ChatTemplate chat("llama2", tokenizer);
  const Sample sample = conversation({"U1", "A1", "U2", "A2"});
  const EncodedSample all = encode_supervised(sample, chat, {.train_on_prompt = true});
  EXPECT_EQ(all.labels, all.ids);
  const EncodedSample last = encode_supervised(sample, chat, {.mask_history = true});
  EXPECT_EQ(last.ids, all.ids);
  EXPECT_EQ(tokenizer->show(last.labels), std::string(39, '_') + "A2</s>");
}

TEST(EncodeSupervised, TheBudgetGoesToTheFirstTurnOrWithMaskHistoryToTheLast) {
  const auto tokenizer = fake_tokenizer();
  const ChatTemplate chat("empty", tokenizer);
  const Sample sample = conversation({"aaaa", "bbbb", "cccc", "dddd"});
  const EncodedSample first = encode_supervised(sample, chat, {.cutoff_len = 10});
  EXPECT_EQ(tokenizer->show(first.ids), "aaaabbbbcd");
  EXPECT_EQ(tokenizer->show(first.labels), "____bbbb_d");
  EXPECT_TRUE(first.cut && first.end_lost);
  EXPECT_EQ(first.full_length, 16);
  const EncodedSample last = encode_supervised(sample, chat, {.cutoff_len = 10, .mask_history = true});
  EXPECT_EQ(tokenizer->show(last.ids), "abccccdddd");
  EXPECT_EQ(tokenizer->show(last.labels), "______dddd");
  EXPECT_TRUE(last.cut);
  EXPECT_FALSE(last.end_lost);
  const EncodedSample one = encode_supervised(sample, chat, {.cutoff_len = 8});
  EXPECT_EQ(tokenizer->show(one.ids), "aaaabbbb");
  EXPECT_TRUE(one.end_lost) << "the last turn was dropped whole";
}

TEST(EncodeSupervised, ALongQuestionIsCutBeforeAShortAnswer) {
  const auto tokenizer = fake_tokenizer();
  const EncodedSample out = encode_supervised(conversation({std::string(100, 'q'), "A"}),
                                              ChatTemplate("llama2", tokenizer), {.cutoff_len = 20});
  EXPECT_EQ(tokenizer->show(out.ids), "<s>[INST] qqqqqqqqqqA</s>");
  EXPECT_TRUE(out.cut);
  EXPECT_FALSE(out.end_lost);
}

TEST(EncodeSupervised, LosingWhatFollowsTheEndOfTextIsNotLosingIt) {
  const ChatTemplate chat("alpaca", fake_tokenizer());  // the answer ends in </s> and a blank line
  const Sample sample =
      conversation({"", "0123456789012345678901234567890123456789012345678901234567890123456789"}, "s");
  const int64_t full = encode_supervised(sample, chat, {}).full_length;
  EXPECT_FALSE(encode_supervised(sample, chat, {.cutoff_len = full}).cut);
  const EncodedSample kept = encode_supervised(sample, chat, {.cutoff_len = full - 1});
  EXPECT_TRUE(kept.cut);
  EXPECT_FALSE(kept.end_lost);
  EXPECT_TRUE(encode_supervised(sample, chat, {.cutoff_len = full - 2}).end_lost);
}

TEST(EncodeSupervised, EfficientEosLearnsTheEndWhereTheNextTurnBegins) {
  const auto tokenizer = fake_tokenizer();
  const ChatTemplate chat(kEndless, tokenizer);
  const EncodedSample out = encode_supervised(conversation({"u", "a", "v", "b"}), chat, {});
  EXPECT_EQ(tokenizer->show(out.ids), "QuAaQvAb</s>");
  EXPECT_EQ(tokenizer->show(out.labels), "___a</s>__b</s>");
  const EncodedSample last =
      encode_supervised(conversation({"u", "a", "v", "b"}), chat, {.mask_history = true});
  EXPECT_EQ(tokenizer->show(last.labels), "</s>______b</s>");
  EXPECT_THROW(encode_supervised(conversation({"u", "a"}), chat, {.train_on_prompt = true}), Error);
  const EncodedSample cut = encode_supervised(conversation({"u", "abcdefgh"}), chat, {.cutoff_len = 6});
  EXPECT_EQ(cut.ids.size(), 6u);
  EXPECT_EQ(cut.ids.back(), 1);
  EXPECT_FALSE(cut.end_lost);
}

TEST(EncodeSupervised, ToolsAreRefusedWithThePlace) {
  Sample sample = conversation({"u", "a"});
  sample.tools = "[{}]";
  try {
    encode_supervised(sample, ChatTemplate("default", fake_tokenizer()), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), "talk.json:7");
  }
}

TEST(EncodeSupervisedAll, CountsAndNamesWhatIsCutOrLeftOut) {
  std::vector<Sample> samples(60, conversation({"question", "answer"}));
  samples[3] = conversation({"q", std::string(200, 'a')});
  samples[3].place = {"talk.json", 31};
  samples[5] = conversation({"", ""});
  samples[5].place = {"talk.json", 51};
  samples[8].response.clear();
  samples[8].place = {"talk.json", 81};
  Dataset out;
  encode_supervised(samples, ChatTemplate("empty", fake_tokenizer()), {.cutoff_len = 50}, out);
  EXPECT_EQ(out.size(), 58);
  EXPECT_EQ(out.report().samples, 58);
  EXPECT_EQ(out.report().cut, 1);
  EXPECT_EQ(out.report().nothing_to_train, 1);
  EXPECT_EQ(out.report().skipped, 1);
  EXPECT_EQ(out.report().tokens, 57 * 14 + 50);
  EXPECT_EQ(out.report().targets, 57 * 6 + 49);
  EXPECT_EQ(out.report().examples(),
            (std::vector<std::string>{"talk.json:31: cut from 201 to 50 tokens; its end-of-text is lost",
                                      "talk.json:51: left out, nothing in it is trained",
                                      "talk.json:81: skipped, it has no answer"}));
}

TEST(EncodeSupervisedAll, ToolsThatCannotBeWrittenAreCountedAndNamed) {
  std::vector<Sample> samples(60, conversation({"question", "answer"}));
  samples[4].tools = "[{";
  samples[4].place = {"talk.json", 41};
  samples[7].response = {{ChatRole::function, "call"}};
  samples[7].place = {"talk.json", 71};
  Dataset out;
  encode_supervised(samples, ChatTemplate("qwen", fake_tokenizer()), {}, out);
  EXPECT_EQ(out.size(), 58);
  EXPECT_EQ(out.report().examples(),
            (std::vector<std::string>{
                "talk.json:41: skipped, the tool description is not JSON (wrong at byte 3): [{",
                "talk.json:71: skipped, a function call is not JSON (wrong at byte 1): call"}));
  for (Sample& sample : samples) sample.tools = R"([{"name": "t"}])";
  try {
    encode_supervised(samples, ChatTemplate("default", fake_tokenizer()), {}, out);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(
        error.message().substr(0, 90),
        "talk.json: 60 of 60 records cannot be learnt from: talk.json:7: tool \"t\" has no \"parameter");
  }
}

TEST(EncodeSupervisedAll, RefusesADatasetWithoutAnswers) {
  std::vector<Sample> samples(40, conversation({"question", "answer"}));
  for (int i = 0; i < 3; ++i) samples[size_t(i)].response.clear();
  Dataset out;
  EXPECT_THROW(encode_supervised(samples, ChatTemplate("empty", fake_tokenizer()), {}, out), Error);
}

}  // namespace
}  // namespace fettle
