#include "kernel/gemm/panel_kernels.h"

#include "base/isa.h"

namespace fettle {

FETTLE_ISA_TABLES(const PanelKernels, panel_kernels)

const PanelKernels& panel_kernels(Isa isa) {
  static constexpr const PanelKernels* kTables[] = {&panel_kernels_generic, &panel_kernels_avx2,
                                                    &panel_kernels_avx512, &panel_kernels_avx512bf16};
  return *kTables[size_t(isa)];
}

}  // namespace fettle
