#include "tune/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>

namespace fettle {

namespace {
double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

std::filesystem::path new_file(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  return folder / fmt::format("events.out.tfevents.{}.{}.{}.0", std::time(nullptr), host_name(), ::getpid());
}
}  // namespace

std::filesystem::path tensorboard_folder(const TrainJob& job) {
  if (!job.tensorboard_dir.empty()) return job.tensorboard_dir;
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%b%d_%H-%M-%S", &local);
  return job.output_dir / "runs" / fmt::format("{}_{}", text.data(), host_name());
}

TensorBoard::TensorBoard(const std::filesystem::path& folder) : file_(new_file(folder), wall_time()) {}

void TensorBoard::on_step(const StepDone& e) {
  if (!e.loss) return;
  const Scalar scalars[] = {{"train/loss", float(*e.loss)},
                            {"train/grad_norm", float(e.grad_norm)},
                            {"train/learning_rate", float(e.learning_rate)},
                            {"train/epoch", float(e.epoch)},
                            {"train/num_input_tokens_seen", float(e.tokens_seen)}};
  file_.add(e.step, wall_time(), scalars);
}

void TensorBoard::on_eval(const EvalDone& e) {
  const std::string front = e.set.empty() ? "eval/" : "eval/" + e.set + "_";
  const Scalar scalars[] = {{front + "loss", float(e.loss)},
                            {front + "runtime", float(e.runtime)},
                            {front + "samples_per_second", float(e.samples_per_second)},
                            {front + "steps_per_second", float(e.steps_per_second)}};
  file_.add(e.step, wall_time(), scalars);
}

void TensorBoard::on_finished(const RunFinished& e) {
  if (e.interrupted) return;
  const Scalar scalars[] = {{"train/train_loss", float(e.train_loss)},
                            {"train/train_runtime", float(e.seconds)},
                            {"train/train_samples_per_second", float(e.samples_per_second)},
                            {"train/train_steps_per_second", float(e.steps_per_second)},
                            {"train/total_flos", float(e.total_flos)}};
  file_.add(e.steps, wall_time(), scalars);
}

}  // namespace fettle
