// From a job's dataset names to the token store: the first five stages of a sample's way.
#pragma once

#include <memory>

#include "data/dataset.h"
#include "model/model.h"
#include "tune/job.h"

namespace fettle {

/// The tokenizer of a model: a GGUF file's metadata or the folder's tokenizer.json.
std::shared_ptr<const Tokenizer> tokenizer_of(const Model& model);

/// quantization_bit over a base that is quantised already changes nothing (said); over another it is an Error
/// by name.
void settle_quantization(const ModelJob& job, const Model& model, Listener& listener);

/// The template a job names, or (said aloud) the one that renders like the model's own; Error when neither is
/// known.
std::string template_of(const ModelJob& job, const Model& model, const Tokenizer& tokenizer,
                        Listener& listener);

/// Reads, converts, renders and tokenizes every dataset of the job by its stage, and tells what was cut or
/// left out.
Dataset load_dataset(const TrainJob& job, const ChatTemplate& chat, Listener& listener);

}  // namespace fettle
