// Reads {"template", "variables"} documents, one a line, from standard input and prints {"text"} or
// {"raises"} of each: what tests/golden/compare_jinja.py holds against the reference programs.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/jinja/template.h"

int main() {
  using nlohmann::ordered_json;
  std::tm now{};  // Thursday 2026-03-05 14:07:09, as in make_jinja_golden.py
  now.tm_year = 126, now.tm_mon = 2, now.tm_mday = 5, now.tm_wday = 4, now.tm_yday = 63;
  now.tm_hour = 14, now.tm_min = 7, now.tm_sec = 9;
  for (std::string line; std::getline(std::cin, line);) {
    const ordered_json asked = ordered_json::parse(line);
    ordered_json answer;
    try {
      const fettle::JinjaTemplate chat(asked["template"].get<std::string>(), "template");
      answer["text"] = chat.render(asked["variables"], now).text;
    } catch (const fettle::Error& error) {
      answer["raises"] = error.message();
    }
    std::puts(answer.dump().c_str());
  }
  return 0;
}
