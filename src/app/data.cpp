// fettle data CFG: what is in the data of a run, and what is wrong with it.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "app/data_report.h"
#include "app/progress_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/file.h"
#include "compat/llamafactory/front.h"
#include "tune/load_data.h"

namespace fettle::app {

namespace {
constexpr int64_t kShown = 2;  // samples

/// fail_on: kinds of findings, or "any".
std::vector<FindingKind> kinds_of(const std::vector<std::string>& names) {
  std::vector<FindingKind> kinds;
  for (const std::string& name : names) {
    if (const auto kind = finding_kind(name)) {
      kinds.push_back(*kind);
      continue;
    }
    std::vector<std::string> all;
    for (size_t i = 0; i < size_t(FindingKind::count); ++i) {
      all.emplace_back(row(FindingKind(i)).name);
      if (name == "any") kinds.push_back(FindingKind(i));
    }
    if (name != "any")
      throw Error({.what = fmt::format("'{}' is no kind of finding", name),
                   .where = "fail_on",
                   .hint = fmt::format("any, or some of: {}", fmt::join(all, ", "))});
  }
  return kinds;
}
}  // namespace

int data_verb(Words words) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  ProgressLine progress(stdout, terminal);
  const TrainJob job = llamafactory::train_job(llamafactory::parse_arguments(words, progress), progress);
  const std::vector<FindingKind> fail_on = kinds_of(job.fail_on);
  const auto model = Model::load(job.model.model, progress);
  const auto tokenizer = tokenizer_of(*model);
  const ChatTemplate chat = chat_template_of(job.model, *model, tokenizer, progress);
  const RunData data = load_data(job, chat, *model, progress);
  std::vector<const Dataset*> held_out;
  for (const EvalSet& set : data.eval) held_out.push_back(&set.data);
  const DataAudit found = audit(data.train, held_out, *tokenizer, job.batch_size, progress);
  print_audit(found, job.data.cutoff_len, job.batch_size);
  print_samples(data.train, kShown, *tokenizer, terminal);
  if (const std::string& file = job.report_file; !file.empty()) {
    const auto replace = nlohmann::ordered_json::error_handler_t::replace;
    write_atomic(file, audit_json(found).dump(1, ' ', /*ensure_ascii=*/false, replace) + "\n");
    fmt::print("\nReport  {}\n", file);
  }
  const bool failed = std::ranges::any_of(fail_on, [&](FindingKind kind) { return found.count(kind) > 0; });
  return failed ? 1 : 0;
}

}  // namespace fettle::app
