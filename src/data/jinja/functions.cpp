// Functions that every template finds.
#include <algorithm>

#include "data/jinja/builtins.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

constexpr int64_t kMostNumbers = 100'000;  // the sandbox of transformers allows no more either

Value range(const Call& call) {
  const bool one = !call.has(1);
  const int64_t begin = one ? 0 : call.whole(0, 0), step = call.whole(2, 1);
  const int64_t end = one ? call.whole(0, 0) : call.whole(1, 0);
  call.value(0);
  if (step == 0) call.fail("with step 0");
  const double count = (double(end) - double(begin)) / double(step);
  if (count > double(kMostNumbers)) call.fail(fmt::format("of more than {} numbers", kMostNumbers));
  std::vector<Value> numbers;
  for (int64_t at = begin; step > 0 ? at < end : at > end; at += step) {
    call.runtime.spend(1);
    numbers.emplace_back(at);
  }
  return Value::list(std::move(numbers));
}

/// The pairs of dict(other, name=value, …).
std::vector<std::pair<Value, Value>> pairs_of(const Call& call) {
  std::vector<std::pair<Value, Value>> pairs;
  if (call.all.positional.size() > 1) call.fail("takes one dict and names");
  if (!call.all.positional.empty()) {
    if (!call.all.positional[0].is(Kind::dict))
      call.fail(fmt::format("of {}", call.all.positional[0].kind_name()));
    pairs = call.all.positional[0].pairs();
  }
  for (const auto& [name, value] : call.all.named) set_key(call.runtime, pairs, Value(name), value);
  return pairs;
}

Value make_namespace(const Call& call) {
  auto* const space = call.runtime.make<Namespace>();
  for (const auto& [name, value] : pairs_of(call)) space->assign(to_text(call.runtime, name), value);
  return static_cast<Object*>(space);
}

Value raise(const Call& call) {
  throw Failure{call.text(0, "")};
}

Value day(const Call& call) {
  const std::string format = call.text(0);
  call.runtime.spend(int64_t(format.size()));
  std::string text(format.size() * 64 + 64, '\0');
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &call.runtime.now()));
  return text;
}

constexpr Builtin kRows[] = {
    {"dict", "*", [](const Call& call) { return Value::dict(pairs_of(call)); }},
    {"namespace", "*", make_namespace},
    {"raise_exception", "message", raise},
    {"range", "start stop step", range},
    {"strftime_now", "format", day},
};

}  // namespace

std::span<const Builtin> global_functions() {
  return kRows;
}

}  // namespace fettle::jinja
