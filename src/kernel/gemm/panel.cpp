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
// How far ahead to ask: decoding so many rows takes as long as memory does.
constexpr int64_t kRowsAhead = 4, kShortRowsAhead = 32;

/// Decodes the same columns of many rows: everything but the row is looked up once.
class RowDecoder {
 public:
  RowDecoder(const WeightView& w, const DecodeTable& table, bool bf16, int64_t col, int64_t n)
      : w_(w),
        offset_(col / info(w.type).block * info(w.type).block_bytes),
        bytes_(n / info(w.type).block * info(w.type).block_bytes),
        n_(n) {
    if (bf16) {
      bf16_ = bf16_decoder(table, w.type);
    } else {
      f32_ = f32_decoder(table, w.type);
    }
  }
  /// Asks for a row that is decoded soon: rows lie too far apart for the processor to guess, and short pieces
  /// of rows that wait for memory take three times as long.
  void prefetch(int64_t row) const {
    if (row >= w_.rows) return;
    const std::byte* at = w_.row(row) + offset_;
    for (int64_t i = 0; i < bytes_; i += 64) __builtin_prefetch(at + i);
    __builtin_prefetch(at + bytes_ - 1);
  }
  void operator()(int64_t row, std::byte* out) const {
    const std::byte* at = w_.row(row) + offset_;
    if (bf16_) {
      bf16_(at, n_, reinterpret_cast<bf16_t*>(out));
    } else {
      f32_(at, n_, reinterpret_cast<float*>(out));
    }
  }

 private:
  const WeightView& w_;
  int64_t offset_, bytes_, n_;
  DecodeF32 f32_ = nullptr;
  DecodeBf16 bf16_ = nullptr;
};
}  // namespace

void PanelPacker::transposed(const WeightView& w, int64_t row, int64_t rows, int64_t padded, int64_t k0,
                             int64_t k, std::byte* scratch, void* out, int64_t ldb) const {
  const int64_t lanes = bf16_ ? (k + 1) / 2 : k, pitch = lanes * 4;
  const RowDecoder decode(w, decode_, bf16_, k0, k);
  auto* lane = static_cast<uint32_t*>(out);
  for (int64_t r = 0; r < rows; r += kTransposedRows) {
    const int64_t count = std::min(kTransposedRows, rows - r);
    for (int64_t i = 0; i < count; ++i) {
      std::byte* at = scratch + i * pitch;
      decode.prefetch(row + r + i + kRowsAhead);
      decode(row + r + i, at);
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
  const RowDecoder decode(w, decode_, bf16_, col, cols);
  auto* to = static_cast<std::byte*>(out);
  if (whole > cols) std::memset(scratch, 0, size_t(2 * row_bytes));
  for (int64_t i = 0; i < k; i += step, to += step * width * element) {
    std::byte *even = scratch, *odd = scratch + row_bytes;
    decode.prefetch(k0 + i + kShortRowsAhead);
    if (bf16_) decode.prefetch(k0 + i + 1 + kShortRowsAhead);
    decode(k0 + i, even);
    if (bf16_ && i + 1 < k) decode(k0 + i + 1, odd);
    if (bf16_ && i + 1 == k) std::memset(odd, 0, size_t(row_bytes));
    std::byte* sub = to;
    for (int64_t c = 0; c < whole; c += width, sub += sub_bytes) {
      if (bf16_) {
        kernels_.interleave(reinterpret_cast<const uint16_t*>(even) + c,
                            reinterpret_cast<const uint16_t*>(odd) + c, width,
                            reinterpret_cast<uint16_t*>(sub));
      } else {
        std::memcpy(sub, even + c * 4, size_t(width) * 4);
      }
    }
  }
}

int64_t strip_width(const WeightView& w, int64_t width) {
  const int64_t block = info(w.type).block;
  return block <= width && width % block == 0 ? width : std::max(block, width);
}

}  // namespace fettle
