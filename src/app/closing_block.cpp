#include "app/closing_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

namespace fettle::app {

namespace {
namespace fs = std::filesystem;

// from_pretrained's words for the base: a GGUF file is named inside its folder.
std::string base_arguments(const std::string& base, const std::string& gguf) {
  if (gguf.empty()) return python_string(base);
  const fs::path path(gguf);
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  return fmt::format("{}, gguf_file={}", python_string(folder), python_string(path.filename().string()));
}

// The lines that make `ids`, and what generate() needs beside them.
std::pair<std::string, std::string> prompt_lines(const TrainResult& r, const PromptForm& form) {
  if (form.kind == PromptForm::Kind::plain_text)
    return {"ids = tokenizer(\"Once\", return_tensors=\"pt\")\n", ""};
  if (form.kind == PromptForm::Kind::spelt_out)
    return {fmt::format("# Trained with template {}; the model's own chat template is {}, so the prompt is "
                        "written out.\n"
                        "prompt = {} + \"Hello\" + {}\n"
                        "ids = tokenizer(prompt, add_special_tokens=False, return_tensors=\"pt\")\n",
                        r.template_name, form.own_template.empty() ? "none that is known" : form.own_template,
                        python_string(form.before), python_string(form.after)),
            form.stop_ids.empty() ? "" : fmt::format(", eos_token_id=[{}]", fmt::join(form.stop_ids, ", "))};
  const std::string system = form.system.empty() ? ""
                                                 : fmt::format("{{\"role\": \"system\", \"content\": {}}}, ",
                                                               python_string(form.system));
  return {fmt::format("messages = [{}{{\"role\": \"user\", \"content\": \"Hello\"}}]\n"
                      "ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, "
                      "return_tensors=\"pt\", return_dict=True)\n",
                      system),
          ""};
}

std::string snippet(const TrainResult& r, const PromptForm& form) {
  const auto [prompt, more] = prompt_lines(r, form);
  std::string below;
  for (const std::string& adapter : r.below)
    below += fmt::format("model = PeftModel.from_pretrained(model, {}).merge_and_unload()\n",
                         python_string(adapter));
  return fmt::format(
      "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
      "from peft import PeftModel\n"
      "tokenizer = AutoTokenizer.from_pretrained({0})\n"
      "model = AutoModelForCausalLM.from_pretrained({0})\n"
      "{4}"
      "model = PeftModel.from_pretrained(model, {1})\n"
      "{2}"
      "answer = model.generate(**ids, max_new_tokens=200{3})\n"
      "print(tokenizer.decode(answer[0][ids[\"input_ids\"].shape[1]:], skip_special_tokens=True))\n",
      base_arguments(r.base_model, form.gguf), python_string(r.output_dir), prompt, more, below);
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

// The written form of what the template puts before and after a first question.
std::pair<std::string, std::string> text_around_question(const ChatTemplate& chat) {
  constexpr char kQuestion = '\x01';
  const Message question{ChatRole::user, std::string(1, kQuestion)};
  const Tokenizer& tokenizer = chat.tokenizer();
  const auto rendered = chat.render({&question, 1}, "");
  std::string text;
  for (const RenderedPiece& piece : rendered.front()) {
    const int32_t id = piece.kind == TemplateSlot::Kind::bos ? tokenizer.special().bos : chat.eos();
    if (piece.kind == TemplateSlot::Kind::text || piece.kind == TemplateSlot::Kind::token)
      text += piece.text;
    else if (id >= 0)
      text += tokenizer.bytes_of(id);
  }
  const size_t at = text.find(kQuestion);
  return {text.substr(0, at), text.substr(at + 1)};
}

// What fettle chat needs to see the prompts of the run: base, adapter, template and system text.
std::string use_arguments(const TrainResult& r, const PromptForm& form) {
  const bool plain = form.kind == PromptForm::Kind::plain_text;
  std::string adapters;
  for (const std::string& adapter : r.below) adapters += adapter + ",";
  std::string text = fmt::format("--model_name_or_path {} --adapter_name_or_path {} --template {}",
                                 shell_quoted(r.base_model), shell_quoted(adapters + r.output_dir),
                                 plain ? "empty" : r.template_name);
  if (!plain && form.default_system) text += " --default_system " + shell_quoted(*form.default_system);
  if (!plain) text += form.thinking;
  return text;
}
}  // namespace

std::string python_string(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ') {
      out += fmt::format("\\x{:02x}", int(c));
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + "\"";
}

std::string shell_quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return c >= 0x80 || std::isalnum(c) ||
           std::string_view("_-./=,:+@%").find(char(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

PromptForm prompt_form(Stage stage, const ChatTemplate& chat, std::string own,
                       const std::optional<std::string>& system) {
  // Said aloud even where it is the template's own: the model's Jinja text may differ from it by a full stop.
  PromptForm form{.own_template = std::move(own), .system = chat.default_system(), .default_system = system};
  // Applied to messages without one, the model's own would write the system text that was not trained.
  if (chat.default_system().empty() && !chat.row().default_system.empty() && !form.own_template.empty())
    form.own_template += " with its system text";
  const ThinkingRules& rules = chat.thinking();
  if (chat.row().reasoning && rules.enable != true)
    form.thinking += fmt::format(" --enable_thinking {}", rules.enable ? "false" : "none");
  if (chat.row().reasoning && rules.preserve) form.thinking += " --preserve_thinking true";
  if (stage == Stage::pt) {
    form.kind = PromptForm::Kind::plain_text;
  } else if (form.own_template != chat.row().name) {
    form.kind = PromptForm::Kind::spelt_out;
    std::tie(form.before, form.after) = text_around_question(chat);
    form.stop_ids.assign(chat.stop_ids().begin(), chat.stop_ids().end());
  }
  return form;
}

std::string closing_block(const TrainResult& r, const PromptForm& form, const std::string& program,
                          Words words) {
  const std::string called = shell_quoted(program);
  if (r.interrupted) {
    std::string command = called + " train";
    for (const std::string& word : words) command += " " + shell_quoted(word);
    return fmt::format(
        "\nInterrupted; nothing is lost. To go on with the same bits, run the same command again:\n  {}\n",
        command);
  }
  const std::string folder = shell_quoted(r.output_dir);
  const std::string arguments = use_arguments(r, form);
  std::string out =
      fmt::format("\nAdapter  {}/adapter_model.safetensors\nLog      {}\n", r.output_dir, r.log);
  if (!r.plot.empty()) out += fmt::format("Plot     {}\n", r.plot);
  for (const std::string& plot : r.eval_plots) out += fmt::format("Plot     {}\n", plot);
  return out + fmt::format(
                   "\nNext:\n"
                   "  {3} chat {0}\n"
                   "  {3} export {0} --export_dir merged\n"
                   "  {3} plot {1}\n"
                   "\nFrom Python (transformers, peft):\n{2}",
                   arguments, folder, indented(snippet(r, form)), called);
}

}  // namespace fettle::app
