// What each block means, in the plain operations of kernel/ref, for any number type: blocks are held to
// these, and with dual numbers their backward is.
#pragma once

#include <array>

#include "kernel/ref/ops.h"

namespace fettle::ref {

/// A linear with its low-rank delta and bias; empty: none.
template <class T>
struct Linear {
  Matrix<T> w;  // [out, in]
  LowRank<T> delta;
  std::vector<T> bias;

  Matrix<T> operator()(const Matrix<T>& x) const { return linear(x, w, bias, delta); }
};

template <class T>
Matrix<T> sum(Matrix<T> a, const Matrix<T>& b) {
  for (size_t i = 0; i < a.data.size(); ++i) a.data[i] += b.data[i];
  return a;
}

template <class T>
Matrix<T> rows_of(const Matrix<T>& x, int64_t first, int64_t count) {
  Matrix<T> out(count, x.cols);
  std::copy_n(x.data.begin() + first * x.cols, count * x.cols, out.data.begin());
  return out;
}

/// What a block adds to the residual stream, normed where there is a weight for it.
template <class T>
Matrix<T> residual(const Matrix<T>& x, const Matrix<T>& branch, const Matrix<T>& post_norm, double eps) {
  return sum(x, post_norm.rows == 0 ? branch : rms_norm(branch, post_norm, eps));
}

template <class T>
struct Attention {
  AttentionSpec spec;
  double norm_eps;
  Matrix<double> cos, sin;  // [positions, head_dim / 2]
  Matrix<T> norm;           // [1, hidden]
  std::array<Linear<T>, 3> qkv;
  Linear<T> o;
  std::array<Matrix<T>, 2> qk_norm = {};  // [1, head_dim] of queries and keys; empty: none
  Matrix<T> post_norm = {};               // [1, hidden]; empty: none

  /// x: the rows of several sequences, `cu` where each begins.
  Matrix<T> operator()(const Matrix<T>& x, std::span<const int32_t> cu,
                       std::span<const int32_t> positions) const {
    const Matrix<T> normed = rms_norm(x, norm, norm_eps);
    const Matrix<T> q = rotated(0, normed, positions), k = rotated(1, normed, positions), v = qkv[2](normed);
    Matrix<T> all(x.rows, q.cols);
    for (size_t s = 0; s + 1 < cu.size(); ++s) {
      const int64_t at = cu[s], n = cu[s + 1] - at;
      const Matrix<T> one = attention(spec, rows_of(q, at, n), rows_of(k, at, n), rows_of(v, at, n)).o;
      std::copy(one.data.begin(), one.data.end(), all.data.begin() + at * all.cols);
    }
    return residual(x, o(all), post_norm, norm_eps);
  }
  Matrix<T> rotated(size_t i, const Matrix<T>& normed, std::span<const int32_t> positions) const {
    Matrix<T> y = qkv[i](normed);
    if (qk_norm[i].rows > 0) y = rms_norm_heads(std::move(y), qk_norm[i], norm_eps);
    return rope(y, spec.head_dim, cos, sin, positions);
  }
};

template <class T>
struct Mlp {
  Activation kind;
  double norm_eps;
  Matrix<T> norm;
  Linear<T> gate, up, down;
  Matrix<T> post_norm = {};  // [1, hidden]; empty: none

  Matrix<T> operator()(const Matrix<T>& x) const {
    const Matrix<T> normed = rms_norm(x, norm, norm_eps);
    return residual(x, down(gated_act(kind, gate(normed), up(normed))), post_norm, norm_eps);
  }
};

/// log p of `tokens` at `rows` of the residual stream.
template <class T>
struct Head {
  double norm_eps;
  Matrix<T> norm, w;

  Matrix<T> logits(const Matrix<T>& x) const { return linear(rms_norm(x, norm, norm_eps), w); }
  std::vector<T> operator()(const Matrix<T>& x, std::span<const int32_t> rows,
                            std::span<const int32_t> tokens) const {
    const Matrix<T> all = logits(x);
    std::vector<T> out;
    for (size_t i = 0; i < rows.size(); ++i) out.push_back(log_prob(all, rows[i], tokens[i]));
    return out;
  }
};

}  // namespace fettle::ref
