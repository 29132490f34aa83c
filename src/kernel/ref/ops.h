// What each operation means, in plain loops over any number type: float, double, or Dual<double> for its
// derivative. Slow and readable: the kernels are held to it.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "kernel/ops.h"

namespace fettle::ref {

template <class T>
struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<T> data;

  Matrix() = default;
  Matrix(int64_t r, int64_t c) : rows(r), cols(c), data(size_t(r * c)) {}
  T& operator()(int64_t r, int64_t c) { return data[size_t(r * cols + c)]; }
  const T& operator()(int64_t r, int64_t c) const { return data[size_t(r * cols + c)]; }
};

/// scale · B·A beside a frozen weight.
template <class T>
struct LowRank {
  Matrix<T> A;  // [r, in]
  Matrix<T> B;  // [out, r]
  T scale{};
};

/// x·Wᵀ: [t, in] by [out, in] gives [t, out].
template <class T>
Matrix<T> linear(const Matrix<T>& x, const Matrix<T>& w) {
  Matrix<T> y(x.rows, w.rows);
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t o = 0; o < w.rows; ++o)
      for (int64_t i = 0; i < w.cols; ++i) y(t, o) += x(t, i) * w(o, i);
  return y;
}

/// x·Wᵀ + bias + scale·x·Aᵀ·Bᵀ; an empty bias or A adds nothing.
template <class T>
Matrix<T> linear(const Matrix<T>& x, const Matrix<T>& w, const std::vector<T>& bias,
                 const LowRank<T>& delta) {
  Matrix<T> y = linear(x, w);
  const bool adapted = delta.A.rows > 0;
  const Matrix<T> correction = adapted ? linear(linear(x, delta.A), delta.B) : Matrix<T>();
  for (int64_t t = 0; t < y.rows; ++t)
    for (int64_t o = 0; o < y.cols; ++o) {
      if (adapted) y(t, o) += delta.scale * correction(t, o);
      if (!bias.empty()) y(t, o) += bias[size_t(o)];
    }
  return y;
}

template <class T>
Matrix<T> embed(std::span<const int32_t> ids, const Matrix<T>& table, T scale) {
  Matrix<T> out(int64_t(ids.size()), table.cols);
  for (int64_t t = 0; t < out.rows; ++t)
    for (int64_t c = 0; c < out.cols; ++c) out(t, c) = scale * table(ids[size_t(t)], c);
  return out;
}

/// x / sqrt(mean(x²) + eps) · w, w [1, width].
template <class T>
Matrix<T> rms_norm(const Matrix<T>& x, const Matrix<T>& w, double eps) {
  using std::sqrt;
  Matrix<T> y(x.rows, x.cols);
  for (int64_t t = 0; t < x.rows; ++t) {
    T squares{};
    for (int64_t c = 0; c < x.cols; ++c) squares += x(t, c) * x(t, c);
    const T root = sqrt(squares / T(double(x.cols)) + T(eps));
    for (int64_t c = 0; c < x.cols; ++c) y(t, c) = x(t, c) / root * w(0, c);
  }
  return y;
}

/// The same over every head, w [1, head_dim].
template <class T>
Matrix<T> rms_norm_heads(Matrix<T> x, const Matrix<T>& w, double eps) {
  const int64_t rows = x.rows, cols = x.cols;
  x.rows = rows * cols / w.cols;
  x.cols = w.cols;
  Matrix<T> y = rms_norm(x, w, eps);
  y.rows = rows;
  y.cols = cols;
  return y;
}

/// Pairs (j, j + half) of every head turned by the angle of their position; cos, sin [positions, half].
template <class T>
Matrix<T> rope(const Matrix<T>& x, int64_t head_dim, const Matrix<double>& cos, const Matrix<double>& sin,
               std::span<const int32_t> positions) {
  Matrix<T> y = x;
  const int64_t half = cos.cols;
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t head = 0; head < x.cols; head += head_dim)
      for (int64_t j = 0; j < half; ++j) {
        const T c = cos(positions[size_t(t)], j), s = sin(positions[size_t(t)], j);
        y(t, head + j) = x(t, head + j) * c - x(t, head + j + half) * s;
        y(t, head + j + half) = x(t, head + j + half) * c + x(t, head + j) * s;
      }
  return y;
}

template <class T>
T activation(Activation kind, T x) {
  using std::exp, std::tanh;
  if (kind == Activation::silu) return x / (T(1.0) + exp(-x));
  constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
  return T(0.5) * x * (T(1.0) + tanh(T(kSqrtTwoOverPi) * (x + T(0.044715) * x * x * x)));
}

/// act(gate) ⊙ up.
template <class T>
Matrix<T> gated_act(Activation kind, const Matrix<T>& gate, const Matrix<T>& up) {
  Matrix<T> out(gate.rows, gate.cols);
  for (size_t i = 0; i < out.data.size(); ++i) out.data[i] = activation(kind, gate.data[i]) * up.data[i];
  return out;
}

template <class T>
struct Attended {
  Matrix<T> o;    // [queries, heads · head_dim]
  Matrix<T> lse;  // [queries, heads]
};

/// One sequence. The queries are the last rows of the keys: query i sees keys (p - window, p], p = keys -
/// queries + i.
template <class T>
Attended<T> attention(const AttentionSpec& spec, const Matrix<T>& q, const Matrix<T>& k, const Matrix<T>& v) {
  using std::exp, std::log;
  const int64_t dim = spec.head_dim, group = spec.heads / spec.kv_heads;
  Attended<T> out{Matrix<T>(q.rows, q.cols), Matrix<T>(q.rows, spec.heads)};
  for (int64_t i = 0; i < q.rows; ++i)
    for (int64_t h = 0; h < spec.heads; ++h) {
      const int64_t last = k.rows - q.rows + i, kv = h / group * dim;
      const int64_t first = spec.window > 0 && last >= spec.window ? last - spec.window + 1 : 0;
      std::vector<T> score(size_t(last - first + 1));
      T top(-INFINITY);
      for (int64_t j = first; j <= last; ++j) {
        T s{};
        for (int64_t d = 0; d < dim; ++d) s += q(i, h * dim + d) * k(j, kv + d);
        s *= T(spec.scale);
        score[size_t(j - first)] = s;
        if (s > top) top = s;
      }
      T total{};
      for (T& s : score) total += s = exp(s - top);
      for (int64_t j = first; j <= last; ++j)
        for (int64_t d = 0; d < dim; ++d)
          out.o(i, h * dim + d) += score[size_t(j - first)] / total * v(j, kv + d);
      out.lse(i, h) = top + log(total);
    }
  return out;
}

/// log softmax(logits[t])[target].
template <class T>
T log_prob(const Matrix<T>& logits, int64_t t, int32_t target) {
  using std::exp, std::log;
  T top = logits(t, 0);
  for (int64_t c = 1; c < logits.cols; ++c)
    if (logits(t, c) > top) top = logits(t, c);
  T total{};
  for (int64_t c = 0; c < logits.cols; ++c) total += exp(logits(t, c) - top);
  return logits(t, target) - top - log(total);
}

}  // namespace fettle::ref
