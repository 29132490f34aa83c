#include "kernel/isa.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "base/cpu_features.h"
#include "base/error.h"

namespace fettle {

namespace {
// In ascending order: the best supported set is the last one. The conditions are the flags of
// cmake/isa.cmake.
constexpr IsaRow kRows[] = {
    {Isa::generic, "generic", [] { return true; }, false},
    {Isa::avx2, "avx2", cpu_has_avx2, false},
    {Isa::avx512, "avx512", cpu_has_avx512, false},
    {Isa::avx512bf16, "avx512bf16", cpu_has_avx512bf16, true},
};

std::string names(bool only_supported) {
  std::string text;
  for (const IsaRow& r : kRows) {
    if (only_supported && !r.supported()) continue;
    if (!text.empty()) text += ", ";
    text += r.name;
  }
  return text;
}
}  // namespace

std::span<const IsaRow> isa_rows() {
  return kRows;
}

const IsaRow& row(Isa isa) {
  const auto it = std::ranges::find(kRows, isa, &IsaRow::isa);
  FETTLE_CHECK(it != std::end(kRows), "instruction set {}", int(isa));
  return *it;
}

Isa choose_isa(std::string_view wish) {
  if (wish.empty()) {
    return std::find_if(std::rbegin(kRows), std::rend(kRows), [](const IsaRow& r) { return r.supported(); })
        ->isa;
  }
  const auto it = std::ranges::find(kRows, wish, [](const IsaRow& r) { return std::string_view(r.name); });
  if (it == std::end(kRows)) {
    throw Error({.what = fmt::format("'{}' is no instruction set", wish),
                 .where = "FETTLE_ISA",
                 .hint = fmt::format("one of {}, or leave it unset for the best", names(false))});
  }
  if (!it->supported()) {
    throw Error({.what = fmt::format("this CPU does not have {}", wish),
                 .where = "FETTLE_ISA",
                 .hint = fmt::format("it has {}; leave FETTLE_ISA unset for the best", names(true))});
  }
  return it->isa;
}

Isa choose_isa() {
  const char* wish = std::getenv("FETTLE_ISA");
  return choose_isa(wish ? std::string_view(wish) : std::string_view());
}

}  // namespace fettle
