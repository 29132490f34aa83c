// A run's loss again, from its log.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "tune/loss_plot.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {
bool is_loss(std::string_view key) {
  return key == "loss" || (key.starts_with("eval_") && key.ends_with("_loss"));
}

std::map<std::string, std::vector<PlotPoint>> losses_of(const std::string& log) {
  std::map<std::string, std::vector<PlotPoint>> losses;
  std::istringstream in(log);
  for (std::string line; std::getline(in, line);) {
    // The last line of a run that goes on may be half written.
    const nlohmann::json entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!entry.is_object() || !entry.contains("current_steps") || !entry["current_steps"].is_number_integer())
      continue;
    for (const auto& [key, value] : entry.items()) {
      if (is_loss(key) && value.is_number()) losses[key].push_back({entry["current_steps"], value});
    }
  }
  return losses;
}
}  // namespace

fs::path plot_in_folder(const fs::path& folder, const std::string& key, std::span<const PlotPoint> points) {
  const fs::path png = folder / fmt::format("training_{}.png", key);
  return plot_curve(points, key, fmt::format("training {} of {}", key, folder.string()), png) ? png
                                                                                              : fs::path();
}

std::vector<fs::path> plot_log(const fs::path& folder) {
  const fs::path log = folder / "trainer_log.jsonl";
  if (!fs::exists(log))
    throw Error({.what = "there is no trainer_log.jsonl",
                 .where = folder.string(),
                 .hint = "name the output_dir of a run"});
  std::vector<fs::path> drawn;
  for (const auto& [key, points] : losses_of(read_text(log))) {
    if (fs::path png = plot_in_folder(folder, key, points); !png.empty()) drawn.push_back(std::move(png));
  }
  if (drawn.empty())
    throw Error({.what = "no loss in it has two points",
                 .where = log.string(),
                 .hint = "a smaller logging_steps logs more of them"});
  return drawn;
}

}  // namespace fettle
