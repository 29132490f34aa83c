#include "tune/export_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "format/gguf.h"
#include "format/records.h"
#include "model/arch/write_config.h"
#include "token/convert.h"
#include "tune/load_data.h"

namespace fettle {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// What a folder may have beside config and weights that its users look for.
constexpr const char* kCopied[] = {"tokenizer.json",
                                   "tokenizer_config.json",
                                   "special_tokens_map.json",
                                   "added_tokens.json",
                                   "tokenizer.model",
                                   "vocab.json",
                                   "merges.txt",
                                   "chat_template.jinja",
                                   "generation_config.json",
                                   "preprocessor_config.json",
                                   "processor_config.json"};

struct TypeRow {
  DType type;
  const char* torch;   // null: no type of a Hugging Face folder
  uint32_t file_type;  // general.file_type
};
constexpr TypeRow kTypes[] = {{DType::f32, "float32", 0},
                              {DType::f16, "float16", 1},
                              {DType::bf16, "bfloat16", 32},
                              {DType::q8_0, nullptr, 7}};

const TypeRow& row_of(DType type) {
  const auto row = std::ranges::find(kTypes, type, &TypeRow::type);
  FETTLE_CHECK(row != std::end(kTypes), "export as {}", name(type));
  return *row;
}

// Newer files say dtype, older ones torch_dtype; readers know both.
void set_dtype(json& config, DType type) {
  const char* name = row_of(type).torch;
  FETTLE_CHECK(name != nullptr);
  if (config.contains("dtype")) config["dtype"] = name;
  if (config.contains("torch_dtype") || !config.contains("dtype")) config["torch_dtype"] = name;
}

void copy_companions(const Model& base, DType type, const fs::path& folder) {
  const fs::path from = base.path();
  json config = parse_json_document(read_text(from / "config.json"), (from / "config.json").string());
  set_dtype(config, type);
  if (config.contains("text_config") && config["text_config"].is_object())
    set_dtype(config["text_config"], type);
  write_atomic(folder / "config.json", config.dump(2) + "\n");
  for (const char* file : kCopied)
    if (fs::is_regular_file(from / file)) write_atomic(folder / file, read_text(from / file));
  const fs::path more = "additional_chat_templates";
  if (fs::is_directory(from / more)) fs::copy(from / more, folder / more, fs::copy_options::recursive);
}

// Ids of special tokens, in the keys that config.json and generation_config.json share.
json special_ids(const SpecialIds& ids) {
  json out = json::object();
  const std::pair<const char*, int32_t> named[] = {
      {"bos_token_id", ids.bos}, {"eos_token_id", ids.eos}, {"pad_token_id", ids.pad}};
  for (const auto& [key, id] : named)
    if (id >= 0) out[key] = id;
  return out;
}

}  // namespace

void write_hf_companions(const Model& base, DType type, std::span<const int32_t> stop_ids,
                         const fs::path& folder) {
  if (!base.is_gguf()) return copy_companions(base, type, folder);
  const json ids = special_ids(tokenizer_of(base)->special());
  json config = config_json(base.family(), base.hp());
  config.update(ids);
  set_dtype(config, type);
  write_atomic(folder / "config.json", config.dump(2) + "\n");
  json generation = ids;
  if (!stop_ids.empty()) generation["eos_token_id"] = stop_ids;
  write_atomic(folder / "generation_config.json", generation.dump(2) + "\n");
  for (const auto& [file, text] : hf_tokenizer_files(*base.gguf(), base.hp().context_length))
    write_atomic(folder / file, text);
}

GgufMetadata merged_metadata(const Model& base, DType type, const std::string& name) {
  GgufMetadata metadata;
  if (base.is_gguf()) {
    for (const GgufRaw& entry : base.gguf()->raw_metadata())
      if (!entry.key.starts_with("split.") && !entry.key.starts_with("quantize.")) metadata.set_raw(entry);
  } else {
    set_gguf_keys(base.family(), base.hp(), metadata);
    metadata.set_text("general.type", "model");
    set_gguf_tokenizer(base.path(), base.hp().vocab_size, metadata);
    if (!base.chat_template().empty()) metadata.set_text("tokenizer.chat_template", base.chat_template());
  }
  if (!base.is_gguf() || !base.gguf()->has("general.name")) metadata.set_text("general.name", name);
  metadata.set_u32("general.file_type", row_of(type).file_type);
  if (info(type).block > 1) metadata.set_u32("general.quantization_version", 2);
  return metadata;
}

}  // namespace fettle
