// Which instruction set runs: detected, or forced by FETTLE_ISA.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fettle {

enum class Isa : int { generic, avx2, avx512, avx512bf16 };

struct IsaRow {
  Isa isa;
  const char* name;     // value of FETTLE_ISA
  bool (*supported)();  // by this CPU and operating system
  bool bf16_dot;        // has bf16 multiply-accumulate: bf16 compute is the default
};

std::span<const IsaRow> isa_rows();
const IsaRow& row(Isa isa);
/// The best supported set, or the one FETTLE_ISA names. Error when it names none, or one that this CPU lacks.
Isa choose_isa();
/// The same with the wish given: "" = best.
Isa choose_isa(std::string_view wish);

}  // namespace fettle
