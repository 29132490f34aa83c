#include "tune/load_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/shuffle.h"
#include "format/gguf.h"
#include "tune/token_cache.h"

namespace fettle {

std::shared_ptr<const Tokenizer> tokenizer_of(const Model& model) {
  return model.is_gguf() ? load_tokenizer(*model.gguf()) : load_tokenizer(model.path());
}

void settle_quantization(const ModelJob& job, const Model& model, Listener& listener) {
  if (!job.quantization_bit) return;
  if (!model.quantised())
    throw Error(
        {.what = fmt::format("quantization_bit: {} over a base in {}: quantising on load is not there yet",
                             *job.quantization_bit, name(model.main_type())),
         .where = model.path().string(),
         .hint = "train on a GGUF file that is quantised already (Q4_1, Q8_0, Q6_K …), or leave "
                 "quantization_bit out"});
  listener.info(fmt::format("quantization_bit: {} changes nothing: the base is quantised already ({})",
                            *job.quantization_bit, name(model.main_type())));
}

namespace {
std::string template_of(const ModelJob& job, const Model& model, const Tokenizer& tokenizer,
                        Listener& listener) {
  std::string name = job.template_name;
  if (name.empty() && model.chat_template().empty()) {
    name = "empty";
    listener.warn(
        "template: empty (not set, and the model carries no chat template: turns stand one behind the other "
        "without markers, and no answer has an end); set template for a chat");
  } else if (name.empty()) {
    name = guess_template(model.chat_template(), tokenizer);
    if (name.empty())
      throw Error({.what = "no template is named, and the model's own is not one that is known",
                   .where = model.path().string(),
                   .hint = "set template, e.g. template: llama3, or template: empty for plain text"});
    listener.info(fmt::format("template: {} (not set; recognised from the model's own chat template)", name));
  }
  if (const std::string misfit = vocabulary_misfit(name, tokenizer); !misfit.empty()) listener.warn(misfit);
  return name;
}
}  // namespace

ThinkingRules thinking_of(const ModelJob& job) {
  return {.enable = job.enable_thinking, .preserve = job.preserve_thinking};
}

ToolRules tools_of(const ModelJob& job) {
  ToolRules rules{.format = job.tool_format};
  if (!job.tool_date.empty()) rules.date = job.tool_date;
  return rules;
}

ChatTemplate chat_template_of(const ModelJob& job, const Model& model,
                              std::shared_ptr<const Tokenizer> tokenizer, Listener& listener) {
  const std::string name = template_of(job, model, *tokenizer, listener);
  return {name, std::move(tokenizer), job.default_system, thinking_of(job), tools_of(job)};
}

namespace {
struct NamedSamples {
  std::string name;
  LoadedSamples loaded;
};

// Metrics and plots are files named after their set.
std::string file_name(const std::filesystem::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

void refuse_for_stage(const TrainJob& job, const DatasetEntry& entry) {
  const std::string& name = entry.name;
  if (entry.ranking)
    throw Error(
        {.what = fmt::format("dataset '{}' holds preference pairs, which this stage does not train on", name),
         .where = entry.file.string(),
         .hint = "choose a dataset without \"ranking\": true"});
  if (job.stage == Stage::pt && format_of(entry).conversations)
    throw Error(
        {.what = fmt::format("dataset '{}' holds conversations ({}), which pre-training cannot take as "
                             "documents",
                             name, entry.formatting),
         .where = entry.file.string(),
         .hint = "use stage: sft, or an alpaca dataset whose prompt column holds the text"});
  if (job.stage == Stage::pt && entry.detected && !entry.response.empty())
    throw Error(
        {.what = fmt::format("dataset '{}' holds instructions with answers, of which pre-training would "
                             "take the instruction alone",
                             name),
         .where = entry.file.string(),
         .hint = "use stage: sft, or register the file and name the column of texts as its prompt"});
  if (job.stage == Stage::sft && entry.detected && !format_of(entry).conversations && entry.response.empty())
    throw Error(
        {.what = fmt::format("dataset '{}' holds texts without answers", name),
         .where = entry.file.string(),
         .hint = "use stage: pt to train on texts; sft wants instructions with answers, or conversations"});
}

NamedSamples read_dataset(const TrainJob& job, const std::string& name, Listener& listener) {
  const DatasetEntry entry = find_dataset(job.data.dataset_dir, name, listener);
  refuse_for_stage(job, entry);
  return {entry.detected ? file_name(entry.file) : name,
          load_samples(entry, job.data.max_samples, job.seed, listener)};
}

std::vector<NamedSamples> read_datasets(const TrainJob& job, const std::vector<std::string>& names,
                                        Listener& listener) {
  std::vector<NamedSamples> sets;
  sets.reserve(names.size());
  for (const std::string& name : names) sets.push_back(read_dataset(job, name, listener));
  return sets;
}

/// A date that LLaMA-Factory takes from the day must not change what a run learns tomorrow.
void tell_tool_date(const std::vector<NamedSamples>& sets, const TrainJob& job, const ChatTemplate& chat,
                    Listener& listener) {
  if (!chat.row().tool_format->dated || !job.model.tool_date.empty()) return;
  const auto has_tools = [](const Sample& sample) { return !sample.tools.empty(); };
  for (const NamedSamples& set : sets)
    if (std::any_of(set.loaded.samples.begin(), set.loaded.samples.end(), has_tools)) {
      listener.info(
          fmt::format("tool descriptions say that today is {}, the day Llama's own chat template falls "
                      "back to; LLaMA-Factory writes the day of the run (tool_date sets another)",
                      kToolDate));
      return;
    }
}

// mix_strategy makes one of them, unless each is evaluated for itself.
void mix(std::vector<NamedSamples>& sets, const TrainJob& job) {
  if (sets.size() < 2 || job.data.mixing.strategy == MixStrategy::concat) return;
  std::vector<LoadedSamples> parts;
  std::vector<std::string> names;
  for (NamedSamples& set : sets) {
    if (set.loaded.samples.empty())
      throw Error({.what = fmt::format("no sample of dataset {} is left to mix", set.name),
                   .where = "mix_strategy",
                   .hint = "hold back fewer (val_size), or mix_strategy: concat"});
    parts.push_back(std::move(set.loaded));
    names.push_back(std::move(set.name));
  }
  sets.clear();
  sets.push_back(
      {fmt::format("{}", fmt::join(names, ", ")), mixed(std::move(parts), job.data.mixing, job.seed)});
}

void encode(std::span<const Sample> samples, const TrainJob& job, const ChatTemplate& chat, Dataset& out,
            Listener& listener) {
  const EncodeOptions options{.cutoff_len = job.data.cutoff_len,
                              .train_on_prompt = job.data.train_on_prompt,
                              .mask_history = job.data.mask_history};
  if (samples.empty()) return;
  listener.on_progress(
      {"Tokenising", 0, int64_t(samples.size()), job.stage == Stage::pt ? "documents" : "samples"});
  if (job.stage == Stage::pt)
    encode_pretrain(samples, chat, options, job.data.packing, out, &listener);
  else
    encode_supervised(samples, chat, options, out, &listener);
}

// Moves the samples that val_size holds back out of `sets` and encodes them.
Dataset take_held_back(std::vector<NamedSamples>& sets, const TrainJob& job, const ChatTemplate& chat,
                       Listener& listener) {
  int64_t count = 0;
  for (const NamedSamples& set : sets) count += int64_t(set.loaded.samples.size());
  const std::vector<bool> held = held_back(count, job.eval.val_size, job.seed);
  Dataset out;
  size_t at = 0;
  for (NamedSamples& set : sets) {
    std::vector<Sample> kept, taken;
    for (Sample& sample : set.loaded.samples) (held[at++] ? taken : kept).push_back(std::move(sample));
    set.loaded.samples = std::move(kept);
    set.loaded.records -= int64_t(taken.size());
    out.report().records += int64_t(taken.size());
    encode(taken, job, chat, out, listener);
  }
  return out;
}

void tell(const Dataset& dataset, std::string_view what, std::string_view done_with, Listener& listener) {
  const DataReport& report = dataset.report();
  listener.info(fmt::format("{}: {} sample{}, {} tokens, {} of them {} ({:.0f} %)", what, dataset.size(),
                            dataset.size() == 1 ? "" : "s", report.tokens, report.targets, done_with,
                            100.0 * double(report.targets) / double(report.tokens)));
  report.tell(listener);
}

void require_samples(const Dataset& dataset, std::string_view to, const std::vector<std::string>& names) {
  if (dataset.size() > 0) return;
  throw Error({.what = fmt::format("no sample is left to {}", to),
               .where = fmt::format("{}", fmt::join(names, ", ")),
               .hint = "see the lines above for what was skipped and why"});
}

// Of two results of one name the later would stand alone.
void refuse_equal_names(std::span<const NamedSamples> sets) {
  for (size_t i = 0; i < sets.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (sets[i].name == sets[j].name)
        throw Error(
            {.what = fmt::format("two datasets to evaluate on are called {}", sets[i].name),
             .where = "eval_dataset",
             .hint = "with eval_on_each_dataset every result needs a name of its own; rename a file"});
}

std::vector<EvalSet> encode_eval_datasets(const TrainJob& job, const ChatTemplate& chat, Listener& listener) {
  std::vector<EvalSet> sets;
  std::vector<NamedSamples> read = read_datasets(job, job.eval.datasets, listener);
  if (!job.eval.each)
    mix(read, job);
  else
    refuse_equal_names(read);
  for (const NamedSamples& set : read) {
    if (sets.empty() || job.eval.each) sets.push_back({job.eval.each ? set.name : "", {}});
    sets.back().data.report().count(set.loaded);
    encode(set.loaded.samples, job, chat, sets.back().data, listener);
  }
  return sets;
}
}  // namespace

std::vector<bool> held_back(int64_t count, double val_size, uint64_t seed) {
  const int64_t wanted = int64_t(val_size > 1 ? val_size : std::ceil(double(count) * val_size));
  if (wanted >= count)
    throw Error({.what = fmt::format("val_size: {} holds back {} of {} samples, so none is left to train on",
                                     val_size, wanted, count),
                 .where = "val_size",
                 .hint = "a share such as 0.1, or a smaller number"});
  Rng rng(seed, Purpose::split, /*step=*/0, /*stream=*/1);  // stream 0 draws num_samples
  const std::vector<int64_t> order = shuffled(count, rng);
  std::vector<bool> held(static_cast<size_t>(count));
  for (int64_t i = 0; i < wanted; ++i) held[size_t(order[size_t(i)])] = true;
  return held;
}

RunData load_data(const TrainJob& job, const ChatTemplate& chat, const Model& model, Listener& listener) {
  return job.data.tokenized_path.empty() ? encode_data(job, chat, listener)
                                         : cached_data(job, chat, model, listener);
}

RunData encode_data(const TrainJob& job, const ChatTemplate& chat, Listener& listener) {
  RunData data;
  std::vector<NamedSamples> sets;
  const bool split = job.eval.val_size > 0;
  if (job.train || split) sets = read_datasets(job, job.data.datasets, listener);
  tell_tool_date(sets, job, chat, listener);
  if (split) data.eval.push_back({"", take_held_back(sets, job, chat, listener)});
  if (job.train) {
    mix(sets, job);  // after holding back: what is repeated must not be on both sides
    for (const NamedSamples& set : sets) {
      data.train.report().count(set.loaded);
      encode(set.loaded.samples, job, chat, data.train, listener);
    }
    require_samples(data.train, "train on", job.data.datasets);
    tell(data.train, "data", "trained on", listener);
  }
  for (EvalSet& set : encode_eval_datasets(job, chat, listener)) data.eval.push_back(std::move(set));
  for (const EvalSet& set : data.eval) {
    require_samples(set.data, "evaluate", split ? job.data.datasets : job.eval.datasets);
    tell(set.data, set.name.empty() ? "evaluation data" : "evaluation data " + set.name, "predicted",
         listener);
  }
  return data;
}

}  // namespace fettle
