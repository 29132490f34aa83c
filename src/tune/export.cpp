#include "tune/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "data/ollama_modelfile.h"
#include "format/gguf.h"
#include "format/safetensors.h"
#include "model/lora.h"
#include "model/merge.h"
#include "model/rope.h"
#include "tune/export_files.h"
#include "tune/load_data.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

bool contains(const fs::path& folder, const fs::path& path) {
  const fs::path inner = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !inner.empty() && *inner.begin() != "..";
}

// Replacing a folder deletes what is in it; that must be no more than an earlier export.
void check_folder(const ExportJob& job, const fs::path& folder) {
  if (!fs::exists(folder)) return;
  const std::string where = folder.string();
  if (!fs::is_directory(folder))
    throw Error({.what = "export_dir names a file", .where = where, .hint = "choose a folder's name"});
  if (fs::is_empty(folder)) return;
  if (!job.overwrite)
    throw Error({.what = "export_dir is not empty",
                 .where = where,
                 .hint = "choose another folder, or set overwrite_output_dir: true to replace it whole"});
  std::vector<std::string> inputs = job.model.adapters;
  inputs.push_back(job.model.model);
  for (const std::string& input : inputs)
    if (contains(folder, input))
      throw Error({.what = fmt::format("export_dir holds {}, which is needed", input),
                   .where = where,
                   .hint = "choose another folder"});
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && entry.path().filename() != "additional_chat_templates")
      throw Error({.what = fmt::format(
                       "export_dir holds the folder {}, so it is no earlier export, and is not replaced",
                       entry.path().filename().string()),
                   .where = where,
                   .hint = "choose another folder"});
}

void check_disk(const fs::path& folder, int64_t bytes) {
  fs::path there = folder;
  while (!fs::exists(there) && there.has_parent_path() && there != there.parent_path())
    there = there.parent_path();
  std::error_code failed;
  const fs::space_info space = fs::space(there, failed);
  constexpr int64_t kCompanions = 64 << 20;  // tokenizer and configuration, generously
  if (failed || int64_t(space.available) >= bytes + kCompanions) return;
  throw Error({.what = fmt::format("the disk has {:.1f} GB free, {:.1f} GB are needed",
                                   double(space.available) / 1e9, double(bytes + kCompanions) / 1e9),
               .where = folder.string(),
               .hint = "free some space, choose a folder on another disk, or a smaller export_format"});
}

// As the base has its numbers; of quantised weights, what every program and every model computes in.
DType type_of(const ExportJob& job, const Model& base, Listener& listener) {
  if (!base.quantised()) return job.type.value_or(base.main_type());
  const DType type = job.type.value_or(DType::bf16);
  if (!job.gguf)
    listener.info(fmt::format("the base is quantised ({}): its weights are decoded and written as {}{}",
                              name(base.main_type()), name(type), job.type ? "" : " (infer_dtype: auto)"));
  return type;
}

int64_t bytes_of(std::span<const TensorToWrite> tensors) {
  int64_t sum = 0;
  for (const TensorToWrite& tensor : tensors) sum += tensor_bytes(tensor.type, tensor.shape).value_or(0);
  return sum;
}

bool same_waves(const RopeParams& a, const RopeParams& b, int64_t head_dim) {
  const auto near = [](double x, double y) { return std::abs(x - y) <= 1e-6 * y; };
  return std::ranges::equal(rope_frequencies(a, head_dim), rope_frequencies(b, head_dim), near);
}

// Equal but for how rotary frequencies and the scale of scores are written down.
bool same_arithmetic(HyperParams a, HyperParams b) {
  if (a.head_dim != b.head_dim || a.score_scale() != b.score_scale() ||
      !same_waves(a.rope, b.rope, a.head_dim) || a.local_rope.has_value() != b.local_rope.has_value() ||
      (a.local_rope && !same_waves(*a.local_rope, *b.local_rope, a.head_dim)))
    return false;
  for (HyperParams* hp : {&a, &b}) {
    hp->rope = {};
    hp->local_rope.reset();
    hp->query_scalar = 0;
  }
  return a == b;
}

/// Counts what is written for the progress line, and breaks off when asked to.
class Meter {
 public:
  Meter(int64_t total, Listener& listener, const std::atomic<bool>* stop)
      : total_(total), listener_(listener), stop_(stop) {}

  void attach(std::vector<TensorToWrite>& tensors) {
    for (TensorToWrite& tensor : tensors)
      tensor.produce = [this, inner = std::move(tensor.produce)](const auto& sink) {
        inner([&](std::span<const std::byte> part) {
          sink(part);
          add(int64_t(part.size()));
        });
      };
  }

 private:
  void add(int64_t bytes) {
    if (stop_ != nullptr && *stop_)
      throw Error({.what = "stopped; nothing was left behind", .where = "export"});
    done_ += bytes;
    constexpr int64_t kUnit = 1'000'000;
    listener_.on_progress({"export",
                           done_ == total_ ? total_ / kUnit : std::min(done_ / kUnit, total_ / kUnit - 1),
                           total_ / kUnit, "MB"});
  }

  int64_t done_ = 0, total_;
  Listener& listener_;
  const std::atomic<bool>* stop_;
};

/// One export, from the opened base to the folder under its final name.
class Export {
 public:
  Export(const ExportJob& job, Listener& listener)
      : job_(job),
        folder_(final_folder(job)),
        base_(Model::load(job.model.model, listener)),
        type_(type_of(job, *base_, listener)),
        pool_(job.model.threads > 0 ? job.model.threads : usable_cores()) {
    for (const std::string& path : job.model.adapters) adapters_.push_back(LoraAdapter::load(path, *base_));
    find_template(listener);
  }

  ExportResult run(Listener& listener, const std::atomic<bool>* stop) {
    std::vector<const LoraAdapter*> adapters;
    for (const auto& adapter : adapters_) adapters.push_back(adapter.get());
    const Container container = job_.gguf ? Container::gguf : Container::safetensors;
    auto tensors = merged_tensors(*base_, adapters, {.container = container, .type = type_}, pool_);
    ExportResult result{.folder = folder_,
                        .type = type_,
                        .bytes = bytes_of(tensors),
                        .merged = merged_count(*base_, adapters),
                        .tensors = int64_t(tensors.size()),
                        .template_name = chat_ ? std::string(chat_->row().name) : ""};
    check_disk(folder_, result.bytes);
    Meter meter(result.bytes, listener, stop);
    meter.attach(tensors);
    fs::create_directories(folder_.parent_path());
    AtomicFolder folder(folder_);
    result.weights =
        job_.gguf ? write_gguf_file(folder.path(), tensors) : write_folder(folder.path(), std::move(tensors));
    if (chat_) {
      const std::string from = job_.gguf ? "./" + result.weights.front() : ".";
      write_atomic(folder.path() / "Modelfile", ollama_modelfile(*chat_, from, base_->hp().context_length));
    }
    read_again(job_.gguf ? folder.path() / result.weights.front() : folder.path());
    folder.commit();
    return result;
  }

 private:
  static fs::path final_folder(const ExportJob& job) {
    fs::path folder = fs::absolute(job.export_dir).lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();  // "merged/"
    check_folder(job, folder);
    return folder;
  }

  // For the Modelfile and the stop tokens. Without one the weights are as good.
  void find_template(Listener& listener) {
    const auto tokenizer = tokenizer_of(*base_);
    const std::string own(guess_template(base_->chat_template(), *tokenizer));
    const std::string name = job_.model.template_name.empty() ? own : job_.model.template_name;
    if (name.empty()) {
      listener.info(
          "no Modelfile for Ollama: template is not set, and the model's own is not one that is known");
      return;
    }
    chat_.emplace(name, tokenizer, job_.model.default_system);
    if (name != own)
      listener.warn(
          fmt::format("template {} is not the model's own chat template{}: the tokenizer keeps its own, so "
                      "programs that apply it "
                      "write other prompts than were trained; the Modelfile has {}",
                      name, own.empty() ? "" : fmt::format(" ({})", own), name));
  }

  std::vector<std::string> write_folder(const fs::path& folder, std::vector<TensorToWrite> tensors) const {
    write_hf_companions(*base_, type_, chat_ ? chat_->stop_ids() : std::span<const int32_t>(), folder);
    return write_safetensors_model(folder, std::move(tensors), job_.shard_bytes);
  }

  std::vector<std::string> write_gguf_file(const fs::path& folder,
                                           std::span<const TensorToWrite> tensors) const {
    const std::string name = folder_.filename().string(),
                      file = fmt::format("{}-{}.gguf", name, fettle::name(type_));
    write_gguf(folder / file, merged_metadata(*base_, type_, name), tensors);
    return {file};
  }

  // What cannot be opened again must not take the place of what was there.
  void read_again(const fs::path& path) const {
    Listener silent;
    const auto written = Model::load(path, silent);
    FETTLE_CHECK(written->parameters() == base_->parameters(), "{} parameters were written, the base has {}",
                 written->parameters(), base_->parameters());
    if (!same_arithmetic(written->hp(), base_->hp()))
      throw Error({.what = fmt::format("the configuration has what a {} of a {} model cannot say",
                                       job_.gguf ? "GGUF" : "config.json", base_->family().name),
                   .where = job_.model.model,
                   .hint = "choose the other kind of export_format"});
    const SpecialIds ids = tokenizer_of(*written)->special(), wanted = tokenizer_of(*base_)->special();
    FETTLE_CHECK(ids.bos == wanted.bos && ids.eos == wanted.eos && ids.add_bos == wanted.add_bos,
                 "the tokenizer's special ids changed");
  }

  const ExportJob& job_;
  const fs::path folder_;
  std::shared_ptr<const Model> base_;
  const DType type_;
  ThreadPool pool_;
  std::vector<std::unique_ptr<LoraAdapter>> adapters_;
  std::optional<ChatTemplate> chat_;
};

}  // namespace

ExportResult run_export(const ExportJob& job, Listener& listener, const std::atomic<bool>* stop) {
  return Export(job, listener).run(listener, stop);
}

}  // namespace fettle
