#include "tune/base_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "format/model_stores.h"

namespace fettle {

namespace {
// "https://huggingface.co/owner/name/tree/main" or "owner/name" → "owner/name"; "" for anything else.
std::string hub_id(std::string_view text) {
  for (const std::string_view front : {"https://huggingface.co/", "http://huggingface.co/"})
    if (text.starts_with(front)) text.remove_prefix(front.size());
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return "";
  const std::string_view owner = text.substr(0, slash), rest = text.substr(slash + 1),
                         name = rest.substr(0, rest.find('/'));
  if (name.empty() || !is_hub_id(text.substr(0, slash + 1 + name.size())) ||
      (rest.size() > name.size() && !rest.substr(name.size() + 1).starts_with("tree")))
    return "";
  return fmt::format("{}/{}", owner, name);
}

std::string letters(std::string_view text) {
  std::string out;
  for (unsigned char c : text)
    if (std::isalnum(c)) out += char(std::tolower(c));
  return out;
}
}  // namespace

std::string hub_id_of(const GgufFile& file) {
  for (const char* key :
       {"general.source.huggingface.repository", "general.source.repo_url", "general.source.url"})
    if (std::string id = hub_id(file.text_or(key, "")); !id.empty()) return id;
  // A model card names what its model was tuned from, or, in a repository of quantised files, the model
  // itself. Only the latter carries the tuning's own name.
  if (file.integer_or("general.base_model.count", 0) != 1) return "";
  const std::string id = hub_id(file.text_or("general.base_model.0.repo_url", ""));
  const std::string tuning = letters(file.text_or("general.finetune", ""));
  return letters(id).find(tuning) == std::string::npos ? "" : id;
}

std::string base_model_name(const TrainJob& job, const Model& model, Listener& listener) {
  if (!job.lora.base_model_name.empty()) return job.lora.base_model_name;
  if (!model.is_gguf()) return job.model.hub_id.empty() ? job.model.model : job.model.hub_id;
  const std::string id = hub_id_of(*model.gguf());
  listener.info(
      id.empty() ? "adapter_config.json will name the GGUF file as its base; for PEFT and vLLM set "
                   "base_model_name_or_path: owner/name, the model it was made from"
                 : fmt::format("adapter_config.json will name {} as its base, by the GGUF file's metadata; "
                               "base_model_name_or_path changes that",
                               id));
  return id.empty() ? job.model.model : id;
}

}  // namespace fettle
