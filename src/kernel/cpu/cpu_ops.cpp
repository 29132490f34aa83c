#include "kernel/cpu/cpu_ops.h"

#include <cstdlib>
#include <new>

#include "base/error.h"
#include "base/plan.h"
#include "kernel/gemm/microkernels.h"
#include "kernel/gemm/panel_kernels.h"
#include "kernel/isa/row_kernels.h"
#include "quant/storage.h"

namespace fettle {

void Scratch::Free::operator()(std::byte* p) const {
  std::free(p);
}

std::byte* Scratch::get(int64_t bytes) {
  if (bytes > size_) {
    const int64_t rounded = round_up(bytes, 64);
    data_.reset();
    size_ = 0;
    data_.reset(static_cast<std::byte*>(std::aligned_alloc(64, size_t(rounded))));
    if (!data_) throw std::bad_alloc();
    size_ = rounded;
  }
  return data_.get();
}

namespace {
Isa checked(Isa isa) {
  if (!row(isa).supported()) {
    throw Error({.what = fmt::format("this CPU does not have {}", row(isa).name),
                 .hint = "leave FETTLE_ISA unset for the best set it has"});
  }
  return isa;
}
}  // namespace

CpuOps::CpuOps(const CpuOptions& options)
    : options_(options),
      pool_(options.threads),
      rows_(row_kernels(checked(options.isa))),
      panels_(panel_kernels(options.isa)),
      decode_(decode_table(row(options.isa).name)),
      micro_(std::make_unique<MicroKernels>(options.isa)),
      thread_scratch_(size_t(pool_.threads())) {}

CpuOps::~CpuOps() = default;

int64_t CpuOps::scratch_bytes() const {
  int64_t sum = shared_scratch_.size();
  for (const Scratch& s : thread_scratch_) sum += s.size();
  return sum;
}

const std::string& CpuOps::microkernels() const {
  return micro_->describe();
}

void CpuOps::reserve_thread_scratch(int64_t bytes) {
  for (Scratch& s : thread_scratch_) s.get(bytes);
}

Buf CpuOps::operand(const Buf& x, bool bf16, std::byte* to) {
  if (fits(x, bf16)) return x;
  const Buf copy{to, x.rows, x.cols, x.cols, bf16 ? DType::bf16 : DType::f32};
  const auto convert = rows_.convert[kBf16][bf16];
  pool_.parallel_for((x.rows + 15) / 16, [&](int64_t i, int) {
    for (int64_t r = i * 16; r < std::min(x.rows, i * 16 + 16); ++r) {
      convert(x.row<bf16_t>(r), to + r * copy.ld * copy.element_bytes(), x.cols);
    }
  });
  return copy;
}

std::unique_ptr<Ops> make_cpu_ops(const CpuOptions& options) {
  return std::make_unique<CpuOps>(options);
}

}  // namespace fettle
