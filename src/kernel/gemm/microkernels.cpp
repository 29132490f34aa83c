#include "kernel/gemm/microkernels.h"

#include <libxsmm_cpuid.h>
#include <libxsmm_generator.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernel/gemm/code_arena.h"
#include "kernel/isa/product_kernels.h"
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

// Floats of a piece's own sum: at most, and while there is a choice of rows. 8 kB of L1 leave room for
// operands.
constexpr int32_t kSum = 16384, kSumInCache = 2048;

constexpr int32_t kLanes = 16;  // the fewest columns; libxsmm is asked for more

constexpr size_t kCodeBuffer = size_t(1) << 18;  // the largest kernel seen has 12 kB

// Our row-major C = A·B is the column-major Cᵀ = Bᵀ·Aᵀ: libxsmm's A is our panel. Empty: it declined.
std::span<const std::byte> machine_code(int target, const GemmShape& s, int32_t m,
                                        std::vector<std::byte>& buffer) {
  libxsmm_descriptor_blob blob;
  const libxsmm_gemm_descriptor* descriptor = libxsmm_gemm_descriptor_dinit2(
      &blob, LIBXSMM_GEMM_PRECISION_F32, LIBXSMM_GEMM_PRECISION_F32, s.n, m, s.k, libxsmm_blasint(s.ldb),
      libxsmm_blasint(s.lda), libxsmm_blasint(s.ldc), 1.0, s.add ? 1.0 : 0.0, LIBXSMM_GEMM_FLAG_NONE,
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

void Gemm::run(const Piece& piece, size_t size, const std::byte* a, const std::byte* b,
               float* c) const noexcept {
  if (piece.code[size]) {
    piece.code[size](b, a, c);
    return;
  }
  const GemmShape& s = piece.shape;
  plain_->gemm({.m = MicroKernels::kRows[size],
                .n = s.n,
                .k = s.k,
                .a = reinterpret_cast<const float*>(a),
                .a_row = s.lda,
                .a_col = 1,
                .b = reinterpret_cast<const float*>(b),
                .ldb = s.ldb,
                .c = c,
                .ldc = s.ldc,
                .add = s.add});
}

void Gemm::dots(int64_t m, const uint16_t* a, const uint16_t* b, float* c) const noexcept {
  const GemmShape& s = shape_;
  Chain chain = !s.add ? Chain::store : s.join ? Chain::join : Chain::add;
  for (int64_t k = 0; k < s.k; k += MicroKernels::kPieceBf16, chain = Chain::add) {
    const int64_t length = std::min<int64_t>(MicroKernels::kPieceBf16, s.k - k);
    products_->gemm({m, s.n, length, a + k, s.lda, b + k * s.ldb, s.ldb, c, s.ldc, chain});
  }
}

// kRows[size] rows of C; returns how many these are.
int64_t Gemm::rows(size_t size, const std::byte* a, const std::byte* b, float* c) const noexcept {
  constexpr int64_t element = sizeof(float), piece = MicroKernels::kPieceF32;
  const int64_t count = MicroKernels::kRows[size];
  if (first_.shape.k != 0) run(first_, size, a, b, c);
  alignas(64) float sum[kSum];
  for (int64_t k = first_.shape.k; k < shape_.k; k += piece) {
    const bool whole = shape_.k - k >= piece;
    run(whole ? whole_ : last_, size, a + k * element, b + k * shape_.ldb * element, sum);
    plain_->add(sum, count, shape_.n, c, shape_.ldc);
  }
  return count;
}

void Gemm::operator()(int64_t m, const void* a, const void* b, float* c) const noexcept {
  if (shape_.bf16) {
    dots(m, static_cast<const uint16_t*>(a), static_cast<const uint16_t*>(b), c);
    return;
  }
  const auto* at = static_cast<const std::byte*>(a);
  const int64_t row_bytes = shape_.lda * int64_t(sizeof(float));
  for (size_t size = largest_; m > 0;) {
    if (m < MicroKernels::kRows[size]) {
      ++size;
      continue;
    }
    const int64_t done = rows(size, at, static_cast<const std::byte*>(b), c);
    at += done * row_bytes;
    c += done * shape_.ldc;
    m -= done;
  }
}

size_t MicroKernels::Hash::operator()(const GemmShape& s) const noexcept {
  uint64_t h = uint64_t(s.bf16) | uint64_t(s.add) << 1 | uint64_t(s.join) << 2;
  for (const int64_t x : {int64_t(s.n), int64_t(s.k), s.lda, s.ldb, s.ldc})
    h = (h ^ uint64_t(x)) * 0x9E3779B97F4A7C15u;
  return size_t(h ^ (h >> 32));
}

MicroKernels::MicroKernels(Isa isa)
    : isa_(isa), plain_(*row_kernels(isa).tile), products_(*row_kernels(isa).products) {
  bf16_ = products_.gemm != nullptr;
  description_ =
      fmt::format("{}{} ({})", open_arena(), bf16_ ? ", dot products for bf16" : "", row(isa).name);
}

// What multiplies f32, and why.
std::string MicroKernels::open_arena() {
  const std::string plain = "plain C++ kernels for f32";
  if (target_of(isa_) == 0) return plain;
  arena_ = std::make_unique<CodeArena>();
  std::vector<std::byte> buffer;
  const GemmShape trial{.n = 64, .k = 64, .lda = 64, .ldb = 64, .ldc = 64};
  const std::span code = machine_code(target_of(isa_), trial, 16, buffer);
  if (!code.empty() && arena_->add(code)) return "libxsmm for f32";
  const int refusal = errno;
  arena_.reset();
  if (code.empty()) return plain + " (libxsmm generates no code for this set)";
  return fmt::format("{} (the system refuses executable memory to libxsmm: {})", plain,
                     std::strerror(refusal));
}

MicroKernels::~MicroKernels() = default;

Gemm::Code MicroKernels::generate(const GemmShape& shape, int32_t m) {
  static thread_local std::vector<std::byte> buffer;
  const std::span code = machine_code(target_of(isa_), shape, m, buffer);
  FETTLE_CHECK(!code.empty(), "libxsmm generates no f32 kernel for m {} n {} k {} on {}", m, shape.n, shape.k,
               row(isa_).name);
  const void* at = arena_->add(code);
  if (!at) {
    throw Error({.what = fmt::format("no executable memory for a microkernel: {}", std::strerror(errno)),
                 .hint = "FETTLE_ISA=generic runs without generated code"});
  }
  ++fast_[kF32];
  return reinterpret_cast<Gemm::Code>(const_cast<void*>(at));
}

Gemm::Piece MicroKernels::make(const GemmShape& shape) {
  const auto found = pieces_.find(shape);
  if (found != pieces_.end()) return found->second;
  Gemm::Piece piece{.shape = shape};
  if (arena_ && shape.n > kLanes) {
    for (size_t i = 0; i < kRows.size(); ++i) piece.code[i] = generate(shape, kRows[i]);
  }
  return pieces_.emplace(shape, piece).first->second;
}

const Gemm& MicroKernels::get(const GemmShape& shape) {
  const auto found = kernels_.find(shape);
  if (found != kernels_.end()) return found->second;
  FETTLE_CHECK(shape.n % kLanes == 0 && shape.n > 0 && shape.n <= kSum && shape.k > 0 &&
                   (!shape.bf16 || (bf16_ && shape.k % 2 == 0)),
               "microkernel n {} k {} bf16 {}", shape.n, shape.k, shape.bf16);
  FETTLE_CHECK(!shape.join || (shape.add && shape.k <= piece(shape.bf16)), "k {} cannot join", shape.k);
  Gemm gemm;
  gemm.shape_ = shape;
  gemm.plain_ = &plain_;
  gemm.products_ = &products_;
  if (shape.bf16) {
    ++fast_[kBf16];
  } else {
    make_pieces(gemm);
  }
  return kernels_.emplace(shape, gemm).first->second;
}

void MicroKernels::finish(const DotFinish& f) const noexcept {
  products_.finish(f);
}

void MicroKernels::make_pieces(Gemm& gemm) {
  const GemmShape& shape = gemm.shape_;
  GemmShape part = shape;
  part.add = shape.join;
  part.k = std::min(shape.k, kPieceF32);
  if (!shape.add || shape.join) gemm.first_ = make(part);
  const int32_t rest = shape.k - gemm.first_.shape.k;
  part.ldc = shape.n;
  if (rest >= kPieceF32) gemm.whole_ = make(part);
  part.k = rest % kPieceF32;
  if (part.k != 0) gemm.last_ = make(part);
  while (rest > 0 && kRows[gemm.largest_] > 1 && kRows[gemm.largest_] * shape.n > kSumInCache)
    ++gemm.largest_;
}

}  // namespace fettle
