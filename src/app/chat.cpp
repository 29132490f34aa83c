#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <iostream>
#include <iterator>

#include "app/line_reader.h"
#include "app/verbs.h"
#include "base/error.h"
#include "compat/llamafactory/front.h"
#include "data/chat_template.h"
#include "infer/generate.h"
#include "kernel/cpu_ops.h"
#include "model/lora_stack.h"
#include "tune/load_data.h"

namespace fettle::app {

namespace {
std::atomic<bool> answer_stopped{false};
void stop_answer(int) {
  answer_stopped = true;
}

/// Notes go to the error stream: the answer is all that a script reads.
class ErrorStream final : public Listener {
 public:
  void on_note(const Note& e) override {
    fmt::print(stderr, "{}{}\n", e.severity == Severity::warning ? "warning: " : "", e.text);
  }
};

class Chat {
 public:
  Chat(const ChatJob& job, Listener& listener);
  /// Answers the conversation that ends with `prompt`, streaming to standard output.
  void answer(const std::string& prompt);
  void clear() { messages_.clear(); }
  std::string describe() const;

 private:
  std::string generate();

  const ChatJob& job_;
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ChatTemplate template_;
  std::unique_ptr<Ops> ops_;
  std::unique_ptr<LoraAdapter> adapter_;
  std::unique_ptr<Generator> generator_;
  int64_t context_ = 0;
  SamplingOptions sampling_;
  std::vector<Message> messages_;
};

Chat::Chat(const ChatJob& job, Listener& listener)
    : job_(job),
      model_(Model::load(job.model.model, listener)),
      tokenizer_((settle_quantization(job.model, *model_, listener), tokenizer_of(*model_))),
      template_(chat_template_of(job.model, *model_, tokenizer_, listener)),
      ops_(make_cpu_ops(
          {.isa = choose_isa(), .threads = job.model.threads > 0 ? job.model.threads : usable_cores()})) {
  adapter_ = load_adapters(job.model.adapters, *model_);
  std::vector<LoraAdapter*> adapters;
  if (adapter_) adapters.push_back(adapter_.get());
  constexpr int64_t kContext = 8192;  // tokens of conversation kept, where the model has more
  const DType compute = job.model.compute.value_or(row(choose_isa()).bf16_dot ? DType::bf16 : DType::f32);
  context_ = std::min(model_->hp().context_length, kContext);
  generator_ = std::make_unique<Generator>(model_, adapters, *ops_, compute, context_);
  sampling_ = {.do_sample = job.do_sample,
               .temperature = job.temperature,
               .top_p = job.top_p,
               .repetition_penalty = job.repetition_penalty,
               .top_k = job.top_k,
               .max_new_tokens = job.max_new_tokens,
               .seed = job.seed.value_or(uint64_t(std::time(nullptr)))};
  if (sampling_.do_sample && !job.seed)
    listener.info(fmt::format("seed: {} (not set; from the clock)", sampling_.seed));
}

std::string Chat::describe() const {
  std::string text = job_.model.model;
  for (const std::string& adapter : job_.model.adapters) text += " + " + adapter;
  return fmt::format("{}, template {}", text, template_.row().name);
}

void Chat::answer(const std::string& prompt) {
  messages_.push_back({ChatRole::user, prompt});
  try {
    messages_.push_back({ChatRole::assistant, generate()});
  } catch (const Error&) {  // a question without an answer is no part of the conversation
    messages_.pop_back();
    throw;
  }
}

std::string Chat::generate() {
  const std::vector<int32_t> ids = template_.encode_prompt(messages_, "");
  StreamDecoder decoder(*tokenizer_);
  std::string text;
  const auto show = [&](const std::string& piece) {
    text += piece;
    fmt::print("{}", piece);
    std::fflush(stdout);
  };
  answer_stopped = false;
  int64_t produced = 0;
  const StopReason reason = generator_->generate(ids, template_.stop_ids(), sampling_, [&](int32_t id) {
    ++produced;
    if (tokenizer_->kind(id) != TokenKind::control)
      show(decoder.push(id));
    else if (!job_.skip_special_tokens)
      show(decoder.finish() + tokenizer_->bytes_of(id));
    return !answer_stopped.exchange(false);
  });
  show(decoder.finish());
  fmt::print("\n");
  std::fflush(stdout);
  if (reason == StopReason::length)
    fmt::print(stderr, "{}\n",
               produced >= sampling_.max_new_tokens
                   ? fmt::format("(cut: max_new_tokens is {})", sampling_.max_new_tokens)
                   : fmt::format("(cut: the conversation fills the context of {} tokens)", context_));
  return text;
}

// Without SA_RESTART, so that Ctrl-C also breaks off a line that is being typed.
void stop_answers_on_interrupt() {
  struct sigaction action {};
  action.sa_handler = stop_answer;
  ::sigaction(SIGINT, &action, nullptr);
}

void converse(Chat& chat) {
  fmt::print("{}\n/clear forgets the conversation, /exit leaves, Ctrl-C stops an answer.\n", chat.describe());
  stop_answers_on_interrupt();
  LineReader reader("User: ");
  while (const auto line = reader.read()) {
    if (line->empty()) {
      if (answer_stopped.exchange(false)) fmt::print("\n/exit leaves.\n");
      continue;
    }
    if (*line == "/exit" || *line == "exit") break;
    if (*line == "/clear" || *line == "clear") {
      chat.clear();
      fmt::print("History has been removed.\n");
      continue;
    }
    fmt::print("Assistant: ");
    try {
      chat.answer(*line);
    } catch (const Error& e) {  // too long a conversation ends the answer, not the program
      fmt::print(stderr, "{}\n", e.message());
    }
  }
}
}  // namespace

int chat_verb(Words words) {
  ErrorStream notes;
  const ChatJob job = llamafactory::chat_job(llamafactory::parse_arguments(words, notes), notes);
  Chat chat(job, notes);
  if (::isatty(STDIN_FILENO)) {
    converse(chat);
    return 0;
  }
  std::string prompt((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == '\r')) prompt.pop_back();
  if (prompt.empty())
    throw Error({.what = "standard input is empty, a prompt was expected",
                 .hint = "echo 'your question' | fettle chat …, or start it in a terminal"});
  chat.answer(prompt);
  return 0;
}

}  // namespace fettle::app
