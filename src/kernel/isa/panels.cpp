// Around the microkernels: see gemm/panel_kernels.h.
#include "base/isa.h"
#include "kernel/gemm/panel_kernels.h"
#include "kernel/isa/vec.h"

namespace fettle {

namespace {

// ── repacking ──

void transpose_edge(const uint32_t* in, int64_t ld_in, int64_t rows, int64_t cols, uint32_t* out,
                    int64_t ld_out) {
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) out[c * ld_out + r] = in[r * ld_in + c];
  }
}

#if defined(__AVX512F__)
constexpr int64_t kSquare = 16;

// 16 × 16 lanes in four rounds of exchanges: lanes, pairs, quarters, halves.
FETTLE_VEC void transpose_square(const uint32_t* in, int64_t ld_in, uint32_t* out, int64_t ld_out) {
  __m512i r[16], t[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(in + i * ld_in);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 16; i += 8) {
    for (int j = 0; j < 4; ++j) {
      t[i + j] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0x88);
      t[i + j + 4] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0xdd);
    }
  }
  for (int j = 0; j < 8; ++j) {
    _mm512_storeu_si512(out + j * ld_out, _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88));
    _mm512_storeu_si512(out + (j + 8) * ld_out, _mm512_shuffle_i32x4(t[j], t[j + 8], 0xdd));
  }
}
#elif defined(__AVX2__)
constexpr int64_t kSquare = 8;

FETTLE_VEC void transpose_square(const uint32_t* in, int64_t ld_in, uint32_t* out, int64_t ld_out) {
  __m256i r[8], t[8];
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i * ld_in));
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + j * ld_out),
                        _mm256_permute2x128_si256(r[j], r[j + 4], 0x20));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + (j + 4) * ld_out),
                        _mm256_permute2x128_si256(r[j], r[j + 4], 0x31));
  }
}
#else
constexpr int64_t kSquare = 8;

FETTLE_VEC void transpose_square(const uint32_t* in, int64_t ld_in, uint32_t* out, int64_t ld_out) {
  transpose_edge(in, ld_in, kSquare, kSquare, out, ld_out);
}
#endif

void transpose(const uint32_t* in, int64_t ld_in, int64_t rows, int64_t cols, uint32_t* out,
               int64_t ld_out) noexcept {
  const int64_t whole_rows = rows - rows % kSquare, whole_cols = cols - cols % kSquare;
  for (int64_t c = 0; c < whole_cols; c += kSquare) {
    for (int64_t r = 0; r < whole_rows; r += kSquare) {
      transpose_square(in + r * ld_in + c, ld_in, out + c * ld_out + r, ld_out);
    }
  }
  transpose_edge(in + whole_cols, ld_in, whole_rows, cols - whole_cols, out + whole_cols * ld_out, ld_out);
  transpose_edge(in + whole_rows * ld_in, ld_in, rows - whole_rows, cols, out + whole_rows, ld_out);
}

#if defined(__AVX512BW__)
// Elements 0, 32, 1, 33, … of two vectors side by side; the second half adds 16.
alignas(64) constexpr uint16_t kPairs[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                             8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
#endif

void interleave(const uint16_t* even, const uint16_t* odd, int64_t n, uint16_t* out) noexcept {
  int64_t i = 0;
#if defined(__AVX512BW__)
  const __m512i low = _mm512_load_si512(kPairs), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  for (; i + 32 <= n; i += 32) {
    const __m512i e = _mm512_loadu_si512(even + i), o = _mm512_loadu_si512(odd + i);
    _mm512_storeu_si512(out + 2 * i, _mm512_permutex2var_epi16(e, low, o));
    _mm512_storeu_si512(out + 2 * i + 32, _mm512_permutex2var_epi16(e, high, o));
  }
#endif
  for (; i < n; ++i) {
    out[2 * i] = even[i];
    out[2 * i + 1] = odd[i];
  }
}

// ── finishing ──

template <class T>
void finish(const float* c, float scale, const float* bias, bool add, void* y, int64_t n) noexcept {
  T* out = static_cast<T*>(y);
  const Vec s = splat(scale);
  for_vectors(n, [&](int64_t j, auto part) {
    Vec v = load(c + j, part) * s;
    if (bias) v += load(bias + j, part);
    if (add) v += load(out + j, part);
    store(out + j, v, part);
  });
}

// ── dropout ──

// 64 columns share eight counters, 16 bits each: column c has half q % 2 of word q / 2 of counter 8·(c / 64)
// + c % 8, where q = c % 64 / 8.
constexpr int64_t kDrawn = 64, kCounters = 8;

// Eight counters as 64-bit lanes, of which a round's product reads the lower half only: what is above needs
// no masking.
#if defined(__AVX512F__)
constexpr int kWide = 8;
using Wide = __m512i;
FETTLE_VEC Wide wide(uint32_t x) {
  return _mm512_set1_epi64(int64_t(x));
}
FETTLE_VEC Wide counters(uint32_t first) {
  return _mm512_add_epi64(wide(first), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
}
FETTLE_VEC Wide product(Wide a, Wide b) {
  return _mm512_mul_epu32(a, b);
}
FETTLE_VEC Wide mixed(Wide p, Wide a, Wide b) {
  return _mm512_ternarylogic_epi64(_mm512_srli_epi64(p, 32), a, b, 0x96);
}
FETTLE_VEC void narrow(Wide x, uint32_t* out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi64_epi32(x));
}
#elif defined(__AVX2__)
constexpr int kWide = 4;
using Wide = __m256i;
FETTLE_VEC Wide wide(uint32_t x) {
  return _mm256_set1_epi64x(int64_t(x));
}
FETTLE_VEC Wide counters(uint32_t first) {
  return _mm256_add_epi64(wide(first), _mm256_setr_epi64x(0, 1, 2, 3));
}
FETTLE_VEC Wide product(Wide a, Wide b) {
  return _mm256_mul_epu32(a, b);
}
FETTLE_VEC Wide mixed(Wide p, Wide a, Wide b) {
  return _mm256_xor_si256(_mm256_srli_epi64(p, 32), _mm256_xor_si256(a, b));
}
FETTLE_VEC void narrow(Wide x, uint32_t* out) {
  const __m256i even = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(even));
}
#else
constexpr int kWide = 1;
using Wide = uint64_t;
FETTLE_VEC Wide wide(uint32_t x) {
  return x;
}
FETTLE_VEC Wide counters(uint32_t first) {
  return first;
}
FETTLE_VEC Wide product(Wide a, Wide b) {
  return (a & 0xffffffffu) * (b & 0xffffffffu);
}
FETTLE_VEC Wide mixed(Wide p, Wide a, Wide b) {
  return (p >> 32) ^ a ^ b;
}
FETTLE_VEC void narrow(Wide x, uint32_t* out) {
  *out = uint32_t(x);
}
#endif

// The Philox of base/rng.h, spelled out again for vectors; panel_test.cpp holds the two together.
void draw(const DropoutRow& row, uint32_t stream, uint32_t first_counter, uint32_t* words) {
  const Wide m0 = wide(0xD2511F53u), m1 = wide(0xCD9E8D57u);
  for (int lane = 0; lane < kCounters; lane += kWide) {
    uint32_t k0 = uint32_t(row.key), k1 = uint32_t(row.key >> 32);
    Wide x0 = counters(first_counter + uint32_t(lane)), x1 = wide(row.position), x2 = wide(stream),
         x3 = wide(row.salt);
    for (int round = 0; round < 10; ++round) {
      const Wide p0 = product(m0, x0), p1 = product(m1, x2);
      x0 = mixed(p1, x1, wide(k0));
      x1 = p1;
      x2 = mixed(p0, x3, wide(k1));
      x3 = p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    narrow(x0, words + lane);
    narrow(x1, words + kCounters + lane);
    narrow(x2, words + 2 * kCounters + lane);
    narrow(x3, words + 3 * kCounters + lane);
  }
}

void factors(const uint32_t* words, uint32_t threshold, float keep, float* out) {
  for (int q = 0; q < 8; ++q) {
    for (int lane = 0; lane < kCounters; ++lane) {
      const uint32_t bits = (words[q / 2 * kCounters + lane] >> (q % 2 * 16)) & 0xffffu;
      out[q * kCounters + lane] = bits < threshold ? 0.0f : keep;
    }
  }
}

void dropout(const DropoutRow& row, uint32_t stream, int64_t first, int64_t n, uint32_t threshold, float keep,
             float* out) noexcept {
  alignas(64) uint32_t words[4 * kCounters];
  alignas(64) float block[kDrawn];
  for (int64_t start = first - first % kDrawn; start < first + n; start += kDrawn) {
    draw(row, stream, uint32_t(start / kDrawn * kCounters), words);
    const int64_t from = first > start ? first - start : 0;
    const int64_t to = first + n - start < kDrawn ? first + n - start : kDrawn;
    float* at = out + (start - first);
    if (from == 0 && to == kDrawn) {
      factors(words, threshold, keep, at);
    } else {
      factors(words, threshold, keep, block);
      __builtin_memcpy(at + from, block + from, size_t(to - from) * sizeof(float));
    }
  }
}

template <class T>
void multiply(const void* x, const float* m, void* y, int64_t n) noexcept {
  const T* in = static_cast<const T*>(x);
  T* out = static_cast<T*>(y);
  for_vectors(n, [&](int64_t j, auto part) { store(out + j, load(in + j, part) * load(m + j, part), part); });
}

void multiply_add(const float* a, const float* m, float* c, int64_t n) noexcept {
  for_vectors(n, [&](int64_t j, auto part) {
    store(c + j, fma(load(a + j, part), load(m + j, part), load(c + j, part)), part);
  });
}

}  // namespace

extern constinit const PanelKernels FETTLE_ISA_SYMBOL(panel_kernels) = {
    .isa = FETTLE_ISA_TEXT,
    .transpose = transpose,
    .interleave = interleave,
    .finish = {finish<float>, finish<uint16_t>},
    .dropout = dropout,
    .multiply = {multiply<float>, multiply<uint16_t>},
    .multiply_add = multiply_add,
};

}  // namespace fettle
