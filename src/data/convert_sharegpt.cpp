// Conversations as lists of messages: ShareGPT's {"from", "value"} under any tags, and OpenAI's messages.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "data/python_json.h"
#include "data/record_formats.h"

namespace fettle {

namespace {

bool is_users(ChatRole role) {
  return role == ChatRole::user || role == ChatRole::observation;
}

/// The words for roles in the order LLaMA-Factory reads them: where two are equal the later one names the
/// role, and a turn is in its place when any of the words for that place says so.
struct RoleWord {
  std::string MessageTags::*word;
  ChatRole role;
};
constexpr RoleWord kRoleWords[] = {
    {&MessageTags::user, ChatRole::user},
    {&MessageTags::assistant, ChatRole::assistant},
    {&MessageTags::observation, ChatRole::observation},
    {&MessageTags::function, ChatRole::function},
};

/// A turn while it is read.
struct Turn {
  size_t number;     // in the data, from 1
  std::string role;  // as the data calls it
  std::string content;
  bool calls = false;  // the content is tool_calls as JSON
};

/// The words that may stand at a place, for messages: "human" or "observation".
std::string words_of(const MessageTags& tags, bool users) {
  std::vector<std::string> words;
  for (const RoleWord& row : kRoleWords)
    if (is_users(row.role) == users && !(tags.*row.word).empty())
      words.push_back(fmt::format("\"{}\"", tags.*row.word));
  return fmt::format("{}", fmt::join(words, " or "));
}

/// One record's conversation; every function returns false with `reason` set where the record does not fit.
class ConversationReader {
 public:
  ConversationReader(const Record& record, const DatasetEntry& entry, std::string& reason)
      : record_(record), entry_(entry), tags_(entry.tags), reason_(reason) {}

  bool read_turns(bool openai) {
    reason_ = not_an_object(record_);
    if (!reason_.empty()) return false;
    const auto list = record_.find(entry_.messages);
    if (list == record_.end()) return fail(has_no_column(record_, entry_.messages));
    if (!list->is_array())
      return fail(
          fmt::format("\"{}\" is {}; a list of messages was expected", entry_.messages, list->type_name()));
    for (const Record& message : *list) {
      Turn turn{.number = turns_.size() + 1};
      if (!read_turn(message, openai, turn)) return false;
      turns_.push_back(std::move(turn));
    }
    return true;
  }

  /// A leading system turn, else the system column.
  bool take_system(Sample& sample) {
    if (!turns_.empty() && !tags_.system.empty() && turns_.front().role == tags_.system) {
      sample.system = std::move(turns_.front().content);
      turns_.erase(turns_.begin());
      return true;
    }
    return read_text_column(record_, entry_.system, sample.system, reason_);
  }

  bool take_messages(Sample& sample, bool openai) {
    if (openai) join_tool_results();
    if (turns_.empty()) return fail("its conversation is empty");
    std::vector<Message> messages;
    for (Turn& turn : turns_) {
      const bool users = messages.size() % 2 == 0;
      ChatRole role = ChatRole::user;
      if (!role_of(turn, users, openai, role))
        return fail(fmt::format("message {} is by \"{}\"; {} was expected there", turn.number, turn.role,
                                words_of(tags_, users)));
      messages.push_back({role, std::move(turn.content)});
    }
    if (messages.size() % 2 != 0)
      return fail(fmt::format("its last message is by \"{}\"; the conversation must end with {}",
                              turns_.back().role, words_of(tags_, false)));
    sample.response = {std::move(messages.back())};
    messages.pop_back();
    sample.prompt = std::move(messages);
    return true;
  }

 private:
  bool fail(std::string why) {
    reason_ = std::move(why);
    return false;
  }

  bool read_turn(const Record& message, bool openai, Turn& turn) {
    const std::string place = fmt::format("message {}", turn.number);
    if (!message.is_object())
      return fail(fmt::format("{} is {}; an object was expected", place, message.type_name()));
    if (!read_member(message, tags_.role, place, turn.role)) return false;
    const auto calls = message.find("tool_calls");
    const bool answers = turn.role == tags_.assistant || turn.role == tags_.function;
    if (!openai || !answers || calls == message.end() || calls->is_null() || calls->empty())
      return is_empty_system(turn, message) || read_member(message, tags_.content, place, turn.content);
    Record functions = Record::array();
    for (const Record& call : *calls) {
      if (!call.is_object() || !call.contains("function"))
        return fail(fmt::format("{}: an item of \"tool_calls\" has no \"function\"", place));
      functions.push_back(call["function"]);
    }
    turn.content = python_json(functions);
    turn.calls = true;
    return true;
  }

  bool read_member(const Record& message, const std::string& key, const std::string& place,
                   std::string& out) {
    const auto it = message.find(key);
    if (it == message.end()) return fail(fmt::format("{}: {}", place, has_no_column(message, key)));
    if (!it->is_string())
      return fail(fmt::format("{}: \"{}\" is {}; text was expected", place, key, it->type_name()));
    out = it->get<std::string>();
    return true;
  }

  /// A first system turn that says null is none.
  bool is_empty_system(const Turn& turn, const Record& message) {
    const auto it = message.find(tags_.content);
    return turn.number == 1 && turn.role == tags_.system && it != message.end() && it->is_null();
  }

  bool role_of(const Turn& turn, bool users, bool openai, ChatRole& role) const {
    if (turn.calls) {
      role = ChatRole::function;
      return !users;
    }
    // OpenAI's roles are told apart before their places are looked at, ShareGPT's after.
    bool in_place = false, named = false;
    for (const RoleWord& row : kRoleWords) {
      if ((tags_.*row.word).empty() || tags_.*row.word != turn.role) continue;
      in_place = openai ? is_users(row.role) == users : in_place || is_users(row.role) == users;
      role = row.role;
      named = true;
    }
    return named && in_place && turn.role != tags_.system;
  }

  /// Results of several calls are one observation; what no answer follows is not learnt from.
  void join_tool_results() {
    std::vector<Turn> joined;
    bool open = false;
    for (Turn& turn : turns_) {
      const bool result = !turn.calls && turn.role == tags_.observation;
      if (result && open)
        joined.back().content += "\n</tool_response>\n<tool_response>\n" + turn.content;
      else
        joined.push_back(std::move(turn));
      open = result;
    }
    if (open) joined.pop_back();
    turns_ = std::move(joined);
  }

  const Record& record_;
  const DatasetEntry& entry_;
  const MessageTags& tags_;
  std::string& reason_;
  std::vector<Turn> turns_;
};

/// OpenAI's tools are JSON or a text of JSON.
bool read_tools(const Record& record, const DatasetEntry& entry, std::string& out, std::string& reason) {
  const auto it = entry.tools.empty() ? record.end() : record.find(entry.tools);
  if (it == record.end() || !it->is_structured()) return read_text_column(record, entry.tools, out, reason);
  out = python_json(*it);
  return true;
}

/// What LLaMA-Factory's openai converter writes behind every system text (Nemotron's switch).
std::string switched_system(const std::string& system, bool tools) {
  constexpr std::string_view kOff = "detailed thinking off", kOn = "detailed thinking on";
  if (system.empty()) return tools ? "" : std::string(kOff);
  if (tools) return system + "\n";
  const bool says = system.find(kOff) != system.npos || system.find(kOn) != system.npos;
  return says ? system : fmt::format("{}\n{}", system, kOff);
}

}  // namespace

std::optional<Sample> convert_sharegpt(const Record& record, const DatasetEntry& entry, std::string& reason) {
  ConversationReader reader(record, entry, reason);
  Sample sample;
  if (!reader.read_turns(false) || !reader.take_system(sample) || !reader.take_messages(sample, false) ||
      !read_text_column(record, entry.tools, sample.tools, reason))
    return std::nullopt;
  return sample;
}

std::optional<Sample> convert_openai(const Record& record, const DatasetEntry& entry, std::string& reason) {
  ConversationReader reader(record, entry, reason);
  Sample sample;
  if (!reader.read_turns(true) || !reader.take_system(sample) || !reader.take_messages(sample, true) ||
      !read_tools(record, entry, sample.tools, reason))
    return std::nullopt;
  sample.system = switched_system(sample.system, !sample.tools.empty());
  return sample;
}

}  // namespace fettle
