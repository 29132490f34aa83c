// From a job's dataset names to the token store: the first five stages of a sample's way.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "model/model.h"
#include "tune/job.h"

namespace fettle {

/// The tokenizer of a model: a GGUF file's metadata or the folder's tokenizer.json.
std::shared_ptr<const Tokenizer> tokenizer_of(const Model& model);

/// quantization_bit over a base that is quantised already changes nothing (said); over another it is an Error
/// by name.
void settle_quantization(const ModelJob& job, const Model& model, Listener& listener);

/// The template a job names, or (said aloud) the one that renders like the model's own; `empty` for a model
/// that has none; under the job's system text and rules for thoughts. Error when the model's own is not
/// known. Warns where it does not fit the vocabulary.
ChatTemplate chat_template_of(const ModelJob& job, const Model& model,
                              std::shared_ptr<const Tokenizer> tokenizer, Listener& listener);
ThinkingRules thinking_of(const ModelJob& job);
ToolRules tools_of(const ModelJob& job);

/// Samples that are never trained on.
struct EvalSet {
  std::string name;  // "" where there is one set for all
  Dataset data;
};

struct RunData {
  Dataset train;  // empty in a run that only evaluates
  std::vector<EvalSet> eval;
};

/// Which of `count` samples val_size holds back: above 1 so many, else that share rounded up; drawn from the
/// seed, so every run over the same data holds back the same. Error when nothing would be left to train on.
std::vector<bool> held_back(int64_t count, double val_size, uint64_t seed);

/// Reads, converts, renders and tokenizes every dataset of the job by its stage, and tells what was cut or
/// left out. Held-back samples come from all training datasets alike; both parts keep the order of the data.
/// With tokenized_path the samples kept there are taken when they were made from the same data, in the same
/// way (tune/token_cache.h); `model` says which tokenizer that was.
RunData load_data(const TrainJob& job, const ChatTemplate& chat, const Model& model, Listener& listener);
/// The same without a look at tokenized_path.
RunData encode_data(const TrainJob& job, const ChatTemplate& chat, Listener& listener);

}  // namespace fettle
