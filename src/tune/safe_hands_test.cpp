// What a run survives: a full disk at every write, kill -9 inside one, numbers that are not finite.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <limits>

#include "base/error.h"
#include "tune/checkpoint.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using testing::Recorder;

class SafeHandsTest : public testing::RunTest {
 protected:
  void TearDown() override { set_write_fault({}); }

  // Two checkpoints, an evaluation, event files and all results: every kind of file is written.
  TrainJob small(const std::string& out) {
    TrainJob j = job(out);
    j.model.threads = 1;  // steps are tiny, and there are hundreds of runs
    j.accumulation = 1;
    j.max_steps = 3;
    j.logging = {Cadence::Unit::steps, 1};
    j.eval.val_size = 2;
    j.eval.cadence = {Cadence::Unit::steps, 2};
    j.eval.at_end = true;
    j.tensorboard = true;
    j.resume_from = "auto";
    return j;
  }
  int64_t steps_of_writing(const std::string& out) {
    int64_t count = 0;
    set_write_fault([&](const fs::path&) { ++count; });
    run_training(small(out), events_, nullptr);
    set_write_fault({});
    return count;
  }
  std::string message_of(const TrainJob& j) {
    Recorder silent;
    try {
      run_training(j, silent, nullptr);
    } catch (const Error& e) {
      return e.message();
    }
    return "no error";
  }
  // Sets the first weight of a tensor in the model's file.
  void spoil(const std::string& tensor, float value) {
    const fs::path file = root_ / "model.safetensors";
    std::string bytes = read_text(file);
    const std::vector<float> values = testing::formula_tensor(tensor, 8);
    const std::string sought(reinterpret_cast<const char*>(values.data()), sizeof(float) * values.size());
    const size_t at = bytes.find(sought);
    ASSERT_NE(at, std::string::npos) << tensor;
    std::memcpy(bytes.data() + at, &value, sizeof value);
    write_atomic(file, bytes);
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

// A full disk at every write in turn: the error names the checkpoint that is left, nothing half-written lies
// about, and the same command comes to the same bits.
TEST_F(SafeHandsTest, AnErrorAtEveryWriteLosesNothing) {
  const int64_t writes = steps_of_writing("whole");
  ASSERT_GT(writes, 60);
  for (int64_t failing = 1; failing <= writes; ++failing) {
    const std::string out = "full" + std::to_string(failing);
    int64_t count = 0;
    set_write_fault([&](const fs::path& p) {
      if (++count == failing) throw Error({.what = "no space left", .where = p.string()});
    });
    const std::string message = message_of(small(out));
    set_write_fault({});
    EXPECT_TRUE(has(message, "no space left")) << failing << ": " << message;
    const auto left = newest_checkpoint(root_ / out);
    EXPECT_TRUE(has(message, left ? left->string() + ", is whole: the same command goes on from there"
                                  : "no checkpoint had been saved yet"))
        << failing << ": " << message;
    for (const auto& entry : fs::directory_iterator(root_ / out))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << failing << ": " << entry.path();
    EXPECT_EQ(message_of(small(out)), "no error") << failing;
    EXPECT_EQ(adapter_bytes(out), adapter_bytes("whole")) << failing;
    fs::remove_all(root_ / out);
  }
}

// kill -9 before, in and after write, flush and rename: 20 places spread over all of them.
TEST_F(SafeHandsTest, KilledInsideAWriteItResumesWithTheSameBits) {
  const int64_t writes = steps_of_writing("whole");
  constexpr int64_t kKills = 20;
  for (int64_t kill = 0; kill < kKills; ++kill) {
    const std::string out = "killed" + std::to_string(kill);
    const int64_t at = 1 + kill * (writes - 1) / (kKills - 1);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int64_t count = 0;
      set_write_fault([&](const fs::path&) {
        if (++count == at) ::raise(SIGKILL);
      });
      Recorder silent;
      run_training(small(out), silent, nullptr);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << at;
    run_training(small(out), events_, nullptr);
    EXPECT_EQ(adapter_bytes(out), adapter_bytes("whole")) << at;
    EXPECT_EQ(read_text(root_ / out / "checkpoint-3" / "optimizer.safetensors"),
              read_text(root_ / "whole" / "checkpoint-3" / "optimizer.safetensors"));
    for (const auto& entry : fs::directory_iterator(root_ / out))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << at << ": " << entry.path();
  }
}

TEST_F(SafeHandsTest, ALossThatIsNotFiniteNamesBlockStepAndSamples) {
  spoil("model.layers.1.mlp.up_proj.weight", std::numeric_limits<float>::infinity());
  const std::string message = message_of(small("out"));
  EXPECT_TRUE(has(message, "the loss of step 1 is not finite; first in output of layer 1, mlp")) << message;
  EXPECT_TRUE(has(message, "data.json:")) << message;
  EXPECT_TRUE(has(message, "no checkpoint had been saved yet")) << message;
}

// The second step's loss is the first that a rate without bounds spoils; the checkpoint before it is named.
TEST_F(SafeHandsTest, AParameterThatIsNotFiniteIsNamed) {
  TrainJob j = small("out");
  j.saving = {Cadence::Unit::steps, 1};
  j.learning_rate = 1e38;
  j.epsilon = 0;
  const std::string message = message_of(j);
  EXPECT_TRUE(has(message, "is not finite; first in ")) << message;
  EXPECT_TRUE(has(message, "checkpoint-")) << message;
  EXPECT_TRUE(has(message, "lower learning_rate")) << message;
}

}  // namespace fettle
