#include "tune/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "format/records.h"
#include "format/safetensors.h"

namespace fettle {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {
constexpr const char* kStateFile = "fettle_state.json";
constexpr const char* kMomentsFile = "optimizer.safetensors";
constexpr const char* kPrefix = "checkpoint-";

json to_json(const RunState& s) {
  json typed = json::array();
  for (const auto& [key, value] : s.as_typed) typed.push_back({key, value});
  return {{"version", kCheckpointVersion},
          {"step", s.step},
          {"total_steps", s.total_steps},
          {"tokens_seen", s.tokens_seen},
          {"targets_seen", s.targets_seen},
          {"loss_sum", s.loss_sum},
          {"unlogged_loss_sum", s.unlogged_loss_sum},
          {"logged_step", s.logged_step},
          {"best_step", s.best_step},
          {"best_metric", s.best_metric},
          {"seed", s.seed},
          {"batch_size", s.batch_size},
          {"accumulation", s.accumulation},
          {"data_fingerprint", s.data_fingerprint},
          {"below_fingerprint", s.below_fingerprint},
          {"isa", s.isa},
          {"compute", s.compute},
          {"options", typed}};
}

[[noreturn]] void damaged(std::string what, const fs::path& file) {
  throw Error({.what = std::move(what),
               .where = file.string(),
               .hint = "the checkpoint is damaged; resume from an older one"});
}

// The library would cut 1.5 to 1 and wrap 2^64 - 1 to -1.
template <class T>
bool fits(const json& value) {
  if constexpr (!std::is_integral_v<T>) {
    return true;
  } else {
    return value.is_number_unsigned()  ? std::in_range<T>(value.get<uint64_t>())
           : value.is_number_integer() ? std::in_range<T>(value.get<int64_t>())
                                       : false;
  }
}

template <class T>
T field(const json& doc, const char* key, const fs::path& file) {
  try {
    const json& value = doc.at(key);
    if (!fits<T>(value)) damaged(fmt::format("key '{}' is no integer in its range", key), file);
    return value.get<T>();
  } catch (const json::exception& e) {
    damaged(fmt::format("key '{}' is missing or has the wrong type ({})", key, e.what()), file);
  }
}

// A place that no run was ever at is none to go on from.
void check_place(const RunState& s, const fs::path& file) {
  if (s.step < 0 || s.total_steps < 0 || s.tokens_seen < 0 || s.targets_seen < 0)
    damaged(fmt::format("step {}, total_steps {}, tokens_seen {} or targets_seen {} is negative", s.step,
                        s.total_steps, s.tokens_seen, s.targets_seen),
            file);
  if (s.logged_step < 0 || s.logged_step > s.step || s.best_step < -1 || s.best_step > s.step)
    damaged(fmt::format("logged_step {} or best_step {} does not go with step {}", s.logged_step, s.best_step,
                        s.step),
            file);
}

TensorToWrite moment(std::string name, std::span<const float> values) {
  return {.name = std::move(name),
          .type = DType::f32,
          .shape = {int64_t(values.size())},
          .produce = [values](const auto& sink) { sink(std::as_bytes(values)); }};
}

std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string digits = name.substr(std::strlen(kPrefix));
  if (digits.empty() || digits.size() > 15 || !std::all_of(digits.begin(), digits.end(), ::isdigit))
    return std::nullopt;
  return std::stoll(digits);
}
}  // namespace

fs::path save_checkpoint(const fs::path& output_dir, const RunState& state, const LoraAdapter& adapter,
                         Optimizer& optimizer, const std::string& trainer_state) {
  fs::path path = checkpoint_path(output_dir, state.step);
  AtomicFolder folder(path);
  adapter.save(folder.path());
  write_safetensors(
      folder.path() / kMomentsFile,
      {moment("exp_avg", optimizer.first_moment()), moment("exp_avg_sq", optimizer.second_moment())},
      {{"format", "pt"}});
  write_atomic(folder.path() / kStateFile, to_json(state).dump(2) + "\n");
  write_atomic(folder.path() / "trainer_state.json", trainer_state);
  folder.commit();
  return path;
}

std::vector<fs::path> checkpoints(const fs::path& output_dir) {
  std::vector<fs::path> found;
  if (!fs::is_directory(output_dir)) return found;
  for (const auto& entry : fs::directory_iterator(output_dir))
    if (entry.is_directory() && step_of(entry.path()) && fs::exists(entry.path() / kStateFile))
      found.push_back(entry.path());
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return *step_of(a) < *step_of(b); });
  return found;
}

std::optional<fs::path> newest_checkpoint(const fs::path& output_dir) {
  const auto all = checkpoints(output_dir);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

fs::path checkpoint_path(const fs::path& output_dir, int64_t step) {
  return output_dir / (kPrefix + std::to_string(step));
}

void remove_old_checkpoints(const fs::path& output_dir, int64_t limit, int64_t best_step) {
  auto all = checkpoints(output_dir);
  if (all.empty()) return;
  std::set<fs::path> kept = {all.back()};
  const fs::path best = checkpoint_path(output_dir, best_step);
  if (std::find(all.begin(), all.end(), best) != all.end()) kept.insert(best);
  int64_t left = int64_t(all.size());
  for (const fs::path& folder : all) {
    if (left <= std::max(limit, int64_t(kept.size()))) return;
    if (kept.contains(folder)) continue;
    fs::remove_all(folder);
    --left;
  }
}

RunState load_run_state(const fs::path& checkpoint) {
  const fs::path file = checkpoint / kStateFile;
  if (!fs::exists(file))
    throw Error(
        {.what = "this is no checkpoint that Fettle can resume: fettle_state.json is missing",
         .where = checkpoint.string(),
         .hint = "to continue training an adapter with a fresh optimizer, name it in adapter_name_or_path"});
  const json doc = parse_json_document(read_text(file), file.string());
  const int version = field<int>(doc, "version", file);
  if (version > kCheckpointVersion || version < 1)
    throw Error({.what = fmt::format("checkpoint version {}, this program knows up to {}", version,
                                     kCheckpointVersion),
                 .where = file.string(),
                 .hint = "resume with the version of Fettle that wrote it, or a newer one"});
  RunState s;
  s.step = field<int64_t>(doc, "step", file);
  s.total_steps = field<int64_t>(doc, "total_steps", file);
  s.tokens_seen = field<int64_t>(doc, "tokens_seen", file);
  s.targets_seen = field<int64_t>(doc, "targets_seen", file);
  s.loss_sum = field<double>(doc, "loss_sum", file);
  s.unlogged_loss_sum = field<double>(doc, "unlogged_loss_sum", file);
  if (version >= 2) {
    s.logged_step = field<int64_t>(doc, "logged_step", file);
    s.best_step = field<int64_t>(doc, "best_step", file);
    s.best_metric = field<double>(doc, "best_metric", file);
    s.below_fingerprint = field<std::string>(doc, "below_fingerprint", file);
  } else {  // its sum cannot be told apart by steps: the next logged loss is the mean since the checkpoint
    s.logged_step = s.step;
    s.unlogged_loss_sum = 0;
  }
  s.seed = field<uint64_t>(doc, "seed", file);
  s.batch_size = field<int64_t>(doc, "batch_size", file);
  s.accumulation = field<int64_t>(doc, "accumulation", file);
  s.data_fingerprint = field<std::string>(doc, "data_fingerprint", file);
  s.isa = field<std::string>(doc, "isa", file);
  s.compute = field<std::string>(doc, "compute", file);
  s.as_typed = field<std::vector<std::pair<std::string, std::string>>>(doc, "options", file);
  check_place(s, file);
  return s;
}

void load_moments(const fs::path& checkpoint, Optimizer& optimizer) {
  const fs::path path = checkpoint / kMomentsFile;
  const auto file = SafetensorsFile::open(path);
  const auto read = [&](const char* name, std::span<float> into) {
    const TensorEntry* t = file->find(name);
    if (!t || t->type != DType::f32 || t->elements() != int64_t(into.size()))
      throw Error({.what = fmt::format("tensor '{}' is missing or not F32 [{}]", name, into.size()),
                   .where = path.string(),
                   .hint = "the checkpoint belongs to another adapter shape, or is damaged"});
    std::memcpy(into.data(), t->data.data(), t->data.size());
  };
  read("exp_avg", optimizer.first_moment());
  read("exp_avg_sq", optimizer.second_moment());
}

void check_resumable(const RunState& saved, const RunState& now, const fs::path& checkpoint,
                     Listener& listener) {
  std::vector<std::string> differences;
  const auto compare = [&](std::string_view what, const auto& was, const auto& is) {
    if (was != is)
      differences.push_back(fmt::format("{}: the checkpoint has {}, this run has {}", what, was, is));
  };
  if (saved.data_fingerprint != now.data_fingerprint)
    differences.push_back("the training data (files, template or cutoff_len) changed since the checkpoint");
  if (saved.below_fingerprint != now.below_fingerprint)
    differences.push_back("the adapters below the trained one (adapter_name_or_path) changed");
  compare("seed", saved.seed, now.seed);
  compare("per_device_train_batch_size", saved.batch_size, now.batch_size);
  compare("gradient_accumulation_steps", saved.accumulation, now.accumulation);
  compare("compute type", saved.compute, now.compute);
  if (!differences.empty())
    throw Error({.what = fmt::format("cannot resume: {}", fmt::join(differences, "; ")),
                 .where = checkpoint.string(),
                 .hint = "restore the old settings, or start afresh with overwrite_output_dir: true"});
  if (saved.total_steps != now.total_steps)
    listener.warn(
        fmt::format("the run now has {} steps, it had {}: the learning-rate schedule changes from here on",
                    now.total_steps, saved.total_steps));
  if (saved.isa != now.isa)
    listener.warn(fmt::format(
        "the checkpoint was made with {} kernels, this run uses {}: it goes on, but not with the bits "
        "of an unbroken run (set FETTLE_ISA={} for those)",
        saved.isa, now.isa, saved.isa));
}

}  // namespace fettle
