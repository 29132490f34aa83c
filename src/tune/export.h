// A base and its adapters written as one model that other programs load: a Hugging Face folder or a GGUF
// file.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/listener.h"
#include "tune/job.h"

namespace fettle {

struct ExportResult {
  std::filesystem::path folder;
  std::vector<std::string> weights;  // names in the folder: shards, or the GGUF file
  DType type = DType::f32;
  int64_t bytes = 0;                // of the weights
  int64_t merged = 0, tensors = 0;  // how many of the tensors an adapter changed
  std::string template_name;        // of the Modelfile; "" = none was written
};

/// Writes into a temporary folder beside export_dir, opens the result again, then renames it: export_dir is
/// there whole or not at all. Error before anything is written where export_dir is in use, the disk too small
/// or an adapter belongs to another base; `stop`, once set, ends the work with an Error and leaves nothing.
ExportResult run_export(const ExportJob& job, Listener& listener, const std::atomic<bool>* stop = nullptr);

}  // namespace fettle
