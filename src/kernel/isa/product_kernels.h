// Products of bf16 matrices with dot-product instructions (isa/products.cpp). Only sets that multiply bf16
// have them: the entries of the other sets' tables are null, and callers widen to f32.
//
// a is row-major bf16, b lies in pairs along k, [k/2, ldb, 2], c is row-major f32. k is even, n a multiple of
// 16. An element's sum is one chain in ascending k: its bits depend neither on m nor on n.
#pragma once

#include <cstdint>

namespace fettle {

/// What becomes of a chain of products: it starts from zero and is stored, or added to c; or it goes on with
/// the chain that c ends.
enum class Chain { store, add, join };

/// c[m][n] from Σ_k a[m][k]·b(k, n).
struct DotGemm {
  int64_t m, n, k;
  const uint16_t* a;
  int64_t lda;
  const uint16_t* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  Chain chain;
};

/// A few products more for every element: an adapter's low-rank term.
struct DotTerm {
  int64_t k;
  const uint16_t* a;
  int64_t lda;
  const uint16_t* b;
  int64_t ldb;
};

/// The last product of a contraction and all that follows, in registers: with Chain::add c holds what came
/// before and is only read; then the terms join in order, then bias [n] (null: none), then, with add, what y
/// [m, n] holds; y is rounded once.
struct DotFinish {
  DotGemm last;  // Chain::store or Chain::add
  const DotTerm* terms;
  int64_t term_count;
  const float* bias;
  bool add;
  uint16_t* y;
  int64_t ldy;
};

struct ProductKernels {
  void (*gemm)(const DotGemm&) noexcept;
  void (*finish)(const DotFinish&) noexcept;
};

}  // namespace fettle
