// training_loss.png, training_eval_loss.png: logged values and their smoothed curve.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace fettle {

/// Exponential average as LLaMA-Factory smooths: s ← w·s + (1−w)·x from the first value, w = 1.8·(σ(0.05·n) −
/// 0.5).
std::vector<double> smoothed(std::span<const double> values);

struct PlotPoint {
  int64_t step;
  double value;
};

/// Draws 640×480 pixels; `key` ("loss", "eval_loss") names the value. Returns false and writes nothing when
/// there are fewer than two points.
bool plot_curve(std::span<const PlotPoint> points, const std::string& key, const std::string& title,
                const std::filesystem::path& png);

/// The same as training_<key>.png of a run's folder; empty where nothing was drawn.
std::filesystem::path plot_in_folder(const std::filesystem::path& folder, const std::string& key,
                                     std::span<const PlotPoint> points);

/// Draws every loss of the folder's trainer_log.jsonl, ours or LLaMA-Factory's, also while the run goes on:
/// "loss", "eval_loss", "eval_<set>_loss". Returns the files. Error when there is no log, or no loss has two
/// points.
std::vector<std::filesystem::path> plot_log(const std::filesystem::path& folder);

}  // namespace fettle
