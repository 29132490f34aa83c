#include "kernel/isa/row_kernels.h"

#include "base/isa.h"

namespace fettle {

FETTLE_ISA_TABLES(const RowKernels, row_kernels)

namespace {

// In the order of Isa.
constexpr const RowKernels* kTables[] = {&row_kernels_generic, &row_kernels_avx2, &row_kernels_avx512,
                                         &row_kernels_avx512bf16};

}  // namespace

const RowKernels& row_kernels(Isa isa) {
  return *kTables[size_t(isa)];
}

}  // namespace fettle
