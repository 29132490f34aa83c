// For tests of operations: tensors of either type, and how results are held to kernel/ref.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/half.h"
#include "base/plan.h"
#include "base/rng.h"
#include "kernel/cpu_ops.h"
#include "kernel/ref/dual.h"
#include "kernel/ref/ops.h"

namespace fettle::testing {

using ref::Dual;
using ref::Matrix;

/// A matrix in f32 or bf16, with rows up to the next multiple of 16 as buffers of a plan have, and a leading
/// dimension wider than the row, so that a kernel that mistakes one for the other fails.
class Tensor {
 public:
  Tensor(int64_t rows, int64_t cols, DType type, int64_t ld = 0)
      : buf_{nullptr, rows, cols, ld == 0 ? cols + 3 : ld, type},
        bytes_(size_t((round_up(rows, 16) + 1) * buf_.ld * buf_.element_bytes()), std::byte{0x5a}) {
    buf_.p = bytes_.data();
  }
  Tensor(const Tensor& other) : buf_(other.buf_), bytes_(other.bytes_) { buf_.p = bytes_.data(); }
  Tensor& operator=(const Tensor&) = delete;

  operator Buf() const { return buf_; }  // NOLINT: a tensor is passed where a Buf is asked
  int64_t rows() const { return buf_.rows; }
  int64_t cols() const { return buf_.cols; }

  float get(int64_t r, int64_t c) const {
    return buf_.type == DType::f32 ? buf_.row<float>(r)[c] : to_float(buf_.row<bf16_t>(r)[c]);
  }
  void set(int64_t r, int64_t c, float x) {
    if (buf_.type == DType::f32)
      buf_.row<float>(r)[c] = x;
    else
      buf_.row<bf16_t>(r)[c] = to_bf16(x);
  }
  /// Uniform in [-range, range).
  Tensor& random(uint32_t stream, float range = 1) {
    Rng rng(7, Purpose::probe, 0, stream);
    for (int64_t r = 0; r < rows(); ++r)
      for (int64_t c = 0; c < cols(); ++c) set(r, c, (2 * rng.next_float() - 1) * range);
    return *this;
  }
  template <class T = double>
  Matrix<T> matrix(int64_t first = 0, int64_t count = -1) const {
    Matrix<T> m(count < 0 ? rows() : count, cols());
    for (int64_t r = 0; r < m.rows; ++r)
      for (int64_t c = 0; c < m.cols; ++c) m(r, c) = T(double(get(first + r, c)));
    return m;
  }
  /// Bits of every element, for exact comparisons.
  std::vector<uint32_t> bits(int64_t first = 0, int64_t count = -1) const {
    std::vector<uint32_t> out;
    for (int64_t r = first; r < first + (count < 0 ? rows() : count); ++r)
      for (int64_t c = 0; c < cols(); ++c) out.push_back(std::bit_cast<uint32_t>(get(r, c)));
    return out;
  }

 private:
  Buf buf_;
  std::vector<std::byte> bytes_;
};

/// One rounding to the tensor's type and f32 noise inside: 2^-8 of each bf16 element, `noise` of the largest
/// element, which counts as `least` at least.
inline void expect_close(const Tensor& actual, const Matrix<double>& expected, const std::string& what,
                         double noise = 1e-5, double rounding = 0x1p-8, double least = 0) {
  ASSERT_EQ(actual.rows(), expected.rows) << what;
  ASSERT_EQ(actual.cols(), expected.cols) << what;
  double largest = least, worst = 0;
  for (const double x : expected.data) largest = std::max(largest, std::abs(x));
  if (Buf(actual).type == DType::f32) rounding = 0;
  for (int64_t r = 0; r < actual.rows(); ++r)
    for (int64_t c = 0; c < actual.cols(); ++c) {
      const double difference = std::abs(actual.get(r, c) - expected(r, c));
      ASSERT_LE(difference, noise * largest + rounding * std::abs(expected(r, c)))
          << what << ": row " << r << ", column " << c << ": " << actual.get(r, c) << " for "
          << expected(r, c);
      worst = std::max(worst, difference);
    }
  ASSERT_TRUE(std::isfinite(worst)) << what;
}

/// A random direction: x + epsilon·d as dual numbers, and what a gradient says about it.
class Direction {
 public:
  Direction(int64_t rows, int64_t cols, uint32_t stream) : d_(rows, cols) {
    Rng rng(11, Purpose::probe, 1, stream);
    for (double& x : d_.data) x = 2 * double(rng.next_float()) - 1;
  }
  Matrix<Dual<double>> along(const Matrix<double>& x) const {
    Matrix<Dual<double>> out(x.rows, x.cols);
    for (size_t i = 0; i < x.data.size(); ++i) out.data[i] = {x.data[i], d_.data[i]};
    return out;
  }
  /// Adds Σ dx·d to `sum` and Σ (dx·d)² to `squares`.
  void project(const Matrix<double>& dx, double& sum, double& squares) const {
    for (size_t i = 0; i < dx.data.size(); ++i) {
      const double term = dx.data[i] * d_.data[i];
      sum += term;
      squares += term * term;
    }
  }

 private:
  Matrix<double> d_;
};

/// Σ dout·slope(out): the exact derivative of the loss whose gradient is dout.
inline double slope_of(const Matrix<Dual<double>>& out, const Matrix<double>& dout) {
  double sum = 0;
  for (size_t i = 0; i < out.data.size(); ++i) sum += out.data[i].slope * dout.data[i];
  return sum;
}

struct Mode {
  Isa isa;
  DType type;
};

/// Runs `body` for every instruction set this CPU has, in f32 and bf16.
template <class Body>
void for_each_mode(const Body& body) {
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    for (const DType type : {DType::f32, DType::bf16}) {
      SCOPED_TRACE(std::string(isa.name) + (type == DType::f32 ? " f32" : " bf16"));
      body(Mode{isa.isa, type});
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

inline std::unique_ptr<Ops> ops_for(Isa isa, int threads = 2) {
  return make_cpu_ops({.isa = isa, .threads = threads});
}

}  // namespace fettle::testing
