// OptionSet → TrainJob, ChatJob and ExportJob: LLaMA-Factory's rules across keys, then translation.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/environment.h"
#include "base/error.h"
#include "base/memory.h"
#include "compat/llamafactory/front.h"
#include "compat/llamafactory/job_parts.h"
#include "data/locate.h"
#include "tune/checkpoint.h"
#include "tune/memory_plan.h"
#include "tune/schedule/schedule.h"

namespace fettle::llamafactory {

void conflict(const OptionSet& o, std::string_view a, std::string_view b, const char* hint) {
  throw Error({.what = fmt::format("{} ({}) and {} ({}) exclude each other", a, o.where(a), b, o.where(b)),
               .hint = hint});
}

void later_value(const OptionSet& o, std::string_view key, std::initializer_list<std::string_view> ready,
                 const char* hint) {
  const std::string value = o.text(key);
  if (std::find(ready.begin(), ready.end(), value) != ready.end()) return;
  throw Error(
      {.what = fmt::format("{}: {} is not there yet", key, value), .where = o.where(key), .hint = hint});
}

int count_from_environment(const char* name, std::string_view what) {
  const std::string text = environment(name);
  if (text.empty()) return 0;
  const int count = std::all_of(text.begin(), text.end(), ::isdigit) && text.size() < 5 ? std::stoi(text) : 0;
  if (count < 1)
    throw Error({.what = fmt::format("'{}' found, a number of {} expected", text, what), .where = name});
  return count;
}

namespace {
namespace fs = std::filesystem;

std::optional<DType> compute_type(const OptionSet& o) {
  const bool bf16_given = o.given("bf16"), fp32_given = o.given("fp32");
  const bool bf16 = bf16_given && o.flag("bf16"), fp32 = fp32_given && o.flag("fp32");
  if (bf16 && fp32) conflict(o, "bf16", "fp32", "set one of them");
  if (bf16) return DType::bf16;
  if (fp32 || bf16_given) return DType::f32;  // bf16: false is a wish for full precision
  return std::nullopt;
}

/// Where several processes were asked for, one does the work of all: a step still learns from as many
/// samples.
void keep_effective_batch(TrainJob& job, Listener& listener) {
  const int processes = std::max(1, count_from_environment("NPROC_PER_NODE", "processes")),
            nodes = std::max(1, count_from_environment("NNODES", "machines"));
  if (processes * nodes == 1) return;
  job.accumulation *= int64_t(processes) * nodes;
  listener.info(
      fmt::format("{} processes are asked for (NPROC_PER_NODE × NNODES); one trains here, and "
                  "gradient_accumulation_steps becomes {}, so that a step learns from as many samples",
                  processes * nodes, job.accumulation));
}

// A given adapter goes on with what its adapter_config.json says; typed values would be ignored in silence.
void tell_what_a_given_adapter_keeps(const OptionSet& o, Listener& listener) {
  const bool given = !o.list("adapter_name_or_path").empty();
  if (!given && o.flag("create_new_adapter"))
    listener.info("create_new_adapter has no effect: a run without adapter_name_or_path always creates one");
  if (!given || o.flag("create_new_adapter")) return;
  for (const char* key : {"lora_rank", "lora_alpha", "lora_dropout", "lora_target", "use_rslora"})
    if (o.given(key))
      listener.info(fmt::format("{} has no effect: the adapter of adapter_name_or_path keeps its own", key));
}

LoraJob lora_job(const OptionSet& o) {
  LoraJob l;
  l.rank = o.integer("lora_rank");
  const int64_t alpha = o.integer_or_none("lora_alpha").value_or(0);
  l.alpha = double(alpha > 0 ? alpha : 2 * l.rank);
  l.dropout = o.number("lora_dropout");
  l.rslora = o.flag("use_rslora");
  l.targets = o.list("lora_target");
  l.create_new = o.flag("create_new_adapter");
  l.base_model_name = o.text("base_model_name_or_path");
  return l;
}

// What the run may take of the machine.
void memory_keys(const OptionSet& o, TrainJob& job) {
  if (o.given("memory_limit")) {
    const auto bytes = parse_memory(o.text("memory_limit"));
    if (!bytes)
      throw Error({.what = fmt::format("memory_limit: '{}' is no amount of memory", o.text("memory_limit")),
                   .where = o.where("memory_limit"),
                   .hint = "write it as 6GiB or 6000MB"});
    job.memory_limit = *bytes;
  }
  const std::string level = o.text("recompute");
  for (const Recompute r : {Recompute::none, Recompute::mlp, Recompute::block})
    if (level == name(r)) job.recompute = r;
}

// The shares are counted here, where their key has a place; mixing checks that they add up.
Mixing mixing(const OptionSet& o) {
  Mixing m{.strategy = mix_strategy(o.text("mix_strategy"))};
  if (!o.given("interleave_probs")) return m;
  if (m.strategy == MixStrategy::concat)
    conflict(o, "interleave_probs", "mix_strategy", "set mix_strategy: interleave_under, _over or _once");
  const auto fail = [&](std::string what) {
    throw Error({.what = std::move(what),
                 .where = o.where("interleave_probs"),
                 .hint = "one number for every dataset, in their order, adding up to 1: 0.7,0.3"});
  };
  for (const std::string& word : o.list("interleave_probs")) {
    double share = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), share);
    if (error != std::errc{} || end != word.data() + word.size())
      fail(fmt::format("interleave_probs: '{}' is no number", word));
    m.probabilities.push_back(share);
  }
  for (const char* key : {"dataset", "eval_dataset"})
    if (o.given(key) && o.list(key).size() != m.probabilities.size())
      fail(fmt::format("interleave_probs: {} shares for the {} datasets of {}", m.probabilities.size(),
                       o.list(key).size(), key));
  return m;
}

DataJob data_job(const OptionSet& o, Stage stage, bool trains) {
  if (!o.given("dataset") && (trains || o.number("val_size") > 0))
    throw Error(
        {.what = "dataset is missing",
         .hint =
             "name a dataset of dataset_info.json, or a file: dataset: identity, dataset: my_data.jsonl"});
  if (o.flag("train_on_prompt") && o.flag("mask_history"))
    conflict(o, "train_on_prompt", "mask_history", "the one trains on more, the other on less: choose");
  for (const char* key : {"train_on_prompt", "mask_history"})
    if (stage != Stage::sft && o.flag(key))
      throw Error(
          {.what = fmt::format("{} is for stage: sft", key), .where = o.where(key), .hint = "leave it out"});
  DataJob d;
  d.dataset_dir = o.text("dataset_dir");
  d.datasets = o.list("dataset");
  d.cutoff_len = o.integer("cutoff_len");
  d.train_on_prompt = o.flag("train_on_prompt");
  d.mask_history = o.flag("mask_history");
  d.packing = stage == Stage::pt && (!o.given("packing") || o.flag("packing"));
  d.shuffle = !o.flag("disable_shuffling");
  d.max_samples = o.integer_or_none("max_samples");
  d.mixing = mixing(o);
  d.tokenized_path = o.text("tokenized_path");
  return d;
}

void optimizer_keys(const OptionSet& o, TrainJob& job) {
  constexpr std::array kAdamW = {"adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw"};
  if (std::find(kAdamW.begin(), kAdamW.end(), o.text("optim")) == kAdamW.end())
    throw Error({.what = fmt::format("optim: {} is not there yet", o.text("optim")),
                 .where = o.where("optim"),
                 .hint = "optim: adamw_torch"});
  job.learning_rate = o.number("learning_rate");
  job.weight_decay = o.number("weight_decay");
  job.beta1 = o.number("adam_beta1");
  job.beta2 = o.number("adam_beta2");
  job.epsilon = o.number("adam_epsilon");
  job.max_grad_norm = o.number("max_grad_norm");
  job.warmup_steps = o.integer("warmup_steps");
  job.warmup_ratio = o.number("warmup_ratio");
  const std::string wanted = o.text("lr_scheduler_type");
  for (const ScheduleRow& row : schedule_rows())
    if (row.name == wanted) {
      job.schedule = row.kind;
      return;
    }
  later_value(o, "lr_scheduler_type", {}, "linear, cosine, constant or constant_with_warmup");
}

constexpr const char* kWeightFiles[] = {
    "adapter_model.safetensors",    "adapter_model.bin",           "model.safetensors", "pytorch_model.bin",
    "model.safetensors.index.json", "pytorch_model.bin.index.json"};

bool holds_weights(const fs::path& folder) {
  return std::any_of(std::begin(kWeightFiles), std::end(kWeightFiles),
                     [&](const char* file) { return fs::exists(folder / file); });
}

// resume_from_checkpoint: a folder, true (the newest in output_dir, which must be there) or false. Unset, a
// run goes on from the newest checkpoint there is.
std::string resume_from(const OptionSet& o, const TrainJob& job, bool has_checkpoint) {
  std::string typed = o.text("resume_from_checkpoint");
  const OptionRow as_switch{.name = "resume_from_checkpoint", .type = OptionType::boolean};
  if (!o.given("resume_from_checkpoint")) return job.overwrite_output_dir ? "" : "auto";
  if (fs::is_directory(typed)) return typed;
  std::optional<bool> on;
  try {
    on = std::get<bool>(parse_option(as_switch, typed, ""));
  } catch (const Error&) {
    throw Error({.what = fmt::format("no such checkpoint folder: {}", typed),
                 .where = o.where("resume_from_checkpoint"),
                 .hint = "true takes the newest checkpoint in output_dir"});
  }
  if (*on && !has_checkpoint)
    throw Error({.what = fmt::format("no checkpoint in {}", job.output_dir.string()),
                 .where = o.where("resume_from_checkpoint"),
                 .hint = "leave the key out to start from the beginning"});
  return *on ? "auto" : "";
}

// Found out now, not after a night.
void require_writable(const fs::path& folder, const std::string& where) {
  fs::path there = fs::absolute(folder);
  while (!fs::exists(there) && there.has_relative_path()) there = there.parent_path();
  if (!fs::is_directory(there))
    throw Error({.what = fmt::format("{} cannot be made: {} is a file", folder.string(), there.string()),
                 .where = where,
                 .hint = "choose another output_dir"});
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    throw Error({.what = fmt::format("{} cannot be written: {}: {}", folder.string(), there.string(),
                                     std::strerror(errno)),
                 .where = where,
                 .hint = "choose another output_dir, or give yourself the right to write there"});
}

// LLaMA-Factory's rule: weights without a checkpoint to go on from are a finished run, and not written over
// unless asked.
void output_folder(const OptionSet& o, TrainJob& job) {
  std::string model = fs::path(job.model.name).lexically_normal().filename().string();
  std::ranges::replace(model, ':', '-');
  job.output_dir =
      o.given("output_dir") ? fs::path(o.text("output_dir")) : fs::path("saves") / model / "lora";
  if (const std::string hint = windows_hint(job.output_dir.string()); !hint.empty())
    throw Error({.what = fmt::format("output_dir: {} is a path of Windows", job.output_dir.string()),
                 .where = o.where("output_dir"),
                 .hint = hint.substr(2)});
  require_writable(job.output_dir, o.where("output_dir"));
  job.overwrite_output_dir = o.flag("overwrite_output_dir");
  if (!job.train) return;  // results are added to what lies there
  const bool has_checkpoint = newest_checkpoint(job.output_dir).has_value();
  job.resume_from = resume_from(o, job, has_checkpoint);
  if (!job.overwrite_output_dir && !has_checkpoint && holds_weights(job.output_dir))
    throw Error(
        {.what = "a finished run lies there already",
         .where = job.output_dir.string(),
         .hint = "choose another output_dir, or set overwrite_output_dir: true to start afresh there"});
}

// Whether the run trains. Nothing said: it does, though LLaMA-Factory would do nothing.
bool what_to_do(const OptionSet& o, Listener& listener) {
  const bool evaluates = o.flag("do_eval");
  if (!o.given("do_train") && !evaluates)
    listener.info("none of do_train, do_eval and do_predict is set: training");
  const bool trains = o.given("do_train") ? o.flag("do_train") : !evaluates;
  if (!trains && !evaluates)
    throw Error({.what = "do_train: false leaves nothing to do",
                 .where = o.where("do_train"),
                 .hint = "leave it out to train, or set do_eval: true"});
  if (!o.given("stage")) listener.info("stage is not set: sft");
  return trains;
}

// Keys that hold a password or token are kept by name only: checkpoints and logs are handed on.
std::vector<std::pair<std::string, std::string>> without_secrets(
    std::vector<std::pair<std::string, std::string>> typed) {
  for (auto& [key, value] : typed)
    for (const char* ending : {"_token", "_api_key", "_secret", "_webhook_url"})
      if (key.ends_with(ending)) value = "***";
  return typed;
}
}  // namespace

TrainJob train_job(const OptionSet& o, Listener& listener) {
  TrainJob job;
  job.train = what_to_do(o, listener);
  later_value(o, "stage", {"sft", "pt"}, "stage: sft or stage: pt");
  job.stage = o.text("stage") == "pt" ? Stage::pt : Stage::sft;
  job.model = model_job(o, listener);
  job.model.compute = compute_type(o);
  tell_what_a_given_adapter_keeps(o, listener);
  job.lora = lora_job(o);
  job.data = data_job(o, job.stage, job.train);
  if (job.stage == Stage::sft && o.given("packing"))
    listener.info(
        "packing: samples always share a row here, see only themselves, and none is padded or cut for it");
  job.batch_size = o.integer("per_device_train_batch_size");
  job.accumulation = o.integer("gradient_accumulation_steps");
  keep_effective_batch(job, listener);
  job.epochs = o.number("num_train_epochs");
  job.max_steps = o.integer("max_steps");
  job.seed = uint64_t(o.integer("seed"));
  job.niceness = int(o.integer("niceness"));
  optimizer_keys(o, job);
  reporting_keys(o, job, listener);
  memory_keys(o, job);
  job.check_model = o.flag("check_model");
  job.dry_run = o.flag("dry_run");
  job.report_file = o.text("report_file");
  job.fail_on = o.list("fail_on");
  output_folder(o, job);
  job.as_typed = without_secrets(o.as_typed());
  return job;
}

ChatJob chat_job(const OptionSet& o, Listener& listener) {
  ChatJob job;
  job.model = model_job(o, listener);
  // The YAML of a run: base, template and system text are in it, and the adapter is what the run wrote.
  if (job.model.adapters.empty() && o.given("output_dir") &&
      fs::exists(fs::path(o.text("output_dir")) / "adapter_config.json")) {
    job.model.adapters = {o.text("output_dir")};
    listener.info(
        fmt::format("adapter: {} (what the run of this configuration wrote)", o.text("output_dir")));
  }
  const std::string dtype = o.text("infer_dtype");
  later_value(o, "infer_dtype", {"auto", "float32", "bfloat16"}, "infer_dtype: bfloat16 or float32");
  job.model.compute = dtype == "float32"    ? std::optional(DType::f32)
                      : dtype == "bfloat16" ? std::optional(DType::bf16)
                                            : compute_type(o);
  job.do_sample = o.flag("do_sample");
  job.temperature = o.number("temperature");
  job.top_p = o.number("top_p");
  job.top_k = o.integer("top_k");
  job.max_new_tokens = o.integer("max_new_tokens");
  job.repetition_penalty = o.number("repetition_penalty");
  job.skip_special_tokens = o.flag("skip_special_tokens");
  if (o.given("seed")) job.seed = uint64_t(o.integer("seed"));
  return job;
}

namespace {
std::optional<DType> infer_type(const OptionSet& o) {
  const std::string name = o.text("infer_dtype");
  if (name == "auto") return std::nullopt;
  return name == "float32" ? DType::f32 : name == "float16" ? DType::f16 : DType::bf16;
}
}  // namespace

ExportJob export_job(const OptionSet& o, Listener& listener) {
  ExportJob job;
  job.model = model_job(o, listener);
  if (!o.given("export_dir"))
    throw Error({.what = "export_dir is missing", .hint = "name the folder for the merged model"});
  job.export_dir = o.text("export_dir");
  job.overwrite = o.flag("overwrite_output_dir");
  if (o.flag("export_legacy_format"))
    throw Error(
        {.what = "export_legacy_format: true asks for pickled files, which can run code when they are read",
         .where = o.where("export_legacy_format"),
         .hint = "leave it out: every program that reads them reads safetensors too"});
  constexpr std::string_view kGguf = "gguf-";
  const std::string format = o.text("export_format");
  job.gguf = format.starts_with(kGguf);
  if (!job.gguf) {
    job.type = infer_type(o);
  } else {
    job.type = dtype_by_name(std::string_view(format).substr(kGguf.size()))->type;
    if (o.given("infer_dtype")) listener.info("infer_dtype has no effect: export_format names the type");
  }
  job.shard_bytes = std::min<int64_t>(o.integer("export_size"), 1'000'000) * 1'000'000'000;
  return job;
}

}  // namespace fettle::llamafactory
