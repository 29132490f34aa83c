// Ops on the CPU's cores.
#pragma once

#include <memory>

#include "base/thread_pool.h"
#include "kernel/isa.h"
#include "kernel/ops.h"

namespace fettle {

struct CpuOptions {
  Isa isa = Isa::generic;
  int threads = 1;
};

/// Error when the ISA cannot run here, or when the system refuses executable memory and no own kernel serves
/// the ISA.
std::unique_ptr<Ops> make_cpu_ops(const CpuOptions& options);

}  // namespace fettle
