#include "kernel/gemm/microkernels.h"

#include <libxsmm_cpuid.h>
#include <libxsmm_generator.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernel/gemm/code_arena.h"
#include "kernel/isa/row_kernels.h"

namespace fettle {

namespace {
// What libxsmm calls our sets. 0: it is not asked.
struct TargetRow {
  Isa isa;
  int target;
};
constexpr TargetRow kTargets[] = {
    {Isa::generic, 0},
    {Isa::avx2, LIBXSMM_X86_AVX2},
    {Isa::avx512, LIBXSMM_X86_AVX512_CORE},
    {Isa::avx512bf16, LIBXSMM_X86_AVX512_CPX},
};

int target_of(Isa isa) {
  for (const TargetRow& r : kTargets) {
    if (r.isa == isa) return r.target;
  }
  return 0;
}

constexpr size_t kCodeBuffer = size_t(1) << 18;  // the largest kernel seen has 12 kB

// Our row-major C = A·B is the column-major Cᵀ = Bᵀ·Aᵀ: libxsmm's A is our panel. Empty: it declined.
std::span<const std::byte> machine_code(int target, const GemmShape& s, int32_t m,
                                        std::vector<std::byte>& buffer) {
  libxsmm_descriptor_blob blob;
  const libxsmm_gemm_descriptor* descriptor = libxsmm_gemm_descriptor_dinit2(
      &blob, s.bf16 ? LIBXSMM_GEMM_PRECISION_BF16 : LIBXSMM_GEMM_PRECISION_F32, LIBXSMM_GEMM_PRECISION_F32,
      s.n, m, s.k, libxsmm_blasint(s.ldb), libxsmm_blasint(s.lda), libxsmm_blasint(s.ldc), 1.0,
      s.add ? 1.0 : 0.0, s.bf16 ? LIBXSMM_GEMM_FLAG_VNNI_A : LIBXSMM_GEMM_FLAG_NONE,
      LIBXSMM_GEMM_PREFETCH_NONE);
  if (!descriptor) return {};
  buffer.resize(kCodeBuffer);
  libxsmm_generated_code code{};
  code.generated_code = buffer.data();
  code.buffer_size = unsigned(buffer.size());
  code.code_type = 2;  // binary
  code.arch = unsigned(target);
  libxsmm_generator_gemm_kernel(&code, descriptor);
  if (code.last_error != 0 || code.code_size == 0) return {};
  return std::span(buffer).first(code.code_size);
}
}  // namespace

void Gemm::operator()(int64_t m, const void* a, const void* b, float* c) const noexcept {
  const auto* rows = static_cast<const std::byte*>(a);
  const int64_t row_bytes = shape_.lda * (shape_.bf16 ? 2 : 4);
  if (!code_[0]) {
    plain_->gemm({.m = m,
                  .n = shape_.n,
                  .k = shape_.k,
                  .a = reinterpret_cast<const float*>(rows),
                  .a_row = shape_.lda,
                  .a_col = 1,
                  .b = static_cast<const float*>(b),
                  .ldb = shape_.ldb,
                  .c = c,
                  .ldc = shape_.ldc,
                  .add = shape_.add});
    return;
  }
  for (size_t i = 0; i < code_.size();) {
    const int64_t step = MicroKernels::kRows[i];
    if (m < step) {
      ++i;
      continue;
    }
    code_[i](b, rows, c);
    rows += step * row_bytes;
    c += step * shape_.ldc;
    m -= step;
  }
}

size_t MicroKernels::Hash::operator()(const GemmShape& s) const noexcept {
  uint64_t h = uint64_t(s.bf16) | uint64_t(s.add) << 1;
  for (const int64_t x : {int64_t(s.n), int64_t(s.k), s.lda, s.ldb, s.ldc})
    h = (h ^ uint64_t(x)) * 0x9E3779B97F4A7C15u;
  return size_t(h ^ (h >> 32));
}

MicroKernels::MicroKernels(Isa isa) : isa_(isa), plain_(*row_kernels(isa).tile) {
  const std::string plain = fmt::format("plain C++ kernels ({}: f32)", row(isa).name);
  if (target_of(isa) == 0) {
    description_ = plain;
    return;
  }
  arena_ = std::make_unique<CodeArena>();
  const GemmShape trial{.bf16 = row(isa).bf16_dot, .n = 64, .k = 64, .lda = 64, .ldb = 64, .ldc = 64};
  std::vector<std::byte> buffer;
  const std::span code = machine_code(target_of(isa), trial, 16, buffer);
  if (code.empty()) {
    description_ = plain + ", because libxsmm generates no code for this set";
    arena_.reset();
  } else if (!arena_->add(code)) {
    description_ = fmt::format("{}, because the system refuses executable memory to libxsmm ({})", plain,
                               std::strerror(errno));
    arena_.reset();
  } else {
    bf16_ = trial.bf16;
    description_ = fmt::format("libxsmm ({}: {})", row(isa).name, bf16_ ? "f32, bf16" : "f32");
  }
}

MicroKernels::~MicroKernels() = default;

Gemm::Code MicroKernels::generate(const GemmShape& shape, int32_t m) {
  static thread_local std::vector<std::byte> buffer;
  const std::span code = machine_code(target_of(isa_), shape, m, buffer);
  FETTLE_CHECK(!code.empty(), "libxsmm generates no {} kernel for m {} n {} k {} on {}",
               shape.bf16 ? "bf16" : "f32", m, shape.n, shape.k, row(isa_).name);
  const void* at = arena_->add(code);
  if (!at) {
    throw Error({.what = fmt::format("no executable memory for a microkernel: {}", std::strerror(errno)),
                 .hint = "FETTLE_ISA=generic runs without generated code"});
  }
  ++generated_[shape.bf16];
  return reinterpret_cast<Gemm::Code>(const_cast<void*>(at));
}

const Gemm& MicroKernels::get(const GemmShape& shape) {
  const auto found = kernels_.find(shape);
  if (found != kernels_.end()) return found->second;
  FETTLE_CHECK(
      shape.n % 16 == 0 && shape.n >= 32 && shape.k > 0 && (!shape.bf16 || (bf16_ && shape.k % 2 == 0)),
      "microkernel n {} k {} bf16 {}", shape.n, shape.k, shape.bf16);
  Gemm gemm;
  gemm.shape_ = shape;
  gemm.plain_ = &plain_;
  if (arena_) {
    for (size_t i = 0; i < kRows.size(); ++i) gemm.code_[i] = generate(shape, kRows[i]);
  }
  return kernels_.emplace(shape, gemm).first->second;
}

}  // namespace fettle
