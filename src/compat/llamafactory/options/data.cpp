#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"dataset", list, "", "",
     "Names from dataset_info.json, or paths of data files or folders of them, separated by commas."},
    {"dataset_dir", text, "data", "", "Folder that holds dataset_info.json and the data files."},
    {"template", text, "", "",
     "Chat template by LLaMA-Factory's name; unset: recognised from the model's own."},
    {"cutoff_len", integer, "2048", "> 1",
     "Most tokens of one sample; what is longer is cut, counted and named."},
    {"max_samples", integer, "", "> 0", "Only the first so many records of every dataset."},
    {"train_on_prompt", boolean, "false", "", "Train on the prompt's tokens too."},
    {"mask_history", boolean, "false", "", "Train on the last answer of a conversation only."},
    {"packing", boolean, "", "",
     "pt: join documents into blocks of cutoff_len (default). sft: samples always share a row without "
     "padding."},
    {"neat_packing", boolean, "false", "", "Packing without cross-attention.", no_effect,
     "samples that share a row never see each other here, and none is padded"},
    {"default_system", text, "", "", "System message in place of the template's; \"\": none."},
    {"eval_dataset", list, "", "", "Datasets to evaluate on, by name or path; they are never trained on."},
    {"val_size", number, "0", ">= 0",
     "Samples of dataset that are held back for evaluation: so many, or a share up to 1."},
    {"eval_on_each_dataset", boolean, "false", "", "One result per dataset of eval_dataset."},
    {"streaming", boolean, "false", "", "Read the data while training.", later,
     "leave it out: the token store is compact"},
    {"buffer_size", integer, "16384", "> 0", "Shuffle buffer of streaming.", no_effect,
     "the whole dataset is shuffled"},
    {"mix_strategy", text, "concat", "concat | interleave_under | interleave_over | interleave_once",
     "Several datasets: one behind the other, or in turn until the first has no more (under), until every "
     "one "
     "was through (over: shorter ones begin anew; once: they drop out)."},
    {"interleave_probs", list, "", "",
     "Share of every dataset at each turn, adding up to 1; unset: strictly in turn."},
    {"media_dir", text, "", "", "Folder of images.", no_effect,
     "there is no vision yet; samples with images are refused by line"},
    {"overwrite_cache", boolean, "false", "", "Ignore cached tokens.", no_effect,
     "nothing stale is ever reused"},
    {"preprocessing_batch_size", integer, "1000", "> 0", "Samples per tokenizing batch.", no_effect,
     "data is tokenized in one stream"},
    {"preprocessing_num_workers", integer, "", "> 0", "Tokenizing processes.", no_effect,
     "the tokenizer needs none"},
    {"dataloader_num_workers", integer, "0", ">= 0", "Loader processes.", no_effect,
     "batches are cut from memory"},
    {"dataloader_pin_memory", boolean, "true", "", "Pinned GPU staging.", no_effect, "there is no GPU"},
    {"ignore_pad_token_for_loss", boolean, "true", "", "Padding is not trained.", no_effect,
     "there is no padding"},
    {"tokenized_path", text, "", "",
     "Folder that tokenized samples are kept in and taken from when nothing has changed: data, template, "
     "tokenizer, options. What has is named, and they are made again."},
    {"tool_format", text, "",
     "default | gemma4 | glm4 | glm4_moe | lfm2 | ling | llama3 | minimax1 | minimax2 | mistral | qwen | "
     "qwen3_5 | seed_oss",
     "How tools and calls are written; unset: the template's own way."},
    {"tool_date", text, "", "",
     "Fettle's own: the day that llama3's tool descriptions call today; unset: 26 Jul 2024, so that the same "
     "data is the same tokens tomorrow."},
    {"enable_thinking", boolean, "true", "",
     "Reasoning templates: an answer without a thought learns an empty one (true) or is given it (null); "
     "false also takes the thoughts out of the data."},
    {"preserve_thinking", boolean, "false", "",
     "Reasoning templates: keep the thoughts of earlier answers in chat and with mask_history."},
    {"eval_num_beams", integer, "", "> 0", "Beams of generation in evaluation.", no_effect,
     "belongs to predict_with_generate"},
    {"data_shared_file_system", boolean, "false", "", "Several machines share a disk.", no_effect,
     "one machine trains"},
};
}  // namespace

std::span<const OptionRow> data_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
