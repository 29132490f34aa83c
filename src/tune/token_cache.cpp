#include "tune/token_cache.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "data/token_store.h"
#include "format/gguf.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFile = "fettle_tokens.bin";
constexpr size_t kNamed = 3;  // differences in a warning

std::string digest(const std::string& text) {
  return sha256_hex(std::as_bytes(std::span(text)));
}

std::string file_digest(const fs::path& file) {
  return sha256_hex(MappedFile::open(file)->bytes());
}

std::string tokenizer_digest(const Model& model) {
  std::string parts;
  if (model.is_gguf()) {
    for (const GgufRaw& entry : model.gguf()->raw_metadata())
      if (entry.key.starts_with("tokenizer."))
        parts += fmt::format("{} {} {}\n", entry.key, entry.type, sha256_hex(entry.value));
  } else {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"})
      if (fs::exists(model.path() / name))
        parts += fmt::format("{} {}\n", name, file_digest(model.path() / name));
  }
  return digest(parts);
}

/// Ids of a few conversations: a template that is written otherwise by another version of this program is
/// another template, whatever its name.
std::string rendering_digest(const ChatTemplate& chat) {
  const std::vector<Message> turns = {{ChatRole::user, "one\ntwo"},
                                      {ChatRole::assistant, "<think>\nthree\n</think>\n\nfour"},
                                      {ChatRole::user, " five "},
                                      {ChatRole::assistant, "six"}};
  constexpr auto kTool = R"([{"name": "f", "description": "d", "parameters": {"type": "object",
      "properties": {"x": {"type": "string", "description": "e"}}, "required": ["x"]}}])";
  std::string all;
  const auto add = [&](const std::string& system, const std::string& tools, bool last_only) {
    for (const EncodedTurn& turn : chat.encode_turns(turns, system, tools, last_only))
      for (const auto* ids : {&turn.source, &turn.target}) all += fmt::format("{}\n", fmt::join(*ids, " "));
  };
  add("", "", false);
  add("be brief", "", true);
  try {
    add("", kTool, false);
  } catch (const Error& error) {  // templates without tools
    all += error.what();
  }
  return digest(all);
}

Json entry_key(const DatasetEntry& e) {
  Json files = Json::object();
  for (const fs::path& file : e.files) files[file.string()] = file_digest(file);
  return {
      {"formatting", e.formatting},
      {"split", e.split},
      {"ranking", e.ranking},
      {"num_samples", e.num_samples ? Json(*e.num_samples) : Json()},
      {"columns", {e.columns_named, e.prompt, e.query, e.response, e.history, e.system, e.tools, e.messages}},
      {"tags",
       {e.tags.role, e.tags.content, e.tags.user, e.tags.assistant, e.tags.observation, e.tags.function,
        e.tags.system}},
      {"files", files}};
}

/// Everything that the samples of a job are made from, under the names a user knows.
Json key_of(const TrainJob& job, const ChatTemplate& chat, const Model& model) {
  Listener silent;  // what finding them has to say is said when they are read
  Json sets = Json::object();
  bool drawn = job.eval.val_size > 0 || job.data.mixing.strategy != MixStrategy::concat;
  for (const auto* names : {&job.data.datasets, &job.eval.datasets})
    for (const std::string& name : *names) {
      const DatasetEntry entry = find_dataset(job.data.dataset_dir, name, silent);
      drawn = drawn || entry.num_samples;
      sets[name] = entry_key(entry);
    }
  const auto optional = [](const auto& value) { return value ? Json(*value) : Json(); };
  return {{"stage", int(job.stage)},
          {"do_train", job.train},
          {"dataset", job.data.datasets},
          {"eval_dataset", job.eval.datasets},
          {"data", sets},
          {"tokenizer", tokenizer_digest(model)},
          {"template", chat.row().name},
          {"default_system", chat.default_system()},
          {"enable_thinking", optional(chat.thinking().enable)},
          {"preserve_thinking", chat.thinking().preserve},
          {"tool_format", job.model.tool_format},
          {"tool_date", job.model.tool_date},
          {"the template's text", rendering_digest(chat)},
          {"cutoff_len", job.data.cutoff_len},
          {"train_on_prompt", job.data.train_on_prompt},
          {"mask_history", job.data.mask_history},
          {"packing", job.data.packing},
          {"max_samples", optional(job.data.max_samples)},
          {"mix_strategy", int(job.data.mixing.strategy)},
          {"interleave_probs", job.data.mixing.probabilities},
          {"val_size", job.eval.val_size},
          {"eval_on_each_dataset", job.eval.each},
          {"seed", drawn ? Json(job.seed) : Json()}};
}

std::string shown(const Json& value) {
  constexpr size_t kLongest = 40, kDigest = 64;
  if (value.is_null()) return "not there";
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() == kDigest + 2) return text.substr(1, 8) + "…";
  if (text.size() > kLongest) text = text.substr(0, complete_utf8_prefix(text.substr(0, kLongest))) + "…";
  return text;
}

void compare(const Json& was, const Json& is, const std::string& name, std::vector<std::string>& out) {
  if (was == is) return;
  if (!was.is_object() || !is.is_object()) {
    out.push_back(fmt::format("{} was {}, is {}", name, shown(was), shown(is)));
    return;
  }
  const auto inside = [&](const std::string& key) { return name.empty() ? key : name + ": " + key; };
  for (const auto& [key, value] : is.items()) compare(was.value(key, Json()), value, inside(key), out);
  for (const auto& [key, value] : was.items())
    if (!is.contains(key)) compare(value, Json(), inside(key), out);
}

/// Hands everything on and keeps the notes.
class Recording final : public Listener {
 public:
  explicit Recording(Listener& to) : to_(to) {}
  void on_note(const Note& note) override {
    notes.push_back(note);
    to_.on_note(note);
  }
  void on_progress(const Progress& progress) override { to_.on_progress(progress); }
  std::vector<Note> notes;

 private:
  Listener& to_;
};

void refuse_other_folders(const fs::path& folder) {
  if (fs::exists(folder) && !fs::is_directory(folder))
    throw Error({.what = "tokenized_path is a file; it names a folder",
                 .where = folder.string(),
                 .hint = "name a folder; it is made when it does not exist"});
  for (const char* name : {"dataset_dict.json", "state.json"})
    if (fs::exists(folder / name))
      throw Error({.what = fmt::format("the folder holds samples that LLaMA-Factory tokenized ({}), which "
                                       "do not say what they were made from",
                                       name),
                   .where = folder.string(),
                   .hint = "name another folder: the samples are tokenized again, once"});
}

RunData taken(TokenStore store, Listener& listener) {
  for (const Note& note : store.notes) listener.on_note(note);
  RunData data;
  for (StoredSet& set : store.sets) {
    if (set.trained)
      data.train = std::move(set.data);
    else
      data.eval.push_back({std::move(set.name), std::move(set.data)});
  }
  return data;
}

TokenStore store_of(RunData& data, std::vector<Note> notes) {
  TokenStore store{.notes = std::move(notes)};
  if (data.train.size() > 0) store.sets.push_back({"", true, std::move(data.train)});
  for (EvalSet& set : data.eval) store.sets.push_back({set.name, false, std::move(set.data)});
  return store;
}

}  // namespace

RunData cached_data(const TrainJob& job, const ChatTemplate& chat, const Model& model, Listener& listener) {
  const fs::path& folder = job.data.tokenized_path;
  refuse_other_folders(folder);
  const fs::path file = folder / kFile;
  const Json key = key_of(job, chat, model);
  if (fs::exists(file)) {
    std::vector<std::string> differences;
    compare(token_store_key(file), key, "", differences);
    if (differences.empty()) {
      listener.info(
          fmt::format("tokenized samples of {} are used: data, template, tokenizer and options are "
                      "those they were made from",
                      folder.string()));
      return taken(read_token_store(file, chat.tokenizer().vocab_size()), listener);
    }
    const size_t more = differences.size() > kNamed ? differences.size() - kNamed : 0;
    if (more > 0) differences.resize(kNamed);
    listener.warn(fmt::format("tokenized samples of {} were made otherwise, so they are made again: {}{}",
                              folder.string(), fmt::join(differences, "; "),
                              more > 0 ? fmt::format("; and {} more", more) : ""));
  }
  if (job.dry_run) return encode_data(job, chat, listener);  // which writes nothing
  Recording recording(listener);
  RunData data = encode_data(job, chat, recording);
  TokenStore store = store_of(data, std::move(recording.notes));
  fs::create_directories(folder);
  write_token_store(file, key, store);
  listener.info(
      fmt::format("tokenized samples are kept in {}; the next start takes them from there", folder.string()));
  store.notes.clear();  // they were heard
  return taken(std::move(store), listener);
}

}  // namespace fettle
