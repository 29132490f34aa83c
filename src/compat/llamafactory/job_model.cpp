// OptionSet → ModelJob: the base model, its adapters, and how it is talked to.
#include <filesystem>

#include "base/environment.h"
#include "base/error.h"
#include "compat/llamafactory/job_parts.h"
#include "data/locate.h"
#include "format/model_stores.h"

namespace fettle::llamafactory {

namespace {
namespace fs = std::filesystem;

/// A model by its path, or by its name in a store of this machine.
void find_base(const OptionSet& o, ModelJob& m, Listener& listener) {
  const std::string name = o.text("model_name_or_path"), where = o.where("model_name_or_path");
  if (const std::string hint = windows_hint(name); !hint.empty() && !fs::exists(name))
    throw Error(
        {.what = fmt::format("no such file or folder: {}", name), .where = where, .hint = hint.substr(2)});
  const FoundModel found = find_model(name,
                                      {.revision = o.text("model_revision"),
                                       .cache_dir = o.text("cache_dir"),
                                       .modelscope_first = environment_flag("USE_MODELSCOPE_HUB")},
                                      where);
  m.name = name;
  m.model = found.path.string();
  m.hub_id = found.hub_id;
  if (m.model != name) listener.info(fmt::format("{} is read from {}", name, m.model));
}

}  // namespace

ModelJob model_job(const OptionSet& o, Listener& listener) {
  if (!o.given("model_name_or_path"))
    throw Error({.what = "model_name_or_path is missing",
                 .hint = "name a GGUF file, a folder with config.json and safetensors, or a model that "
                         "fettle models --local lists"});
  ModelJob m;
  find_base(o, m, listener);
  m.adapters = o.list("adapter_name_or_path");
  for (const std::string& adapter : m.adapters)
    if (!fs::is_directory(adapter))
      throw Error({.what = fmt::format("no such folder: {}", adapter),
                   .where = o.where("adapter_name_or_path"),
                   .hint = "name the output_dir of a finished run"});
  m.template_name = o.text("template");
  m.default_system = o.text_or_none("default_system");
  m.enable_thinking = o.flag_or_none("enable_thinking");
  m.preserve_thinking = o.flag("preserve_thinking");
  m.tool_format = o.text("tool_format");
  m.tool_date = o.text("tool_date");
  m.quantization_bit = o.integer_or_none("quantization_bit");
  m.threads = int(o.integer_or_none("threads").value_or(count_from_environment("FETTLE_THREADS", "threads")));
  later_value(o, "finetuning_type", {"lora"}, "finetuning_type: lora");
  return m;
}

}  // namespace fettle::llamafactory
