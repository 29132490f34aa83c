// Row kernels: element-wise loops and reductions over one row.
#include "base/isa.h"
#include "kernel/isa/row_kernels.h"
#include "kernel/isa/vec.h"

namespace fettle {

extern const TileKernels FETTLE_ISA_SYMBOL(tile_kernels);
extern const DotKernels FETTLE_ISA_SYMBOL(dot_kernels);
extern const ProductKernels FETTLE_ISA_SYMBOL(product_kernels);
extern const ProductKernels FETTLE_ISA_SYMBOL(product_kernels);

namespace {

using bf16 = uint16_t;

// Reductions keep four vectors: a chain of one would wait for the latency of every add.
constexpr int kChains = 4;

template <class Term>
FETTLE_VEC float sum_of(int64_t n, Term term) {
  Vec part[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kLanes <= n; i += kChains * kLanes)
    for (int c = 0; c < kChains; ++c) part[c] = term(i + c * kLanes, part[c], Whole{});
  for (; i + kLanes <= n; i += kLanes) part[0] = term(i, part[0], Whole{});
  if (i < n) part[0] = term(i, part[0], Part{n - i});
  return sum((part[0] + part[1]) + (part[2] + part[3]));
}

template <class X, class Y>
void convert(const void* x, void* y, int64_t n) noexcept {
  const X* from = static_cast<const X*>(x);
  Y* to = static_cast<Y*>(y);
  for_vectors(n, [=](int64_t i, auto size) { store(to + i, load(from + i, size), size); });
}

template <class X, class Y>
void scale(const void* x, float factor, void* y, int64_t n) noexcept {
  const X* from = static_cast<const X*>(x);
  Y* to = static_cast<Y*>(y);
  for_vectors(n, [=](int64_t i, auto size) { store(to + i, load(from + i, size) * factor, size); });
}

template <class X, class Y>
void add(const void* x, void* y, int64_t n) noexcept {
  const X* from = static_cast<const X*>(x);
  Y* to = static_cast<Y*>(y);
  for_vectors(n,
              [=](int64_t i, auto size) { store(to + i, load(to + i, size) + load(from + i, size), size); });
}

void axpy(float a, const float* x, float* y, int64_t n) noexcept {
  for_vectors(n, [=](int64_t i, auto size) {
    store(y + i, fma(splat(a), load(x + i, size), load(y + i, size)), size);
  });
}

template <class X, class Y>
float dot(const void* x, const void* y, int64_t n) noexcept {
  const X* a = static_cast<const X*>(x);
  const Y* b = static_cast<const Y*>(y);
  return sum_of(
      n, [=](int64_t i, Vec part, auto size) { return fma(load(a + i, size), load(b + i, size), part); });
}

void exp_span(const float* x, float* y, int64_t n) noexcept {
  for_vectors(n, [=](int64_t i, auto size) { store(y + i, exp(load(x + i, size)), size); });
}

void log_span(const float* x, float* y, int64_t n) noexcept {
  for_vectors(n, [=](int64_t i, auto size) { store(y + i, log(load(x + i, size)), size); });
}

float max_of_span(const float* x, int64_t n) noexcept {
  Vec m = splat(-__builtin_inff());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) m = max(m, load(x + i));
  float rest = max_lane(m);
  for (; i < n; ++i) rest = rest > x[i] ? rest : x[i];
  return rest;
}

FETTLE_VEC Vec keep_first(Vec v, Whole) {
  return v;
}
FETTLE_VEC Vec keep_first(Vec v, Part part) {
  return lane_numbers() < int32_t(part.n) ? v : Vec{};
}

float exp_sum(const float* x, float shift, float* y, int64_t n) noexcept {
  if (y == nullptr)
    return sum_of(n, [=](int64_t i, Vec part, auto size) {
      return part + keep_first(exp(load(x + i, size) - shift), size);
    });
  return sum_of(n, [=](int64_t i, Vec part, auto size) {
    const Vec e = exp(load(x + i, size) - shift);
    store(y + i, e, size);
    return part + keep_first(e, size);
  });
}

double sum_squares(const float* x, int64_t n) noexcept {
  constexpr int kDoubles = kLanes / 2;
  typedef float Narrow __attribute__((vector_size(4 * kDoubles)));
  DoubleVec part[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kDoubles <= n; i += kChains * kDoubles)
    for (int c = 0; c < kChains; ++c) {
      Narrow v;
      __builtin_memcpy(&v, x + i + c * kDoubles, sizeof v);
      const DoubleVec d = __builtin_convertvector(v, DoubleVec);
      part[c] += d * d;
    }
  const DoubleVec all = (part[0] + part[1]) + (part[2] + part[3]);
  double total = 0;
  for (int lane = 0; lane < kDoubles; ++lane) total += all[lane];
  for (; i < n; ++i) total += double(x[i]) * double(x[i]);
  return total;
}

// ── RMS norm ──

template <class X>
FETTLE_VEC float inverse_rms(const X* x, float eps, int64_t n) {
  const float squares = sum_of(n, [=](int64_t i, Vec part, auto size) {
    const Vec v = load(x + i, size);
    return fma(v, v, part);
  });
  return 1.0f / __builtin_sqrtf(squares / float(n) + eps);
}

template <class X, class Y>
void rms_norm(const void* px, const float* w, float eps, void* py, int64_t n) noexcept {
  const X* x = static_cast<const X*>(px);
  Y* y = static_cast<Y*>(py);
  const float r = inverse_rms(x, eps, n);
  for_vectors(n,
              [=](int64_t i, auto size) { store(y + i, load(x + i, size) * r * load(w + i, size), size); });
}

template <class X, class Dy, class Dx>
float rms_norm_backward(const void* px, const float* w, float eps, const void* pdy, void* pdx, bool add_to,
                        int64_t n) noexcept {
  const X* x = static_cast<const X*>(px);
  const Dy* dy = static_cast<const Dy*>(pdy);
  Dx* dx = static_cast<Dx*>(pdx);
  const float r = inverse_rms(x, eps, n);
  const float along = sum_of(n, [=](int64_t i, Vec part, auto size) {
    return fma(load(x + i, size) * load(w + i, size), load(dy + i, size), part);
  });
  const Vec pull = splat(-r * r * along / float(n));
  for_vectors(n, [=](int64_t i, auto size) {
    const Vec straight = load(w + i, size) * load(dy + i, size);
    const Vec d = fma(load(x + i, size), pull, straight) * r;
    store(dx + i, add_to ? load(dx + i, size) + d : d, size);
  });
  return r;
}

template <class X, class Dy>
void rms_norm_dw(const void* px, int64_t ldx, const void* pdy, int64_t lddy, const float* r, int64_t rows,
                 float* dw, int64_t n) noexcept {
  const X* x = static_cast<const X*>(px);
  const Dy* dy = static_cast<const Dy*>(pdy);
  int64_t done = 0;
  for (; done + kChains * kLanes <= n;
       done += kChains * kLanes) {  // several vectors of a row while its line is near
    Vec total[kChains];
    for (int c = 0; c < kChains; ++c) total[c] = load(dw + done + c * kLanes);
    for (int64_t t = 0; t < rows; ++t)
      for (int c = 0; c < kChains; ++c) {
        const int64_t i = done + c * kLanes;
        total[c] = fma(load(x + t * ldx + i) * r[t], load(dy + t * lddy + i), total[c]);
      }
    for (int c = 0; c < kChains; ++c) store(dw + done + c * kLanes, total[c]);
  }
  for_vectors(n - done, [=](int64_t left, auto size) {
    const int64_t i = done + left;
    Vec total = load(dw + i, size);
    for (int64_t t = 0; t < rows; ++t)
      total = fma(load(x + t * ldx + i, size) * r[t], load(dy + t * lddy + i, size), total);
    store(dw + i, total, size);
  });
}

// ── rotary embedding, gated activation ──

template <class X>
void rope(void* px, int64_t heads, int64_t head_dim, const float* cos, const float* sin, int64_t half,
          bool inverse) noexcept {
  const Vec sign = splat(inverse ? -1.0f : 1.0f);
  for (int64_t h = 0; h < heads; ++h) {
    X* first = static_cast<X*>(px) + h * head_dim;
    X* second = first + half;
    for_vectors(half, [=](int64_t j, auto size) {
      const Vec a = load(first + j, size), b = load(second + j, size);
      const Vec c = load(cos + j, size), s = load(sin + j, size) * sign;
      store(first + j, fma(a, c, -(b * s)), size);
      store(second + j, fma(b, c, a * s), size);
    });
  }
}

// act(x) = x·σ(z(x)): z = x for SiLU; z = 2√(2/π)(x + 0.044715x³) for the tanh form of GELU, as (1 + tanh u)
// / 2 = σ(2u).
struct Gate {
  Vec z, slope;  // z and dz/dx
};
FETTLE_VEC Gate silu_gate(Vec x) {
  return {x, splat(1.0f)};
}
FETTLE_VEC Gate gelu_gate(Vec x) {
  constexpr float kTwice = 1.5957691216057308f, kCube = 0.044715f;
  const Vec t = max(min(x, splat(20.0f)), splat(-20.0f));  // σ is 0 or 1 long before; x³ would overflow
  const Vec square = t * t;
  return {t * kTwice * fma(square, splat(kCube), splat(1.0f)),
          fma(square, splat(3 * kCube), splat(1.0f)) * kTwice};
}

template <class X, Gate (*gate_of)(Vec)>
void gated_act(const void* pgate, const void* pup, void* pout, int64_t n) noexcept {
  const X* gate = static_cast<const X*>(pgate);
  const X* up = static_cast<const X*>(pup);
  X* out = static_cast<X*>(pout);
  for_vectors(n, [=](int64_t i, auto size) {
    const Vec g = load(gate + i, size);
    store(out + i, g * sigmoid(gate_of(g).z) * load(up + i, size), size);
  });
}

template <class X, class Dout, Gate (*gate_of)(Vec)>
void gated_act_backward(const void* pgate, const void* pup, const void* pdout, void* pdgate, void* pdup,
                        int64_t n) noexcept {
  const X* gate = static_cast<const X*>(pgate);
  const X* up = static_cast<const X*>(pup);
  const Dout* dout = static_cast<const Dout*>(pdout);
  X* dgate = static_cast<X*>(pdgate);
  X* dup = static_cast<X*>(pdup);
  for_vectors(n, [=](int64_t i, auto size) {
    const Vec g = load(gate + i, size), u = load(up + i, size), d = load(dout + i, size);
    const Gate inner = gate_of(g);
    const Vec s = sigmoid(inner.z);
    const Vec slope = s * fma(g * (1.0f - s), inner.slope, splat(1.0f));
    store(dup + i, d * g * s, size);
    store(dgate + i, d * u * slope, size);
  });
}

// ── AdamW ──

void adamw(float* param, float* grad, float* m, float* v, const AdamWFactors& f, int64_t n) noexcept {
  for_vectors(n, [=](int64_t i, auto size) {
    const Vec g = load(grad + i, size) * f.grad_scale;
    const Vec m0 = load(m + i, size);
    const Vec m1 = fma(g - m0, splat(f.one_minus_beta1), m0);
    const Vec v1 = fma(g * g, splat(f.one_minus_beta2), load(v + i, size) * f.beta2);
    const Vec denominator = sqrt(v1) / f.sqrt_correction2 + f.eps;
    const Vec kept = load(param + i, size) * f.keep;
    store(param + i, kept - m1 * f.step_size / denominator, size);
    store(m + i, m1, size);
    store(v + i, v1, size);
    store(grad + i, Vec{}, size);
  });
}

// clang-format off
#define BY_TYPE(f) {f<float>, f<bf16>}
#define BY_TYPES(f) {{f<float, float>, f<float, bf16>}, {f<bf16, float>, f<bf16, bf16>}}
#define BY_THREE_TYPES(f)                                                                             \
  {{{f<float, float, float>, f<float, float, bf16>}, {f<float, bf16, float>, f<float, bf16, bf16>}}, \
   {{f<bf16, float, float>, f<bf16, float, bf16>}, {f<bf16, bf16, float>, f<bf16, bf16, bf16>}}}
#define GATED(gate) {gated_act<float, gate>, gated_act<bf16, gate>}
#define GATED_BACKWARD(gate)                                                        \
  {{gated_act_backward<float, float, gate>, gated_act_backward<float, bf16, gate>}, \
   {gated_act_backward<bf16, float, gate>, gated_act_backward<bf16, bf16, gate>}}
// clang-format on

}  // namespace

extern const RowKernels FETTLE_ISA_SYMBOL(row_kernels);
constinit const RowKernels FETTLE_ISA_SYMBOL(row_kernels) = {
    .isa = FETTLE_ISA_TEXT,
    .tile = &FETTLE_ISA_SYMBOL(tile_kernels),
    .dots = &FETTLE_ISA_SYMBOL(dot_kernels),
    .products = &FETTLE_ISA_SYMBOL(product_kernels),
    .convert = BY_TYPES(convert),
    .scale = BY_TYPES(scale),
    .add = BY_TYPES(add),
    .axpy = axpy,
    .dot = BY_TYPES(dot),
    .exp = exp_span,
    .log = log_span,
    .max = max_of_span,
    .exp_sum = exp_sum,
    .sum_squares = sum_squares,
    .rms_norm = BY_TYPES(rms_norm),
    .rms_norm_backward = BY_THREE_TYPES(rms_norm_backward),
    .rms_norm_dw = BY_TYPES(rms_norm_dw),
    .rope = BY_TYPE(rope),
    .gated_act = {GATED(silu_gate), GATED(gelu_gate)},
    .gated_act_backward = {GATED_BACKWARD(silu_gate), GATED_BACKWARD(gelu_gate)},
    .adamw = adamw,
};

}  // namespace fettle
