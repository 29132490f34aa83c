// Microkernels: C [m, n] f32 (= | +=) A [m, k] · B [k, n] for the small shapes that loop nests are made of.
//
// A is row-major (f32 or bf16), C row-major, and B a packed panel: f32 row-major [k, ldb], or bf16 in pairs
// along k, [k/2, ldb, 2].
//
// Sums: k is cut into pieces, counted from the call's first; each is an f32 chain from zero in ascending k,
// and the pieces are added to C in ascending order. So an element's bits depend neither on m nor on n, loop
// nests may cut k wherever a piece ends, and a sum of 49,152 products loses what a few hundred additions
// lose, not what 49,152 do (docs/decisions.md has the measurement). A shape that joins goes on with the
// chains that C ends: for the few products of a low-rank term a sum of their own costs more than they do.
//
// Two providers. The kernels of the ISA objects serve bf16 (9 % faster than libxsmm's: docs/decisions.md),
// the generic set, and a system that refuses executable memory. libxsmm's generator serves f32, its machine
// code laid into executable memory of our own for exactly the instruction set asked for; but not products of
// 16 columns: there it is half as fast, and splits the sums of less than 12 rows over several accumulators,
// so that a row's bits would depend on how many rows are computed with it. describe() says which one runs and
// why.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "kernel/isa.h"

namespace fettle {

class CodeArena;
struct DotFinish;
struct ProductKernels;
struct TileKernels;

/// Everything of a microkernel but m. n is a multiple of 16 up to 16384; k and lda are even for bf16;
/// leading dimensions are in elements of A and C, and in columns of B.
struct GemmShape {
  bool bf16 = false, add = false;
  int32_t n = 0, k = 0;
  int64_t lda = 0, ldb = 0, ldc = 0;
  bool join = false;  // with add and at most one piece of k

  bool operator==(const GemmShape&) const = default;
};

/// The product of a shape for any number of rows.
class Gemm {
 public:
  void operator()(int64_t m, const void* a, const void* b, float* c) const noexcept;

 private:
  friend class MicroKernels;
  using Code = void (*)(const void* b, const void* a, float* c);
  /// C = A·B in f32 for one piece of k and 128, 64, … 1 rows: any m is a sum of these. k = 0: there is no
  /// such piece.
  struct Piece {
    GemmShape shape;
    std::array<Code, 8> code{};  // null: the kernel of the ISA object
  };

  void dots(int64_t m, const uint16_t* a, const uint16_t* b, float* c) const noexcept;
  int64_t rows(size_t size, const std::byte* a, const std::byte* b, float* c) const noexcept;
  void run(const Piece& piece, size_t size, const std::byte* a, const std::byte* b, float* c) const noexcept;

  GemmShape shape_;
  Piece first_;         // straight into C, or onto it
  Piece whole_, last_;  // into a sum of their own, [rows, n]
  size_t largest_ = 0;  // of kRows that is used
  const TileKernels* plain_ = nullptr;
  const ProductKernels* products_ = nullptr;
};

class MicroKernels {
 public:
  static constexpr std::array<int32_t, 8> kRows = {128, 64, 32, 16, 8, 4, 2, 1};
  /// Longest chain of products along k, by compute type.
  static constexpr int32_t kPieceF32 = 128, kPieceBf16 = 768;
  static int32_t piece(bool bf16) { return bf16 ? kPieceBf16 : kPieceF32; }

  /// Generates a trial kernel at once, so that describe() is settled.
  explicit MicroKernels(Isa isa);
  ~MicroKernels();

  /// Whether bf16 operands are multiplied as they are; otherwise callers widen them to f32.
  bool bf16() const { return bf16_; }

  /// The kernels of a shape; made by its first call, which must not run in a parallel region. The reference
  /// stays valid.
  const Gemm& get(const GemmShape& shape);
  /// The kernels of a shape that get() has made: for parallel regions.
  const Gemm& at(const GemmShape& shape) const noexcept { return kernels_.find(shape)->second; }

  /// The last piece of a bf16 contraction and all that follows, in registers; its chain is no longer than a
  /// piece. The bits are those of the single steps.
  void finish(const DotFinish& f) const noexcept;

  /// "libxsmm for f32, dot products for bf16 (avx512bf16)", or the plain kernel and why.
  const std::string& describe() const { return description_; }
  /// Kernels made so far that are not the plain ones: a test reads it to know that the fast path ran.
  int64_t fast(bool bf16) const { return fast_[bf16]; }

 private:
  struct Hash {
    size_t operator()(const GemmShape& s) const noexcept;
  };
  std::string open_arena();
  void make_pieces(Gemm& gemm);
  Gemm::Piece make(const GemmShape& shape);
  Gemm::Code generate(const GemmShape& shape, int32_t m);

  Isa isa_;
  const TileKernels& plain_;
  const ProductKernels& products_;
  bool bf16_ = false;
  std::string description_;
  std::array<int64_t, 2> fast_{};
  std::unique_ptr<CodeArena> arena_;  // null: the plain kernel serves
  std::unordered_map<GemmShape, Gemm::Piece, Hash> pieces_;
  std::unordered_map<GemmShape, Gemm, Hash> kernels_;
};

}  // namespace fettle
