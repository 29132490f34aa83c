// Products of bf16: see product_kernels.h.
#include "kernel/isa/product_kernels.h"

#include "base/intrinsics.h"
#include "base/isa.h"
#include "kernel/isa/vec.h"

namespace fettle {
namespace {

#if defined(__AVX512BF16__)

constexpr int64_t kLine = 32;  // bf16 of a cache line

FETTLE_VEC __m512bh pairs(const uint16_t* p) {
  return (__m512bh)_mm512_loadu_si512(p);
}

FETTLE_VEC __m512bh everywhere(const uint16_t* pair) {
  int32_t bits;
  __builtin_memcpy(&bits, pair, sizeof bits);
  __m512i all = _mm512_set1_epi32(bits);
#if defined(__clang__)
  asm("" : "+v"(all));  // clang 16 dies of a broadcast that it sees through the cast
#endif
  return (__m512bh)all;
}

/// An operand pair of R rows and 16·V columns.
struct Operands {
  int64_t k;
  const uint16_t* a;
  int64_t lda;
  const uint16_t* b;
  int64_t ldb;
};

// Goes on with the chains in `sum`. `kAhead`: the next block's rows are asked for, a line at a time: they lie
// too far apart for the processor to guess.
template <bool kAhead, int R, int V>
FETTLE_VEC void multiply(const Operands& o, __m512 (&sum)[R][V]) {
  const uint16_t* b = o.b;
  for (int64_t k = 0; k < o.k;) {
    if constexpr (kAhead) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) __builtin_prefetch(o.a + (R + r) * o.lda + k);
    }
    const int64_t end = k + kLine < o.k ? k + kLine : o.k;
    for (; k < end; k += 2) {
      __m512bh right[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) right[v] = pairs(b + v * 2 * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m512bh left = everywhere(o.a + r * o.lda + k);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], left, right[v]);
      }
      b += 2 * o.ldb;
    }
  }
}

template <int R, int V, class Body>
FETTLE_VEC void each(const Body& body) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) body(r, v);
}

/// Where a block of a product lies.
struct Place {
  int64_t row, column;
};

FETTLE_VEC Operands operands(const DotGemm& g, Place at) {
  return {g.k, g.a + at.row * g.lda, g.lda, g.b + 2 * at.column, g.ldb};
}
FETTLE_VEC Operands operands(const DotTerm& t, Place at) {
  return {t.k, t.a + at.row * t.lda, t.lda, t.b + 2 * at.column, t.ldb};
}

template <int R, int V>
void block(const DotGemm& g, Place at) {
  float* c = g.c + at.row * g.ldc + at.column;
  __m512 sum[R][V];
  each<R, V>([&](int r, int v) {
    sum[r][v] = g.chain == Chain::join ? _mm512_loadu_ps(c + r * g.ldc + v * kLanes) : _mm512_setzero_ps();
  });
  multiply<true>(operands(g, at), sum);
  each<R, V>([&](int r, int v) {
    float* to = c + r * g.ldc + v * kLanes;
    _mm512_storeu_ps(to, g.chain == Chain::add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[r][v]) : sum[r][v]);
  });
}

template <int R, int V>
void block(const DotFinish& f, Place at) {
  const float* c = f.last.c + at.row * f.last.ldc + at.column;
  __m512 sum[R][V];
  each<R, V>([&](int r, int v) { sum[r][v] = _mm512_setzero_ps(); });
  multiply<true>(operands(f.last, at), sum);
  if (f.last.chain == Chain::add) {
    each<R, V>([&](int r, int v) {
      sum[r][v] = _mm512_add_ps(_mm512_loadu_ps(c + r * f.last.ldc + v * kLanes), sum[r][v]);
    });
  }
  for (int64_t t = 0; t < f.term_count; ++t) multiply<false>(operands(f.terms[t], at), sum);
  if (f.bias) {
    each<R, V>([&](int r, int v) {
      sum[r][v] = _mm512_add_ps(sum[r][v], _mm512_loadu_ps(f.bias + at.column + v * kLanes));
    });
  }
  uint16_t* y = f.y + at.row * f.ldy + at.column;
  if (f.add) {
    each<R, V>([&](int r, int v) {
      sum[r][v] = _mm512_add_ps(sum[r][v], (__m512)load(y + r * f.ldy + v * kLanes));
    });
  }
  each<R, V>([&](int r, int v) { store(y + r * f.ldy + v * kLanes, (Vec)sum[r][v]); });
}

/// block<rows, V>, rows <= R.
template <int R, int V, class Product>
FETTLE_VEC void block_of(int64_t rows, const Product& product, Place at) {
  if (rows == R) {
    block<R, V>(product, at);
  } else if constexpr (R > 1) {
    block_of<R - 1, V>(rows, product, at);
  }
}

// The instruction takes six cycles: so many sums must be in flight, and up to 24 fit the registers beside V
// operands. More than eight rows need more addresses than there are. Two blocks share what is left of the
// rows, so that neither is too small to be fast.
template <int V, class Product>
void columns(const Product& product, int64_t m, int64_t column) {
  constexpr int kRows = V == 4 ? 6 : 8;
  for (int64_t row = 0; row < m;) {
    const int64_t left = m - row;
    const int64_t rows = left >= 2 * kRows || left == kRows ? kRows : left > kRows ? (left + 1) / 2 : left;
    block_of<kRows, V>(rows, product, {row, column});
    row += rows;
  }
}

template <class Product>
FETTLE_VEC void all_columns(const Product& product, int64_t m, int64_t n) {
  int64_t column = 0;
  for (; column + 4 * kLanes <= n; column += 4 * kLanes) columns<4>(product, m, column);
  switch ((n - column) / kLanes) {
    case 3:
      columns<3>(product, m, column);
      break;
    case 2:
      columns<2>(product, m, column);
      break;
    case 1:
      columns<1>(product, m, column);
      break;
    default:
      break;
  }
}

void gemm(const DotGemm& g) noexcept {
  all_columns(g, g.m, g.n);
}

void finish(const DotFinish& f) noexcept {
  all_columns(f, f.last.m, f.last.n);
}

#endif

}  // namespace

extern const ProductKernels FETTLE_ISA_SYMBOL(product_kernels);
constinit const ProductKernels FETTLE_ISA_SYMBOL(product_kernels) = {
#if defined(__AVX512BF16__)
    .gemm = gemm,
    .finish = finish,
#endif
};

}  // namespace fettle
