// Operations whose rows are independent: embedding, norm, rotary embedding, gate, copies.
#include <cstring>

#include "base/error.h"
#include "kernel/cpu/cpu_ops.h"
#include "kernel/cpu/loops.h"
#include "quant/storage.h"

namespace fettle {

namespace {

void check_same_shape(const Buf& a, const Buf& b) {
  FETTLE_CHECK(a.rows == b.rows && a.cols == b.cols, "[{}, {}] against [{}, {}]", a.rows, a.cols, b.rows,
               b.cols);
}

void check_row_numbers(std::span<const int32_t> rows, int64_t limit) {
  for (const int32_t row : rows) FETTLE_CHECK(row >= 0 && row < limit, "row {} of {}", row, limit);
}

}  // namespace

void CpuOps::embed(std::span<const int32_t> ids, const WeightView& table, float scale, Buf out) {
  FETTLE_CHECK(out.rows == int64_t(ids.size()) && out.cols == table.cols);
  check_row_numbers(ids, table.rows);
  const DecodeF32 decode = f32_decoder(decode_, table.type);
  const auto scaled = rows_.scale[kF32][element_type(out)];
  const int64_t row_bytes = table.cols * int64_t(sizeof(float));
  reserve_thread_scratch(row_bytes);
  for_rows(pool_, out.rows, out.cols, [&](int64_t t, int thread) {
    float* row = reinterpret_cast<float*>(thread_scratch_[size_t(thread)].get(row_bytes));
    decode(table.row(ids[size_t(t)]), table.cols, row);
    scaled(row, scale, at(out, t), out.cols);
  });
}

void CpuOps::rms_norm(Buf x, Buf w, float eps, Buf y) {
  check_same_shape(x, y);
  FETTLE_CHECK(w.cols == x.cols && w.type == DType::f32);
  const auto kernel = rows_.rms_norm[element_type(x)][element_type(y)];
  for_rows(pool_, x.rows, x.cols,
           [&](int64_t t, int) { kernel(at(x, t), w.row<float>(0), eps, at(y, t), x.cols); });
}

void CpuOps::rms_norm_backward(Buf x, Buf w, float eps, Buf dy, Buf dx, bool add, Buf dw) {
  check_same_shape(x, dy);
  check_same_shape(x, dx);
  FETTLE_CHECK(w.cols == x.cols && w.type == DType::f32);
  float* inverse_rms = reinterpret_cast<float*>(shared_scratch_.get(x.rows * int64_t(sizeof(float))));
  const auto kernel = rows_.rms_norm_backward[element_type(x)][element_type(dy)][element_type(dx)];
  for_rows(pool_, x.rows, x.cols, [&](int64_t t, int) {
    inverse_rms[t] = kernel(at(x, t), w.row<float>(0), eps, at(dy, t), at(dx, t), add, x.cols);
  });
  if (!dw) return;
  FETTLE_CHECK(dw.cols == x.cols && dw.type == DType::f32);
  constexpr int64_t kColumns = 64;  // one owner for each block of columns, over all rows
  const auto weight_kernel = rows_.rms_norm_dw[element_type(x)][element_type(dy)];
  pool_.parallel_for((x.cols + kColumns - 1) / kColumns, [&](int64_t task, int) {
    const int64_t c = task * kColumns;
    weight_kernel(at(x, 0, c), x.ld, at(dy, 0, c), dy.ld, inverse_rms, x.rows, dw.row<float>(0) + c,
                  std::min(kColumns, x.cols - c));
  });
}

void CpuOps::rope(Buf x, int64_t head_dim, const RopeTable& table, std::span<const int32_t> positions,
                  bool inverse) {
  const int64_t half = table.cos.cols;
  FETTLE_CHECK(x.rows == int64_t(positions.size()) && x.cols % head_dim == 0 && 2 * half <= head_dim);
  check_row_numbers(positions, table.cos.rows);
  const auto kernel = rows_.rope[element_type(x)];
  for_rows(pool_, x.rows, x.cols, [&](int64_t t, int) {
    const int32_t position = positions[size_t(t)];
    kernel(at(x, t), x.cols / head_dim, head_dim, table.cos.row<float>(position),
           table.sin.row<float>(position), half, inverse);
  });
}

void CpuOps::gated_act(Activation activation, Buf gate, Buf up, Buf out) {
  check_same_shape(gate, up);
  check_same_shape(gate, out);
  FETTLE_CHECK(gate.type == up.type && gate.type == out.type);
  const auto kernel = rows_.gated_act[size_t(activation)][element_type(gate)];
  for_rows(pool_, gate.rows, gate.cols,
           [&](int64_t t, int) { kernel(at(gate, t), at(up, t), at(out, t), gate.cols); });
}

void CpuOps::gated_act_backward(Activation activation, Buf gate, Buf up, Buf dout, Buf dgate, Buf dup) {
  for (const Buf& other : {up, dout, dgate, dup}) check_same_shape(gate, other);
  FETTLE_CHECK(gate.type == up.type && gate.type == dgate.type && gate.type == dup.type);
  const auto kernel = rows_.gated_act_backward[size_t(activation)][element_type(gate)][element_type(dout)];
  for_rows(pool_, gate.rows, gate.cols, [&](int64_t t, int) {
    kernel(at(gate, t), at(up, t), at(dout, t), at(dgate, t), at(dup, t), gate.cols);
  });
}

void CpuOps::copy(Buf from, Buf to) {
  check_same_shape(from, to);
  const auto kernel = rows_.convert[element_type(from)][element_type(to)];
  for_rows(pool_, from.rows, from.cols, [&](int64_t t, int) { kernel(at(from, t), at(to, t), from.cols); });
}

void CpuOps::add(Buf x, Buf y) {
  check_same_shape(x, y);
  const auto kernel = rows_.add[element_type(x)][element_type(y)];
  for_rows(pool_, x.rows, x.cols, [&](int64_t t, int) { kernel(at(x, t), at(y, t), x.cols); });
}

void CpuOps::gather_rows(Buf x, std::span<const int32_t> rows, Buf out) {
  FETTLE_CHECK(out.rows == int64_t(rows.size()) && out.cols == x.cols);
  check_row_numbers(rows, x.rows);
  const auto kernel = rows_.convert[element_type(x)][element_type(out)];
  for_rows(pool_, out.rows, out.cols,
           [&](int64_t i, int) { kernel(at(x, rows[size_t(i)]), at(out, i), out.cols); });
}

void CpuOps::scatter_add_rows(Buf dout, std::span<const int32_t> rows, Buf dx) {
  FETTLE_CHECK(dout.rows == int64_t(rows.size()) && dout.cols == dx.cols);
  check_row_numbers(rows, dx.rows);
  const auto kernel = rows_.add[element_type(dout)][element_type(dx)];
  for_rows(pool_, dout.rows, dout.cols,
           [&](int64_t i, int) { kernel(at(dout, i), at(dx, rows[size_t(i)]), dout.cols); });
}

void CpuOps::store_kv(const BatchView& batch, Buf k, Buf v, const KvView& view) {
  FETTLE_CHECK(k.cols == view.k.cols && v.cols == view.v.cols &&
               int64_t(view.lengths.size()) == batch.sequences());
  const auto convert_k = rows_.convert[element_type(k)][element_type(view.k)];
  const auto convert_v = rows_.convert[element_type(v)][element_type(view.v)];
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const int64_t begin = batch.cu_seqlens[size_t(s)], rows = batch.cu_seqlens[size_t(s) + 1] - begin;
    const int64_t cached = view.lengths[size_t(s)] - rows;
    FETTLE_CHECK(cached >= 0, "sequence {} has {} new rows and {} keys", s, rows, view.lengths[size_t(s)]);
    for_rows(pool_, rows, k.cols + v.cols, [&](int64_t t, int) {
      const int64_t row = view.row(s, cached + t);
      // In training the view may be the batch's own k and v.
      if (at(k, begin + t) != at(view.k, row)) convert_k(at(k, begin + t), at(view.k, row), k.cols);
      if (at(v, begin + t) != at(view.v, row)) convert_v(at(v, begin + t), at(view.v, row), v.cols);
    });
  }
}

}  // namespace fettle
