// A training sample as a conversation: what every record format is turned into.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fettle {

enum class ChatRole : uint8_t { user, assistant, observation, function };

struct Message {
  ChatRole role;
  std::string content;
};

/// Where a sample came from, for every later word about it.
struct SamplePlace {
  std::string file;
  int64_t line = 0;          // 1-based; 0 = the file has no lines
  std::string text() const;  // "data/medical.json:12"
};

/// `prompt` alternates user/observation and assistant/function and ends with the user's side; `response`
/// holds one answer (none: unsupervised). For pre-training the text is prompt[0].
struct Sample {
  std::vector<Message> prompt, response;
  std::string system, tools;
  SamplePlace place;
};

}  // namespace fettle
