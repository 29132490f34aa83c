// Reads JSON strings, one a line, from standard input and prints {"ids", "text"} of each: what
// tests/golden/compare_tokens.py holds against the reference library.
//   token_dump FILE.gguf|FOLDER [--parse-special] [--time N]
// With --time the texts are encoded N times more and the throughput is printed to standard error.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/gguf.h"
#include "token/tokenizer.h"

namespace {
using fettle::Tokenizer;

// Processor time, so that other work on the machine does not count.
double seconds_since(std::clock_t begin) {
  return double(std::clock() - begin) / CLOCKS_PER_SEC;
}

std::shared_ptr<const Tokenizer> load(const std::filesystem::path& path) {
  if (path.extension() == ".gguf") return fettle::load_tokenizer(*fettle::GgufFile::open(path));
  return fettle::load_tokenizer(path);
}

void measure(const Tokenizer& tokenizer, const std::vector<std::string>& texts, bool parse_special,
             int rounds) {
  size_t bytes = 0, ids = 0;
  const auto begin = std::clock();
  for (int round = 0; round < rounds; ++round) {
    for (const std::string& text : texts) {
      bytes += text.size();
      ids += tokenizer.encode(text, parse_special).size();
    }
  }
  const double seconds = seconds_since(begin);
  fmt::print(stderr, "{:.1f} MB/s: {} bytes, {} ids in {:.3f} s\n", double(bytes) / 1e6 / seconds, bytes, ids,
             seconds);
}

int run(const std::vector<std::string>& arguments) {
  bool parse_special = false;
  int rounds = 0;
  std::string path;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--parse-special") {
      parse_special = true;
    } else if (arguments[i] == "--time" && i + 1 < arguments.size()) {
      rounds = std::atoi(arguments[++i].c_str());
    } else {
      path = arguments[i];
    }
  }
  const auto begin = std::clock();
  const auto tokenizer = load(path);
  fmt::print(stderr, "{}, loaded in {:.3f} s\n", tokenizer->describe(), seconds_since(begin));
  std::vector<std::string> texts;
  for (std::string line; std::getline(std::cin, line);) {
    texts.push_back(nlohmann::json::parse(line).get<std::string>());
    const std::vector<int32_t> ids = tokenizer->encode(texts.back(), parse_special);
    fmt::print("{}\n", nlohmann::json{{"ids", ids}, {"text", tokenizer->decode(ids, false)}}.dump());
  }
  if (rounds > 0) measure(*tokenizer, texts, parse_special, rounds);
  return 0;
}
}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const fettle::Error& error) {
    fmt::print(stderr, "{}\n", error.message());
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  return 1;
}
