// What an adapter calls its base: an id that PEFT and vLLM can load, where one is known.
#pragma once

#include <string>

#include "base/listener.h"
#include "format/gguf.h"
#include "model/model.h"
#include "tune/job.h"

namespace fettle {

/// The hub's "owner/name" of the very model a GGUF file was made from, by its metadata; "" where that names
/// none, or only the model that this one was tuned from.
std::string hub_id_of(const GgufFile& file);

/// base_model_name_or_path for adapter_config.json: the job's own, a GGUF file's hub id, or the path as
/// typed. What was assumed of a GGUF file is said.
std::string base_model_name(const TrainJob& job, const Model& model, Listener& listener);

}  // namespace fettle
