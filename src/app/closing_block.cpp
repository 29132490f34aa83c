#include "app/closing_block.h"

#include <fmt/format.h>

#include <filesystem>

namespace fettle::app {

namespace {
namespace fs = std::filesystem;

std::string quoted(const std::string& path) {
  return path.find_first_of(" '\"$&()") == std::string::npos ? path : "'" + path + "'";
}

std::string python_string(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// from_pretrained's words for the base: a GGUF file is named inside its folder.
std::string base_arguments(const std::string& base) {
  const fs::path path(base);
  if (path.extension() != ".gguf") return python_string(base);
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  return fmt::format("{}, gguf_file={}", python_string(folder), python_string(path.filename().string()));
}

std::string snippet(const TrainResult& r, const std::string& own_template) {
  const std::string base = base_arguments(r.base_model);
  std::string prompt =
      "ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors=\"pt\", "
      "return_dict=True)\n";
  std::string note;
  if (r.template_name != own_template)
    note = fmt::format(
        "# Trained with template {}; the model's own chat template is {}: render prompts as {} does.\n",
        r.template_name, own_template.empty() ? "another one or none" : own_template, r.template_name);
  return fmt::format(
      "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
      "from peft import PeftModel\n"
      "tokenizer = AutoTokenizer.from_pretrained({0})\n"
      "model = AutoModelForCausalLM.from_pretrained({0})\n"
      "model = PeftModel.from_pretrained(model, {1})\n"
      "messages = [{{\"role\": \"user\", \"content\": \"Hello\"}}]\n"
      "{2}{3}"
      "answer = model.generate(**ids, max_new_tokens=200)\n"
      "print(tokenizer.decode(answer[0][ids[\"input_ids\"].shape[1]:], skip_special_tokens=True))\n",
      base, python_string(r.output_dir), note, prompt);
}

std::string indented(const std::string& text) {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out += "    " + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return out;
}
}  // namespace

std::string closing_block(const TrainResult& r, const std::string& own_template, const std::string& config) {
  if (r.interrupted)
    return fmt::format(
        "\nInterrupted; nothing is lost. To go on with the same bits, run the same command again{}.\n",
        config.empty() ? "" : fmt::format(":\n  {}", config));
  const std::string chat = fmt::format("--model_name_or_path {} --adapter_name_or_path {} --template {}",
                                       quoted(r.base_model), quoted(r.output_dir), r.template_name);
  std::string out =
      fmt::format("\nAdapter  {}/adapter_model.safetensors\nLog      {}\n", r.output_dir, r.log);
  if (!r.plot.empty()) out += fmt::format("Plot     {}\n", r.plot);
  out += fmt::format(
      "\nNext:\n"
      "  fettle chat {0}\n"
      "  fettle export {0} --export_dir merged     (not there yet; PEFT's merge_and_unload does it)\n"
      "  {1}\n"
      "\nFrom Python (transformers, peft):\n{2}",
      chat,
      r.plot.empty() ? "rerun with logging_steps=1 for a plot" : fmt::format("xdg-open {}", quoted(r.plot)),
      indented(snippet(r, own_template)));
  return out;
}

}  // namespace fettle::app
