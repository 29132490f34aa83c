// What this CPU and its operating system can run, by the flags of cmake/isa.cmake.
#pragma once

namespace fettle {

bool cpu_has_avx2();
bool cpu_has_avx512();
bool cpu_has_avx512bf16();

}  // namespace fettle
