#include "tune/load_data.h"

#include <fmt/format.h>

#include "base/error.h"
#include "format/gguf.h"

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
    dataset.report().count(loaded);
    if (job.stage == Stage::pt) {
      encode_pretrain(loaded.samples, chat, options, job.data.packing, dataset, &listener);
    } else {
      encode_supervised(loaded.samples, chat, options, dataset, &listener);
    }
  }
  if (dataset.size() == 0)
    throw Error({.what = "no sample is left to train on",
                 .where = fmt::format("{}", fmt::join(job.data.datasets, ", ")),
                 .hint = "see the lines above for what was skipped and why"});
  const DataReport& report = dataset.report();
  listener.info(fmt::format("data: {} samples, {} tokens, {} of them trained on ({:.0f} %)", dataset.size(),
                            report.tokens, report.targets,
                            100.0 * double(report.targets) / double(report.tokens)));
  report.tell(listener);
  return dataset;
}

}  // namespace fettle
