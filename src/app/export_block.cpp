#include "app/export_block.h"

#include <fmt/format.h>

#include "app/closing_block.h"
#include "app/progress_line.h"

namespace fettle::app {

namespace {
std::string weights_line(const ExportResult& r) {
  const std::string size = fmt::format("{} MB", grouped(r.bytes / 1'000'000));
  if (r.weights.size() == 1)
    return fmt::format("Weights    {}  ({}, {})\n", (r.folder / r.weights[0]).string(), name(r.type), size);
  return fmt::format("Weights    {} … {}  ({}, {})\n", (r.folder / r.weights.front()).string(),
                     r.weights[r.weights.size() - 2], name(r.type), size);
}

std::string merged_line(const ExportResult& r, const ExportJob& job) {
  if (job.model.adapters.empty())
    return fmt::format("Merged     nothing: no adapter_name_or_path, so the base as it is\n");
  return fmt::format("Merged     {} into {} of {} tensors\n", fmt::join(job.model.adapters, ", "), r.merged,
                     r.tensors);
}

std::string python_lines(const std::string& folder) {
  return fmt::format(
      "\nFrom Python (transformers):\n"
      "    from transformers import AutoModelForCausalLM, AutoTokenizer\n"
      "    model = AutoModelForCausalLM.from_pretrained({0})\n"
      "    tokenizer = AutoTokenizer.from_pretrained({0})\n",
      python_string(folder));
}
}  // namespace

std::string export_block(const ExportResult& r, const ExportJob& job, const std::string& program) {
  const std::string model = job.gguf ? (r.folder / r.weights[0]).string() : r.folder.string();
  std::string out = "\n" + merged_line(r, job) + weights_line(r);
  if (!r.template_name.empty()) out += fmt::format("Modelfile  {}\n", (r.folder / "Modelfile").string());
  out += fmt::format("\nNext:\n  {} chat --model_name_or_path {}{}\n", shell_quoted(program),
                     shell_quoted(model), r.template_name.empty() ? "" : " --template " + r.template_name);
  if (job.gguf) out += fmt::format("  llama-cli -m {}\n", shell_quoted(model));
  if (!r.template_name.empty())
    out += fmt::format("  ollama create {} -f {}\n", shell_quoted(r.folder.filename().string()),
                       shell_quoted((r.folder / "Modelfile").string()));
  return job.gguf ? out : out + python_lines(r.folder.string());
}

}  // namespace fettle::app
