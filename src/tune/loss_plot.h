// training_loss.png: the logged losses and their smoothed curve.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "tune/run_files.h"

namespace fettle {

/// Exponential average as LLaMA-Factory smooths: s ← w·s + (1−w)·x from the first value, w = 1.8·(σ(0.05·n) −
/// 0.5).
std::vector<double> smoothed(std::span<const double> values);

/// Draws 640×480 pixels. Returns false and writes nothing when there are fewer than two points.
bool plot_loss(std::span<const LoggedStep> history, const std::string& title,
               const std::filesystem::path& png);

}  // namespace fettle
