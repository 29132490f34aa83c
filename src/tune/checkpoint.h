// A checkpoint is the whole run: adapter, moments, step, data cursor, options, seed, ISA; written to a
// temporary folder, flushed, renamed. Version 2 (docs/formats.md): a PEFT adapter folder plus
//   optimizer.safetensors  exp_avg, exp_avg_sq: flat f32 in the order of the adapter's parameters
//   fettle_state.json      everything else, read and checked before anything is used
// Version 1 had no logged_step and no best.
// There is no random state to keep: every draw is a function of (seed, purpose, step, sample, position).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "model/lora.h"
#include "tune/optim/optimizer.h"

namespace fettle {

constexpr int kCheckpointVersion = 2;

/// What must be equal for a resumed run to give the bits of an unbroken one, and where the run stood.
struct RunState {
  int64_t step = 0;  // finished updates; batches of the next one follow from it
  int64_t tokens_seen = 0, targets_seen = 0;
  double loss_sum = 0;           // Σ of step losses since the start
  double unlogged_loss_sum = 0;  // since the last logged step
  int64_t logged_step = 0;       // that step
  int64_t best_step = -1;        // of the best evaluation that a checkpoint was made at; -1: none yet
  double best_metric = 0;
  int64_t total_steps = 0;
  uint64_t seed = 0;
  int64_t batch_size = 1, accumulation = 1;
  std::string data_fingerprint, isa, compute;
  std::string below_fingerprint;  // of the adapters that the trained one stands on; "" without any
  std::vector<std::pair<std::string, std::string>> as_typed;
};

/// Writes output_dir/checkpoint-STEP whole, or leaves nothing. `trainer_state` is the text of
/// trainer_state.json.
std::filesystem::path save_checkpoint(const std::filesystem::path& output_dir, const RunState& state,
                                      const LoraAdapter& adapter, Optimizer& optimizer,
                                      const std::string& trainer_state);

/// The newest whole checkpoint below output_dir.
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& output_dir);
/// All of them, oldest first.
std::vector<std::filesystem::path> checkpoints(const std::filesystem::path& output_dir);

/// The checkpoint of a step, there or not.
std::filesystem::path checkpoint_path(const std::filesystem::path& output_dir, int64_t step);
/// Removes the oldest until `limit` are left. The newest and the best (best_step, −1 for none) always stay.
void remove_old_checkpoints(const std::filesystem::path& output_dir, int64_t limit, int64_t best_step);

/// Reads the state of a checkpoint. Error names file and key; a version newer than ours is refused.
RunState load_run_state(const std::filesystem::path& checkpoint);
/// Reads the moments into an optimizer of the same size.
void load_moments(const std::filesystem::path& checkpoint, Optimizer& optimizer);

/// Error naming every difference that would change the result (data, seed, batch size …). A different ISA is
/// only told through the listener: the run goes on, but not with the same bits.
void check_resumable(const RunState& saved, const RunState& now, const std::filesystem::path& checkpoint,
                     Listener& listener);

}  // namespace fettle
