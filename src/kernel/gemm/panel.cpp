#include "kernel/gemm/panel.h"

#include <algorithm>
#include <cstring>

#include "base/plan.h"

namespace fettle {

WeightView as_weight(const Buf& matrix) {
  return {.data = static_cast<const std::byte*>(matrix.p),
          .type = DType::f32,
          .rows = matrix.rows,
          .cols = matrix.cols,
          .row_bytes = matrix.ld * 4};
}

namespace {
/// Decodes pieces of a weight's rows: the look-ups done once per panel.
class RowDecoder {
 public:
  RowDecoder(const WeightView& w, const DecodeTable& table, bool bf16)
      : w_(w), block_(info(w.type).block), block_bytes_(info(w.type).block_bytes) {
    if (bf16) {
      bf16_ = bf16_decoder(table, w.type);
    } else {
      f32_ = f32_decoder(table, w.type);
    }
  }
  const std::byte* at(int64_t row, int64_t col) const { return w_.row(row) + col / block_ * block_bytes_; }
  void operator()(int64_t row, int64_t col, int64_t n, std::byte* out) const {
    if (bf16_) {
      bf16_(at(row, col), n, reinterpret_cast<bf16_t*>(out));
    } else {
      f32_(at(row, col), n, reinterpret_cast<float*>(out));
    }
  }

 private:
  const WeightView& w_;
  int64_t block_, block_bytes_;
  DecodeF32 f32_ = nullptr;
  DecodeBf16 bf16_ = nullptr;
};
}  // namespace

void PanelPacker::transposed(const WeightView& w, int64_t row, int64_t rows, int64_t padded, int64_t k0,
                             int64_t k, std::byte* scratch, void* out, int64_t ldb) const {
  const int64_t lanes = bf16_ ? (k + 1) / 2 : k, pitch = lanes * 4;
  const RowDecoder decode(w, decode_, bf16_);
  auto* lane = static_cast<uint32_t*>(out);
  for (int64_t r = 0; r < rows; r += kTransposedRows) {
    const int64_t count = std::min(kTransposedRows, rows - r);
    for (int64_t i = 0; i < count; ++i) {
      std::byte* at = scratch + i * pitch;
      decode(row + r + i, k0, k, at);
      if (bf16_ && k % 2 != 0) std::memset(at + k * 2, 0, 2);
    }
    kernels_.transpose(reinterpret_cast<const uint32_t*>(scratch), lanes, count, lanes, lane + r, ldb);
  }
  if (padded > rows) {
    for (int64_t i = 0; i < lanes; ++i) std::memset(lane + i * ldb + rows, 0, size_t(padded - rows) * 4);
  }
}

void PanelPacker::straight(const WeightView& w, int64_t k0, int64_t k, int64_t col, int64_t cols,
                           int64_t width, std::byte* scratch, void* out) const {
  const int64_t element = bf16_ ? 2 : 4, whole = round_up(cols, width), step = bf16_ ? 2 : 1;
  const int64_t sub_bytes = bytes(k, width), row_bytes = whole * element;
  const RowDecoder decode(w, decode_, bf16_);
  if (whole > cols) std::memset(scratch, 0, size_t(2 * row_bytes));
  for (int64_t i = 0; i < k; i += step) {
    std::byte *even = scratch, *odd = scratch + row_bytes;
    decode(k0 + i, col, cols, even);
    if (bf16_ && i + 1 < k) decode(k0 + i + 1, col, cols, odd);
    if (bf16_ && i + 1 == k) std::memset(odd, 0, size_t(row_bytes));
    for (int64_t c = 0; c < whole; c += width) {
      std::byte* to = static_cast<std::byte*>(out) + c / width * sub_bytes + i * width * element;
      if (bf16_) {
        kernels_.interleave(reinterpret_cast<const uint16_t*>(even) + c,
                            reinterpret_cast<const uint16_t*>(odd) + c, width,
                            reinterpret_cast<uint16_t*>(to));
      } else {
        std::memcpy(to, even + c * 4, size_t(width) * 4);
      }
    }
  }
}

int64_t strip_width(const WeightView& w, int64_t width) {
  const int64_t block = info(w.type).block;
  return block <= width && width % block == 0 ? width : std::max(block, width);
}

}  // namespace fettle
