// A run, typed: what every front end (LLaMA-Factory's YAML and flags, XTuner's configs, the web page) is
// translated into.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "data/mix.h"
#include "model/recompute.h"

namespace fettle {

enum class Stage : uint8_t { pt, sft };
enum class ScheduleKind : uint8_t { linear, cosine, constant, constant_with_warmup };

struct ModelJob {
  std::string name;                            // model_name_or_path as typed
  std::string model;                           // a GGUF file or a folder: where that is
  std::string hub_id;                          // "owner/name" where it lies in a hub's cache
  std::vector<std::string> adapters;           // adapter_name_or_path: added up in order
  std::string template_name;                   // "" = found from the model's own template
  std::optional<std::string> default_system;   // "" = none; unset = the template's
  std::optional<bool> enable_thinking = true;  // of reasoning templates; unset: as the data has it
  bool preserve_thinking = false;
  std::string tool_format;       // "" = the template's own
  std::string tool_date;         // "" = kToolDate
  std::optional<DType> compute;  // bf16: true → bf16, fp32/bf16: false → f32; unset = what the CPU is best at
  std::optional<int64_t> quantization_bit;  // asked for; settled once the model's own types are known
  int threads = 0;                          // 0 = all usable cores
};

struct LoraJob {
  int64_t rank = 8;
  double alpha = 16, dropout = 0;
  bool rslora = false;
  std::vector<std::string> targets = {"all"};
  bool create_new = false;      // train a new adapter on the given ones instead of continuing the last
  std::string base_model_name;  // for adapter_config.json; "" = what the model says of itself
};

struct DataJob {
  std::filesystem::path dataset_dir = "data";
  std::vector<std::string> datasets;  // names of its registry, or paths
  int64_t cutoff_len = 2048;
  bool train_on_prompt = false, mask_history = false;
  bool packing = false;  // pt: documents joined into blocks
  bool shuffle = true;
  std::optional<int64_t> max_samples;
  Mixing mixing;
  std::filesystem::path tokenized_path;  // folder that encoded samples are kept in; "" = nowhere
};

/// When something happens in a run: every so many steps, at the end of every epoch, with every new best
/// evaluation (checkpoints only), or never.
struct Cadence {
  enum class Unit : uint8_t { never, steps, epochs, best } unit = Unit::never;
  double every = 0;  // steps; below 1 a share of the run's, rounded up
};

struct EvalJob {
  double val_size = 0;                // above 1: so many samples are held back; else this share of them
  std::vector<std::string> datasets;  // eval_dataset: samples of their own
  bool each = false;                  // one result per dataset
  int64_t batch_size = 8;             // samples whose mean per token is one term of the mean
  Cadence cadence;                    // while training; with steps and epochs also at the end
  double delay = 0;                   // steps or epochs, as the cadence, before the first
  bool on_start = false, at_end = false;
};

/// load_best_model_at_end.
struct BestJob {
  bool load = false;            // the run ends with the best checkpoint's adapter
  std::string metric = "loss";  // with or without eval_
  bool greater = false;
};

struct TrainJob {
  bool train = true;  // false: only evaluate
  Stage stage = Stage::sft;
  ModelJob model;
  LoraJob lora;
  DataJob data;
  EvalJob eval;
  std::filesystem::path output_dir;
  bool overwrite_output_dir = false;
  std::string
      resume_from;  // "" = a fresh run; a checkpoint folder; "auto" = the newest checkpoint in output_dir
  int64_t batch_size = 1, accumulation = 1;
  double epochs = 3;
  int64_t max_steps = -1;  // > 0 overrides epochs
  double learning_rate = 5e-5, weight_decay = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8,
         max_grad_norm = 1;
  ScheduleKind schedule = ScheduleKind::linear;
  int64_t warmup_steps = 0;
  double warmup_ratio = 0;
  Cadence logging = {Cadence::Unit::steps, 10};
  Cadence saving = {Cadence::Unit::steps, 500};
  std::optional<int64_t> save_total_limit;
  BestJob best;
  bool plot_loss = true;
  bool tensorboard = false;               // event files
  std::filesystem::path tensorboard_dir;  // "" = output_dir/runs/<date>_<host>
  uint64_t seed = 42;
  int64_t memory_limit = 0;            // bytes this run may take; 0: what is available
  std::optional<Recompute> recompute;  // unset: the first level that fits
  bool check_model = true;             // a first loss near chance stops the run when the base reads nothing
  bool dry_run = false;                // train stops before its first step
  std::string report_file;             // where `fettle data` writes what it found; "" = nowhere
  std::vector<std::string> fail_on;    // kinds of findings that `fettle data` fails on
  int niceness = 10;                   // added to the process's own: the machine stays usable
  /// The options as typed, in table order: kept in checkpoints and shown in the log.
  std::vector<std::pair<std::string, std::string>> as_typed;
};

/// The adapters that the trained one stands on, in order: all given ones, but for the last where that goes
/// on.
inline std::vector<std::string> adapters_below(const TrainJob& job) {
  std::vector<std::string> below = job.model.adapters;
  if (!below.empty() && !job.lora.create_new) below.pop_back();
  return below;
}

struct ChatJob {
  ModelJob model;
  bool do_sample = true;
  double temperature = 0.95, top_p = 0.7, repetition_penalty = 1;
  int64_t top_k = 50, max_new_tokens = 1024;
  bool skip_special_tokens = true;
  std::optional<uint64_t> seed;  // unset: from the clock, and said
};

struct ExportJob {
  ModelJob model;
  std::filesystem::path export_dir;
  bool overwrite = false;     // a full export_dir is replaced
  bool gguf = false;          // one GGUF file, else a Hugging Face folder
  std::optional<DType> type;  // of the weights; unset: as the base has them
  int64_t shard_bytes = 5'000'000'000;
};

}  // namespace fettle
