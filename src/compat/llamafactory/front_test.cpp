#include "compat/llamafactory/front.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "compat/llamafactory/front_testing.h"

namespace fettle::llamafactory {

namespace {
namespace fs = std::filesystem;
class FrontTest : public testing::FrontTest {};
}  // namespace

// The lesson's YAML, its model path aside: no stage, no do_train, 2e-5 without a dot.
TEST_F(FrontTest, TheLessonsYaml) {
  const TrainJob job = train({yaml("model_name_or_path: " + model_ + R"(
dataset_dir: data
dataset: your_dataset_name
finetuning_type: lora
template: qwen
output_dir: saves/qwen2-7b-lora
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
learning_rate: 2e-5
num_train_epochs: 3
lora_rank: 64
quantization_bit: 4
)")});
  EXPECT_EQ(job.learning_rate, 2e-5);
  EXPECT_EQ(job.batch_size, 2);
  EXPECT_EQ(job.accumulation, 8);
  EXPECT_EQ(job.epochs, 3);
  EXPECT_EQ(job.lora.rank, 64);
  EXPECT_EQ(job.lora.alpha, 128);
  EXPECT_EQ(job.model.quantization_bit, 4);
  EXPECT_EQ(job.model.template_name, "qwen");
  EXPECT_EQ(job.data.datasets, std::vector<std::string>{"your_dataset_name"});
  EXPECT_EQ(job.output_dir, "saves/qwen2-7b-lora");
  EXPECT_EQ(job.stage, Stage::sft);
  EXPECT_TRUE(notes_.has("stage is not set: sft"));
  EXPECT_TRUE(notes_.has("none of do_train, do_eval and do_predict is set: training"));
}

TEST_F(FrontTest, TheLessonsCommandLine) {
  const TrainJob job = train({"--stage",
                              "sft",
                              "--model_name_or_path",
                              model_,
                              "--dataset",
                              "your_dataset_name",
                              "--template",
                              "qwen",
                              "--finetuning_type",
                              "lora",
                              "--lora_rank",
                              "64",
                              "--per_device_train_batch_size",
                              "2",
                              "--gradient_accumulation_steps",
                              "8",
                              "--learning_rate",
                              "2e-5",
                              "--num_train_epochs",
                              "3",
                              "--quantization_bit",
                              "4",
                              "--output_dir",
                              "saves/qwen2-7b-lora"});
  EXPECT_EQ(job.lora.rank, 64);
  EXPECT_EQ(job.learning_rate, 2e-5);
  EXPECT_EQ(job.output_dir, "saves/qwen2-7b-lora");
}

TEST_F(FrontTest, OverridesWinOverTheFile) {
  const TrainJob job = train(minimal({"learning_rate=1e-3", "lora_target=q_proj,v_proj", "max_steps=5"}));
  EXPECT_EQ(job.learning_rate, 1e-3);
  EXPECT_EQ(job.lora.targets, (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(job.max_steps, 5);
  const TrainJob flags = train(
      minimal({"--learning_rate", "1e-3", "max_steps=5", "--dry-run", "--lora_target", "q_proj", "v_proj"}));
  EXPECT_EQ(flags.learning_rate, 1e-3);
  EXPECT_EQ(flags.max_steps, 5);
  EXPECT_TRUE(flags.dry_run);
  EXPECT_EQ(flags.lora.targets, (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_TRUE(contains(error_of(minimal({"learning_rate", "1"})), "key=value expected"));
}

TEST_F(FrontTest, FlagsInAllTheirForms) {
  const std::vector<std::string> base = {
      "--model-name-or-path=" + model_, "--dataset", "a", "b", "--output_dir", (dir_ / "o").string()};
  auto words = base;
  words.insert(words.end(),
               {"--use_rslora", "--no_plot_loss", "--max_steps", "-1", "--train-on-prompt", "true"});
  const TrainJob job = train(words);
  EXPECT_EQ(job.data.datasets, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(job.lora.rslora);
  EXPECT_FALSE(job.plot_loss);
  EXPECT_EQ(job.max_steps, -1);
  EXPECT_TRUE(job.data.train_on_prompt);
}

TEST_F(FrontTest, YamlErrorsNameFileAndLine) {
  const std::string message = error_of({yaml("dataset: d\nlora_rnak: 8\n")});
  EXPECT_TRUE(contains(message, "run.yaml:2: unknown key 'lora_rnak'")) << message;
  EXPECT_TRUE(contains(message, "did you mean lora_rank?")) << message;
  EXPECT_TRUE(contains(error_of({(dir_ / "missing.yaml").string()}), "missing.yaml"));
}

TEST_F(FrontTest, JsonFiles) {
  write_atomic(dir_ / "run.json",
               R"({"model_name_or_path": ")" + model_ +
                   R"(", "dataset": ["d", "e"], "lora_rank": 4, "bf16": true, "output_dir": ")" +
                   (dir_ / "o").string() + R"("})");
  const TrainJob job = train({(dir_ / "run.json").string(), "seed=7"});
  EXPECT_EQ(job.lora.rank, 4);
  EXPECT_EQ(job.data.datasets.size(), 2u);
  EXPECT_EQ(job.model.compute, DType::bf16);
  EXPECT_EQ(job.seed, 7u);
}

TEST_F(FrontTest, WhatIsMissingOrContradictoryIsSaid) {
  EXPECT_TRUE(contains(error_of({"--dataset", "d"}), "model_name_or_path is missing"));
  EXPECT_TRUE(contains(error_of({"--model_name_or_path", model_}), "dataset is missing"));
  EXPECT_TRUE(contains(error_of({"--model_name_or_path", "no/such", "--dataset", "d"}),
                       "no such file or folder: no/such"));
  EXPECT_TRUE(
      contains(error_of(minimal({"train_on_prompt=true", "mask_history=true"})), "exclude each other"));
  EXPECT_TRUE(contains(error_of(minimal({"stage=pt", "mask_history=true"})), "is for stage: sft"));
  EXPECT_TRUE(contains(error_of(minimal({"stage=dpo"})), "stage: dpo is not there yet"));
  EXPECT_TRUE(
      contains(error_of(minimal({"finetuning_type=full"})), "finetuning_type: full is not there yet"));
  EXPECT_TRUE(contains(error_of(minimal({"bf16=true", "fp32=true"})), "exclude each other"));
  EXPECT_TRUE(contains(error_of(minimal({"fp16=true"})), "fp16 is refused"));
  EXPECT_TRUE(contains(error_of(minimal({"lr_scheduler_type=polynomial"})), "polynomial is not there yet"));
  EXPECT_TRUE(contains(error_of(minimal({"optim=adamw_8bit"})), "adamw_8bit is not there yet"));
}

// §2.12: weights without a checkpoint are a finished run; with one, the run goes on from the newest.
TEST_F(FrontTest, AFinishedRunIsNotWrittenOver) {
  const fs::path out = dir_ / "out", old = out / "checkpoint-7";
  fs::create_directories(out);
  EXPECT_EQ(train(minimal()).resume_from, "auto");
  for (const char* weights :
       {"adapter_model.safetensors", "adapter_model.bin", "model.safetensors.index.json"}) {
    write_atomic(out / weights, "x");
    EXPECT_TRUE(contains(error_of(minimal()), "a finished run lies there already")) << weights;
    fs::remove(out / weights);
  }
  write_atomic(out / "adapter_model.safetensors", "x");
  const TrainJob afresh = train(minimal({"overwrite_output_dir=true"}));
  EXPECT_TRUE(afresh.overwrite_output_dir);
  EXPECT_EQ(afresh.resume_from, "");
  fs::create_directories(old);
  write_atomic(old / "fettle_state.json", "{}");
  EXPECT_EQ(train(minimal()).resume_from, "auto");
  EXPECT_EQ(train(minimal({"resume_from_checkpoint=" + old.string()})).resume_from, old.string());
}

TEST_F(FrontTest, ResumingNamesWhatIsMissing) {
  EXPECT_TRUE(contains(error_of(minimal({"resume_from_checkpoint=true"})), "no checkpoint in "));
  EXPECT_TRUE(contains(error_of(minimal({"resume_from_checkpoint=x/checkpoint-3"})),
                       "no such checkpoint folder: x/checkpoint-3"));
  EXPECT_EQ(train(minimal({"resume_from_checkpoint=false"})).resume_from, "");
  EXPECT_EQ(train(minimal({"resume_from_checkpoint=null"})).resume_from, "auto");
}

TEST_F(FrontTest, ListsAndMappingsOnlyWhereTheyMeanSomething) {
  EXPECT_TRUE(contains(error_of({yaml("template: [a, b]\n")}),
                       "run.yaml:1: template: a list of 2 found, one value expected"));
  EXPECT_TRUE(contains(error_of({yaml("lora_rank: {a: 1}\n")}), "lora_rank: a nested mapping found"));
  EXPECT_TRUE(
      contains(error_of({yaml("lr_scheduler_kwargs: {min_lr: 0}\n")}), "lr_scheduler_kwargs is not there"));
  const std::string here = dir_.string();
  EXPECT_EQ(train(minimal({"adapter_name_or_path=" + here + "," + here})).model.adapters.size(), 2u);
  EXPECT_TRUE(contains(error_of(minimal({"run_name=${x}"})), "${x} names no single value"));
  EXPECT_EQ(train(minimal({"seed=7", "output_dir=" + here + "/s${seed}"})).output_dir, here + "/s7");
  EXPECT_EQ(
      train({yaml("model_name_or_path: " + model_ +
                  "\ndataset: [a, '${template}']\ntemplate: qwen\noutput_dir: " + here + "/${template}\n"),
             "template=alpaca"})
          .data.datasets,
      (std::vector<std::string>{"a", "alpaca"}))
      << "an override changes what ${…} stands for";
  EXPECT_EQ(train(minimal({"gradient_checkpointing_kwargs={}"})).seed, 42u);
  EXPECT_TRUE(notes_.has("gradient_checkpointing_kwargs has no effect"));
}

TEST_F(FrontTest, AGivenAdapterKeepsItsOwnAndThatIsSaid) {
  train(minimal({"lora_rank=4"}));
  EXPECT_FALSE(notes_.has("keeps its own"));
  train(minimal({"lora_rank=4", "adapter_name_or_path=" + dir_.string()}));
  EXPECT_TRUE(notes_.has("lora_rank has no effect: the adapter of adapter_name_or_path keeps its own"));
  EXPECT_FALSE(notes_.has("lora_target has no effect"));
  notes_.text.clear();
  train(minimal({"lora_rank=4", "create_new_adapter=true", "adapter_name_or_path=" + dir_.string()}));
  EXPECT_FALSE(notes_.has("keeps its own"));
  train(minimal({"create_new_adapter=true"}));
  EXPECT_TRUE(notes_.has("create_new_adapter has no effect"));
}

TEST_F(FrontTest, ComputeTypeIsWhatWasAskedOrLeftToTheMachine) {
  EXPECT_EQ(train(minimal()).model.compute, std::nullopt);
  EXPECT_EQ(train(minimal({"bf16=true"})).model.compute, DType::bf16);
  EXPECT_EQ(train(minimal({"fp32=true"})).model.compute, DType::f32);
  EXPECT_EQ(train(minimal({"bf16=false"})).model.compute, DType::f32);  // a wish for full precision
  EXPECT_EQ(train(minimal({"fp32=false"})).model.compute, std::nullopt);
}

// Checkpoints and logs are handed on; tokens are not.
TEST_F(FrontTest, SecretsAreNotKept) {
  for (const auto& [key, value] : train(minimal({"hf_hub_token=abc", "seed=3"})).as_typed)
    EXPECT_EQ(value == "***", key == "hf_hub_token") << key << " " << value;
}

TEST_F(FrontTest, WhatTheRunMayTakeOfTheMachine) {
  setenv("FETTLE_THREADS", "3", 1);
  EXPECT_EQ(train(minimal({"threads=2"})).model.threads, 2);  // the key goes first
  EXPECT_EQ(train(minimal({"memory_limit=2GiB"})).memory_limit, int64_t(2) << 30);
  EXPECT_TRUE(contains(error_of(minimal({"memory_limit=plenty"})), "'plenty' is no amount of memory"));
  EXPECT_EQ(train(minimal({"recompute=block"})).recompute, Recompute::block);
  EXPECT_EQ(train(minimal()).recompute, std::nullopt);
}

TEST_F(FrontTest, AnOutputFolderThatCannotBeMadeIsToldBeforeAnythingIsLoaded) {
  const std::string error = error_of(minimal({"output_dir=" + model_ + "/run1"}));
  EXPECT_TRUE(contains(error, "run1 cannot be made: " + model_ + " is a file")) << error;
  EXPECT_TRUE(contains(error, "command line")) << error;
}

TEST_F(FrontTest, ChatWithTheYamlOfARunTakesItsAdapter) {
  const auto chat = [&](std::vector<std::string> more) {
    return chat_job(parse_arguments(minimal(std::move(more)), notes_), notes_).model;
  };
  EXPECT_TRUE(chat({}).adapters.empty());  // nothing was trained yet
  std::filesystem::create_directories(dir_ / "out");
  write_atomic(dir_ / "out" / "adapter_config.json", "{}");
  EXPECT_EQ(chat({"template=llama3"}).adapters, std::vector{(dir_ / "out").string()});
  EXPECT_EQ(chat({"template=llama3"}).template_name, "llama3");
  EXPECT_TRUE(notes_.has("what the run of this configuration wrote"));
  EXPECT_EQ(chat({"adapter_name_or_path=" + dir_.string()}).adapters, std::vector{dir_.string()});
}

// Every key that is said to work must change the job. What it is changed to, by key; the rest by type.
TEST_F(FrontTest, EveryWorkingKeyChangesTheJob) {
  const std::map<std::string, std::string> other = {{"stage", "pt"},
                                                    {"bf16", "true"},
                                                    {"fp32", "true"},
                                                    {"lr_scheduler_type", "cosine"},
                                                    {"template", "llama3"},
                                                    {"save_strategy", "no"},
                                                    {"logging_strategy", "no"},
                                                    {"quantization_bit", "8"},
                                                    {"infer_dtype", "float32"},
                                                    {"model_name_or_path", (dir_ / "other").string()},
                                                    {"adapter_name_or_path", dir_.string()},
                                                    {"lora_dropout", "0.5"},
                                                    {"warmup_ratio", "0.5"},
                                                    {"adam_beta1", "0.5"},
                                                    {"adam_beta2", "0.5"},
                                                    {"top_p", "0.5"},
                                                    {"plot_loss", "false"},
                                                    {"do_sample", "false"},
                                                    {"skip_special_tokens", "false"},
                                                    {"resume_from_checkpoint", "false"},
                                                    {"enable_thinking", "none"},
                                                    {"tool_format", "qwen"},
                                                    {"memory_limit", "2GiB"},
                                                    {"recompute", "mlp"},
                                                    {"check_model", "false"},
                                                    {"packing", "false"},
                                                    {"report_to", "tensorboard"},
                                                    {"eval_strategy", "steps"},
                                                    {"mix_strategy", "interleave_over"},
                                                    {"interleave_probs", "1"},
                                                    {"evaluation_strategy", "epoch"},
                                                    {"cache_dir", (dir_ / "cache").string()},
                                                    {"export_format", "gguf-q8_0"}};
  // These keep their one value until a later version: any other is an error by name, tested above.
  const std::set<std::string> fixed = {"finetuning_type", "optim", "export_legacy_format"};
  // Keys that mean something only beside others: packing for pt, evaluation with samples to evaluate on.
  const std::vector<std::string> samples = {"val_size=1"}, evaluated = {"val_size=1", "eval_strategy=steps"};
  const std::map<std::string, std::vector<std::string>> beside = {
      {"packing", {"stage=pt"}},
      {"model_revision", {"model_name_or_path=a/b", "cache_dir=" + (dir_ / "hub").string()}},
      {"cache_dir", {"model_name_or_path=a/b", "cache_dir=" + (dir_ / "hub").string()}},
      {"interleave_probs", {"mix_strategy=interleave_over"}},
      {"do_train", {"val_size=1", "do_eval=true"}},
      {"do_eval", samples},
      {"eval_strategy", samples},
      {"evaluation_strategy", samples},
      {"eval_on_start", samples},
      {"eval_steps", evaluated},
      {"load_best_model_at_end", evaluated}};
  write_atomic(dir_ / "other", "x");
  for (const std::string cache : {"hub", "cache"})
    for (const auto& [branch, digit] : {std::pair("main", '1'), std::pair("other", '2')}) {
      const std::filesystem::path model = dir_ / cache / "models--a--b";
      std::filesystem::create_directories(model / "snapshots" / std::string(40, digit));
      std::filesystem::create_directories(model / "refs");
      write_atomic(model / "refs" / branch, std::string(40, digit));
    }
  const auto print_cadence = [](const Cadence& c) { return fmt::format("{}:{}", int(c.unit), c.every); };
  const auto print = [&](const TrainJob& t, const ChatJob& c, const ExportJob& e) {
    std::string s;
    for (const auto& list : {t.model.adapters, t.lora.targets, t.data.datasets})
      s += fmt::format("{}|", fmt::join(list, ","));
    s += fmt::format("{} {} {} {} {} {} {}|", int(t.stage), t.model.model, t.model.template_name,
                     t.model.default_system.value_or("unset"), t.model.compute ? int(*t.model.compute) : -1,
                     t.model.quantization_bit.value_or(-1), t.output_dir.string());
    s += fmt::format("{} {} {} {}|", t.model.enable_thinking ? int(*t.model.enable_thinking) : -1,
                     t.model.preserve_thinking, t.model.tool_format, t.model.tool_date);
    s += fmt::format("{} {} {}|", t.dry_run, t.report_file, fmt::join(t.fail_on, ","));
    s += fmt::format("{} {} {} {} {} {} {}|", t.lora.rank, t.lora.alpha, t.lora.dropout, t.lora.rslora,
                     t.lora.create_new, t.lora.base_model_name, t.niceness);
    s += fmt::format("{} {} {}|", int(t.data.mixing.strategy), fmt::join(t.data.mixing.probabilities, ","),
                     t.data.tokenized_path.string());
    s += fmt::format("{} {} {} {} {} {} {}|", t.data.dataset_dir.string(), t.data.cutoff_len,
                     t.data.train_on_prompt, t.data.mask_history, t.data.packing, t.data.shuffle,
                     t.data.max_samples.value_or(-1));
    s += fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}|", t.overwrite_output_dir,
                     t.resume_from, t.batch_size, t.accumulation, t.epochs, t.max_steps, t.learning_rate,
                     t.weight_decay, t.beta1, t.beta2, t.epsilon, t.max_grad_norm, int(t.schedule),
                     t.warmup_steps, t.warmup_ratio, print_cadence(t.logging), print_cadence(t.saving),
                     t.save_total_limit.value_or(-1), t.plot_loss, t.seed);
    s += fmt::format("{} {} {} {} {} {} {} {} {}|{} {} {}|", t.train, t.eval.val_size,
                     fmt::join(t.eval.datasets, ","), t.eval.each, t.eval.batch_size,
                     print_cadence(t.eval.cadence), t.eval.delay, t.eval.on_start, t.eval.at_end, t.best.load,
                     t.best.metric, t.best.greater);
    s += fmt::format("{} {}|", t.tensorboard, t.tensorboard_dir.string());
    s += fmt::format("{} {} {} {} {}|", e.export_dir.string(), e.overwrite, e.gguf,
                     e.type ? int(*e.type) : -1, e.shard_bytes);
    s += fmt::format("{} {} {} {}|", t.model.threads, t.memory_limit, t.recompute ? int(*t.recompute) : -1,
                     t.check_model);
    s += fmt::format("{} {} {} {} {} {} {} {}", c.do_sample, c.temperature, c.top_p, c.repetition_penalty,
                     c.top_k, c.max_new_tokens, c.skip_special_tokens,
                     c.model.compute ? int(*c.model.compute) : -1);
    return s;
  };
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows) {
      const std::string key(row.name);
      if (row.state != OptionState::works || fixed.contains(key)) continue;
      const auto company = beside.find(key);
      std::vector<std::string> words =
          minimal(company == beside.end() ? std::vector<std::string>{} : company->second);
      words.emplace_back("export_dir=merged");
      const auto jobs = [&] {
        const OptionSet o = parse_arguments(words, notes_);
        return print(train_job(o, notes_), chat_job(o, notes_), export_job(o, notes_));
      };
      const std::string before = jobs();
      const auto given = other.find(key);
      words.push_back(key + "=" +
                      (given != other.end()                                           ? given->second
                       : row.type == OptionType::boolean                              ? "true"
                       : row.type == OptionType::text || row.type == OptionType::list ? "other"
                                                                                      : "7"));
      EXPECT_NE(jobs(), before) << key;
    }
}

// LLaMA-Factory's examples/merge_lora file, its model path aside.
TEST_F(FrontTest, ExportTakesLlamaFactorysMergeFile) {
  const auto exported = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {
        yaml("model_name_or_path: " + model_ + "\nadapter_name_or_path: " + dir_.string() +
             "\ntemplate: qwen3_nothink\ntrust_remote_code: true\nexport_dir: saves/merged\nexport_size: 2\n"
             "export_device: cpu\nexport_legacy_format: false\n")};
    words.insert(words.end(), more.begin(), more.end());
    return export_job(parse_arguments(words, notes_), notes_);
  };
  ExportJob job = exported({});
  EXPECT_EQ(job.model.adapters, std::vector<std::string>{dir_.string()});
  EXPECT_EQ(job.export_dir, "saves/merged");
  EXPECT_EQ(job.shard_bytes, 2'000'000'000);
  EXPECT_FALSE(job.gguf);
  EXPECT_FALSE(job.overwrite);
  EXPECT_EQ(job.type, std::nullopt);
  EXPECT_EQ(exported({"infer_dtype=float16"}).type, DType::f16);
  EXPECT_TRUE(exported({"overwrite_output_dir=true"}).overwrite);
  for (const auto& [format, type] :
       {std::pair{"gguf-f32", DType::f32}, std::pair{"gguf-f16", DType::f16},
        std::pair{"gguf-bf16", DType::bf16}, std::pair{"gguf-q8_0", DType::q8_0}}) {
    job = exported({std::string("export_format=") + format, "infer_dtype=float32"});
    EXPECT_TRUE(job.gguf);
    EXPECT_EQ(job.type, type) << format;
  }
  EXPECT_TRUE(notes_.has("infer_dtype has no effect"));
  EXPECT_THROW(exported({"export_format=gguf-q4_k"}), Error);
  EXPECT_THROW(exported({"export_legacy_format=true"}), Error);
  EXPECT_THROW(
      export_job(parse_arguments(std::vector<std::string>{"--model_name_or_path", model_}, notes_), notes_),
      Error);
}

}  // namespace fettle::llamafactory
