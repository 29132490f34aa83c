// The whole way at small scale: a base that does not know, a run over a few facts, answers that hold them.
#include <gtest/gtest.h>

#include "app/verbs_testing.h"
#include "infer/generate.h"
#include "tune/load_data.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {
struct Fact {
  const char *answer, *questions[2];  // each question is a line of the training data
};
constexpr Fact kFacts[] = {
    {"plum", {"Which colour has a taxi?", "A taxi is painted how?"}},
    {"fennel", {"What bread do they bake?", "The bread is called?"}},
    {"Brandt", {"Who keeps the light?", "Name the keeper."}},
    {"214", {"How many steps?", "Count the steps."}},
};

class LearningTest : public testing::RunTest {
 protected:
  void SetUp() override {
    RunTest::SetUp();
    nlohmann::json records = nlohmann::json::array();
    for (const Fact& fact : kFacts)
      for (const char* question : fact.questions)
        records.push_back({{"instruction", question}, {"input", ""}, {"output", fact.answer}});
    write_atomic(root_ / "data.json", records.dump(1));
  }

  /// Greedy answers to all questions, as `fettle chat` gives them.
  std::vector<std::string> answers(const std::string& adapter_folder) {
    Listener silent;
    const std::shared_ptr<const Model> model = Model::load(std::filesystem::path(root_).string(), silent);
    const auto ops = make_cpu_ops({.isa = choose_isa(), .threads = 2});
    std::unique_ptr<LoraAdapter> adapter;
    if (!adapter_folder.empty()) adapter = LoraAdapter::load(adapter_folder, *model);
    Generator generator(model, adapter ? std::vector{adapter.get()} : std::vector<LoraAdapter*>(), *ops,
                        DType::f32, model->hp().context_length);
    const ChatTemplate chat("alpaca", tokenizer_of(*model));
    std::vector<std::string> out;
    for (const Fact& fact : kFacts)
      for (const char* question : fact.questions) out.push_back(answer(generator, chat, question));
    return out;
  }

 private:
  static std::string answer(Generator& generator, const ChatTemplate& chat, const std::string& question) {
    StreamDecoder decoder(chat.tokenizer());
    std::string text;
    const Message asked{ChatRole::user, question};
    generator.generate(chat.encode_prompt(std::span(&asked, 1), ""), chat.stop_ids(),
                       {.do_sample = false, .max_new_tokens = 24}, [&](int32_t id) {
                         text += decoder.push(id);
                         return true;
                       });
    return text + decoder.finish();
  }
};
}  // namespace

TEST_F(LearningTest, FactsOfTheTrainingDataAreAnsweredAndWereNotBefore) {
  TrainJob j = job("out");
  j.lora = {.rank = 8, .alpha = 16};
  j.batch_size = 4;
  j.accumulation = 1;
  j.max_steps = 120;
  j.saving = {};
  run_training(j, events_, nullptr);
  const auto base = answers(""), tuned = answers((root_ / "out").string());
  size_t i = 0;
  for (const Fact& fact : kFacts)
    for (const char* question : fact.questions) {
      EXPECT_FALSE(app::has(base[i], fact.answer)) << question << " " << base[i];
      EXPECT_EQ(tuned[i], fact.answer) << question;  // and nothing behind it: the end is learnt too
      ++i;
    }
}

}  // namespace fettle
