#include "tune/load_data.h"

#include <fmt/format.h>

#include "base/error.h"
#include "format/gguf.h"

namespace fettle {

namespace {
constexpr size_t kNamedExamples = 5;  // of every kind of trouble the first few are named, all are counted

void name_example(DataReport& report, size_t count, std::string text) {
  if (count <= kNamedExamples) report.examples.push_back(std::move(text));
}

void add_supervised(const Sample& sample, const ChatTemplate& chat, const EncodeOptions& options,
                    Dataset& out) {
  EncodedSample encoded = encode_supervised(sample, chat, options);
  DataReport& report = out.report();
  const int64_t kept = int64_t(encoded.ids.size());
  if (encoded.cut)
    name_example(report, size_t(++report.cut),
                 fmt::format("{}: cut from {} to {} tokens (cutoff_len)", sample.place.text(),
                             encoded.full_length, kept));
  if (!out.add(std::move(encoded.ids), std::move(encoded.labels), sample.place))
    name_example(report, size_t(report.nothing_to_train),
                 fmt::format("{}: nothing to train on, left out", sample.place.text()));
}

void tell(const DataReport& r, Listener& listener) {
  listener.info(fmt::format("data: {} samples, {} tokens, {} of them trained on ({:.0f} %)", r.samples,
                            r.tokens, r.targets,
                            r.tokens ? 100.0 * double(r.targets) / double(r.tokens) : 0.0));
  if (r.cut + r.nothing_to_train + r.skipped == 0) return;
  std::string text =
      fmt::format("data: {} cut, {} left out with nothing to train on, {} of {} records skipped", r.cut,
                  r.nothing_to_train, r.skipped, r.records);
  for (const std::string& e : r.examples) text += "\n    " + e;
  listener.warn(std::move(text));
}
}  // namespace

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

std::string template_of(const ModelJob& job, const Model& model, const Tokenizer& tokenizer,
                        Listener& listener) {
  if (!job.template_name.empty()) return job.template_name;
  const std::string_view guess = guess_template(model.chat_template(), tokenizer);
  if (guess.empty())
    throw Error({.what = model.chat_template().empty()
                             ? "the model carries no chat template and none is named"
                             : "no template is named, and the model's own is not one that is known",
                 .where = model.path().string(),
                 .hint = "set template, e.g. template: llama3, or template: empty for plain text"});
  listener.info(fmt::format("template: {} (not set; recognised from the model's own chat template)", guess));
  return std::string(guess);
}

Dataset load_dataset(const TrainJob& job, const ChatTemplate& chat, Listener& listener) {
  const EncodeOptions options{.cutoff_len = job.data.cutoff_len,
                              .train_on_prompt = job.data.train_on_prompt,
                              .mask_history = job.data.mask_history};
  Dataset dataset;
  for (const std::string& name : job.data.datasets) {
    const DatasetEntry entry = find_dataset(job.data.dataset_dir, name, listener);
    if (entry.ranking)
      throw Error({.what = fmt::format(
                       "dataset '{}' holds preference pairs, which this stage does not train on", name),
                   .where = entry.file.string(),
                   .hint = "choose a dataset without \"ranking\": true"});
    const LoadedSamples loaded = load_samples(entry, job.data.max_samples, job.seed, listener);
    DataReport& report = dataset.report();
    report.records += loaded.records;
    for (const SkippedRecord& skip : loaded.skipped)
      name_example(report, size_t(++report.skipped),
                   fmt::format("{}: skipped: {}", skip.place.text(), skip.reason));
    if (job.stage == Stage::pt) {
      encode_pretrain(loaded.samples, chat, options, job.data.packing, dataset);
      continue;
    }
    int64_t done = 0;
    for (const Sample& sample : loaded.samples) {
      add_supervised(sample, chat, options, dataset);
      listener.on_progress({"tokenizing " + name, ++done, int64_t(loaded.samples.size()), "samples"});
    }
  }
  if (dataset.size() == 0)
    throw Error({.what = "no sample is left to train on",
                 .where = fmt::format("{}", fmt::join(job.data.datasets, ", ")),
                 .hint = "see the lines above for what was skipped and why"});
  tell(dataset.report(), listener);
  return dataset;
}

}  // namespace fettle
