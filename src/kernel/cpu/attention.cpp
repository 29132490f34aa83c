// Attention in tiles: a few queries of every head that shares a key head, against 64 keys at a time.
//
// A row is one query of one head. The rows of a key head are numbered by token first, so the rows that share
// a tile of keys also end at nearly the same key, and what lies above the diagonal is not computed. Key tiles
// are counted from each sequence's first key, every row adds keys in ascending order, and a masked key adds
// exactly 0: so a row has the same bits alone (decode), in any tile, in any pack.
#include <algorithm>
#include <limits>

#include "kernel/cpu/attention_tiles.h"
#include "kernel/cpu/cpu_ops.h"
#include "kernel/cpu/loops.h"
#include "kernel/gemm/carver.h"

namespace fettle {

using namespace attention_tiles;

namespace {

constexpr int64_t kForwardRows = 144;  // rows that share one decoded key tile: queries and sums stay in L2
constexpr int64_t kForwardBlock =
    12;  // rows between two looks at the diagonal; a multiple of the GEMM's rows
constexpr int64_t kBackwardBlock = 48;  // deeper: here rows are also a contraction

struct Extent {
  int64_t m, n, k;
};
struct Left {
  const float* p;
  int64_t row, col;  // strides
};
struct Right {
  const float* p;
  int64_t ld;
};

/// c = a·b, and c += a·b.
void product(const TileKernels& tile, Extent e, Left a, Right b, float* c, int64_t ldc) {
  tile.gemm({e.m, e.n, e.k, a.p, a.row, a.col, b.p, b.ld, c, ldc, false});
}
void add_product(const TileKernels& tile, Extent e, Left a, Right b, float* c, int64_t ldc) {
  tile.gemm({e.m, e.n, e.k, a.p, a.row, a.col, b.p, b.ld, c, ldc, true});
}

void zero(float* p, int64_t n) {
  std::fill_n(p, n, 0.0f);
}

/// One row to f32, times `factor`, with zeros up to `padded`.
void widen_row(const RowKernels& kernels, const Buf& buf, int64_t row, int64_t col, float factor,
               const Shape& shape, float* out) {
  kernels.scale[element_type(buf)][kF32](at(buf, row, col), factor, out, shape.dim);
  zero(out + shape.dim, shape.padded - shape.dim);
}

void widen_keys(const RowKernels& kernels, const Buf& buf, const KeyRows& keys, const Shape& shape,
                float* out) {
  for (int64_t i = 0; i < keys.count; ++i) {
    kernels.convert[element_type(buf)][kF32](keys.row[i], out + i * shape.padded, shape.dim);
    zero(out + i * shape.padded + shape.dim, shape.padded - shape.dim);
  }
}

// ── forward ──

struct ForwardScratch {
  float *q, *scores, *o, *keys, *values, *maximum, *total;

  ForwardScratch(Carver& carver, const Shape& shape, int64_t rows) {
    q = carver.floats(rows * shape.padded);
    scores = carver.floats(kForwardBlock * kKeyTile);
    o = carver.floats(rows * shape.padded);
    keys = carver.floats(shape.dim * kKeyTile);
    values = carver.floats(kKeyTile * shape.padded);
    maximum = carver.floats(rows);
    total = carver.floats(rows);
  }
};

struct ForwardCall {
  const RowKernels& kernels;
  Shape shape;
  const KvView& view;
  Buf q, o, lse;
};

/// One key tile into the rows' running sums. `first_position` is the position of row 0's query.
void forward_key_tile(const ForwardCall& call, const ForwardScratch& scratch, int64_t rows,
                      int64_t first_position, int64_t key, int64_t count) {
  const Shape& shape = call.shape;
  const TileKernels& tile = *call.kernels.tile;
  for (int64_t r = 0; r < rows; r += kForwardBlock) {
    const int64_t block = std::min(kForwardBlock, rows - r);
    const int64_t last_position = first_position + (r + block - 1) / shape.group;
    const int64_t limit = std::min(count, last_position + 1 - key);
    if (limit <= 0 || shape.first_key(first_position + r / shape.group) >= key + count) continue;
    const float* q = scratch.q + r * shape.padded;
    float* o = scratch.o + r * shape.padded;
    product(tile, {block, round_up(limit, 16), shape.dim}, {q, shape.padded, 1}, {scratch.keys, kKeyTile},
            scratch.scores, kKeyTile);
    for (int64_t i = 0; i < block; ++i) {
      const int64_t position = first_position + (r + i) / shape.group;
      tile.softmax(scratch.scores + i * kKeyTile, std::max<int64_t>(0, shape.first_key(position) - key),
                   std::min(count, position + 1 - key), scratch.maximum + r + i, scratch.total + r + i,
                   o + i * shape.padded, shape.padded);
    }
    add_product(tile, {block, shape.padded, limit}, {scratch.scores, kKeyTile, 1},
                {scratch.values, shape.padded}, o, shape.padded);
  }
}

/// Queries [first, last) of one sequence, all heads of one key head.
void forward_tile(const ForwardCall& call, const Sequence& sequence, int64_t kv_head, int64_t first,
                  int64_t last, const ForwardScratch& scratch) {
  const Shape& shape = call.shape;
  const int64_t rows = (last - first) * shape.group, head = kv_head * shape.group;
  for (int64_t r = 0; r < rows; ++r)
    widen_row(call.kernels, call.q, sequence.begin + first + r / shape.group,
              (head + r % shape.group) * shape.dim, shape.scale, shape, scratch.q + r * shape.padded);
  zero(scratch.o, rows * shape.padded);
  zero(scratch.total, rows);
  std::fill_n(scratch.maximum, rows, -std::numeric_limits<float>::infinity());

  const int64_t position = sequence.position(first), end = sequence.position(last);
  for (int64_t key = shape.first_key(position) / kKeyTile * kKeyTile; key < end; key += kKeyTile) {
    const int64_t count = std::min(kKeyTile, end - key), col = kv_head * shape.dim;
    const KeyRows keys(call.view, call.view.k, sequence.index, key, count, col);
    const KeyRows values(call.view, call.view.v, sequence.index, key, count, col);
    call.kernels.tile->transpose[element_type(call.view.k)](keys.row, count, shape.dim, scratch.keys);
    widen_keys(call.kernels, call.view.v, values, shape, scratch.values);
    forward_key_tile(call, scratch, rows, position, key, count);
  }

  const auto narrow = call.kernels.scale[kF32][element_type(call.o)];
  for (int64_t r = 0; r < rows; ++r)
    narrow(scratch.o + r * shape.padded, 1 / scratch.total[r],
           at(call.o, sequence.begin + first + r / shape.group, (head + r % shape.group) * shape.dim),
           shape.dim);
  if (!call.lse) return;
  call.kernels.log(scratch.total, scratch.total, rows);
  for (int64_t r = 0; r < rows; ++r)
    call.lse.row<float>(sequence.begin + first + r / shape.group)[head + r % shape.group] =
        scratch.maximum[r] + scratch.total[r];
}

// ── backward ──

struct BackwardScratch {
  float* dq;                                  // of all rows of a task
  float *keys, *keys_t, *values_t, *dk, *dv;  // of one key tile
  float *q, *dout, *p, *ds, *lse, *dot;       // of one block of rows

  BackwardScratch(Carver& carver, const Shape& shape, int64_t rows) {
    dq = carver.floats(rows * shape.padded);
    keys = carver.floats(kKeyTile * shape.padded);
    keys_t = carver.floats(shape.dim * kKeyTile);
    values_t = carver.floats(shape.dim * kKeyTile);
    dk = carver.floats(kKeyTile * shape.padded);
    dv = carver.floats(kKeyTile * shape.padded);
    q = carver.floats(kBackwardBlock * shape.padded);
    dout = carver.floats(kBackwardBlock * shape.padded);
    p = carver.floats(kBackwardBlock * kKeyTile);
    ds = carver.floats(kBackwardBlock * kKeyTile);
    lse = carver.floats(kBackwardBlock);
    dot = carver.floats(kBackwardBlock);
  }
};

struct BackwardCall {
  const RowKernels& kernels;
  Shape shape;
  const KvView& view;
  Buf q, o, lse, dout, dq, dk, dv;
};

/// Rows of one key head of a sequence, as numbered in it.
struct RowRange {
  const Sequence& sequence;
  int64_t kv_head, first, last;
};

/// Rows [first, first + block) against one key tile: five products around p = exp(s - lse), ds = p·(dp -
/// dot).
void backward_block(const BackwardCall& call, const RowRange& rows, int64_t first, int64_t block, int64_t key,
                    int64_t count, Pass pass, const BackwardScratch& scratch) {
  const Shape& shape = call.shape;
  const TileKernels& tile = *call.kernels.tile;
  const auto dot = call.kernels.dot[element_type(call.dout)][element_type(call.o)];
  for (int64_t i = 0; i < block; ++i) {
    const int64_t row = rows.sequence.begin + (first + i) / shape.group;
    const int64_t head = rows.kv_head * shape.group + (first + i) % shape.group, col = head * shape.dim;
    widen_row(call.kernels, call.q, row, col, shape.scale, shape, scratch.q + i * shape.padded);
    widen_row(call.kernels, call.dout, row, col, 1, shape, scratch.dout + i * shape.padded);
    scratch.lse[i] = call.lse.row<float>(row)[head];
    scratch.dot[i] = dot(at(call.dout, row, col), at(call.o, row, col), shape.dim);
  }
  const int64_t limit = std::min(count, (first + block - 1) / shape.group + 1 - key),
                columns = round_up(limit, 16);
  product(tile, {block, columns, shape.dim}, {scratch.q, shape.padded, 1}, {scratch.keys_t, kKeyTile},
          scratch.p, kKeyTile);
  product(tile, {block, columns, shape.dim}, {scratch.dout, shape.padded, 1}, {scratch.values_t, kKeyTile},
          scratch.ds, kKeyTile);
  for (int64_t i = 0; i < block; ++i) {
    const int64_t position = (first + i) / shape.group;
    tile.softmax_backward(scratch.p + i * kKeyTile, scratch.ds + i * kKeyTile,
                          std::max<int64_t>(0, shape.first_key(position) - key),
                          std::min(count, position + 1 - key), scratch.lse[i], scratch.dot[i]);
  }
  if (pass != Pass::queries) {
    add_product(tile, {limit, shape.padded, block}, {scratch.p, 1, kKeyTile}, {scratch.dout, shape.padded},
                scratch.dv, shape.padded);
    add_product(tile, {limit, shape.padded, block}, {scratch.ds, 1, kKeyTile}, {scratch.q, shape.padded},
                scratch.dk, shape.padded);
  }
  if (pass != Pass::keys)
    add_product(tile, {block, shape.padded, limit}, {scratch.ds, kKeyTile, 1}, {scratch.keys, shape.padded},
                scratch.dq + (first - rows.first) * shape.padded, shape.padded);
}

void backward_key_tile(const BackwardCall& call, const RowRange& rows, int64_t key, Pass pass,
                       const BackwardScratch& scratch) {
  const Shape& shape = call.shape;
  const Sequence& sequence = rows.sequence;
  const int64_t count = std::min(kKeyTile, sequence.keys - key), col = rows.kv_head * shape.dim;
  const KeyRows keys(call.view, call.view.k, sequence.index, key, count, col);
  const KeyRows values(call.view, call.view.v, sequence.index, key, count, col);
  widen_keys(call.kernels, call.view.k, keys, shape, scratch.keys);
  call.kernels.tile->transpose[element_type(call.view.k)](keys.row, count, shape.dim, scratch.keys_t);
  call.kernels.tile->transpose[element_type(call.view.v)](values.row, count, shape.dim, scratch.values_t);
  zero(scratch.dk, count * shape.padded);
  zero(scratch.dv, count * shape.padded);
  const int64_t end =
      shape.window > 0 ? std::min(rows.last, (key + count - 1 + shape.window) * shape.group) : rows.last;
  for (int64_t r = std::max(rows.first, key * shape.group); r < end; r += kBackwardBlock)
    backward_block(call, rows, r, std::min(kBackwardBlock, end - r), key, count, pass, scratch);
  if (pass == Pass::queries) return;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = sequence.begin + key + i;
    call.kernels.convert[kF32][element_type(call.dk)](scratch.dk + i * shape.padded, at(call.dk, row, col),
                                                      shape.dim);
    call.kernels.convert[kF32][element_type(call.dv)](scratch.dv + i * shape.padded, at(call.dv, row, col),
                                                      shape.dim);
  }
}

/// dq of the rows, and in a whole pass, where they are all rows of the sequence, dk and dv too.
void backward_rows(const BackwardCall& call, const RowRange& rows, Pass pass,
                   const BackwardScratch& scratch) {
  const Shape& shape = call.shape;
  zero(scratch.dq, (rows.last - rows.first) * shape.padded);
  for (int64_t key = shape.first_key(rows.first / shape.group) / kKeyTile * kKeyTile;
       key * shape.group < rows.last; key += kKeyTile)
    backward_key_tile(call, rows, key, pass, scratch);
  const auto narrow = call.kernels.scale[kF32][element_type(call.dq)];
  for (int64_t r = rows.first; r < rows.last; ++r)
    narrow(scratch.dq + (r - rows.first) * shape.padded, shape.scale,
           at(call.dq, rows.sequence.begin + r / shape.group,
              (rows.kv_head * shape.group + r % shape.group) * shape.dim),
           shape.dim);
}

}  // namespace

void CpuOps::attention(const BatchView& batch, const AttentionSpec& spec, Buf q, const KvView& view, Buf o,
                       Buf lse) {
  check_attention(batch, spec, q, view, o);
  FETTLE_CHECK(!lse || (lse.type == DType::f32 && lse.cols == spec.heads && lse.rows == q.rows));
  if (multiplies_halves({q, view.k, view.v, o})) return attention_dots(batch, spec, q, view, o, lse);
  const ForwardCall call{rows_, Shape(spec), view, q, o, lse};
  const int64_t tile_queries = std::max<int64_t>(1, kForwardRows / call.shape.group);
  const int64_t tile_rows = tile_queries * call.shape.group;
  const QueryTiles tiles(batch, view, tile_queries, shared_scratch_.get(QueryTiles::bytes(batch)));
  Carver size;
  ForwardScratch(size, call.shape, tile_rows);
  reserve_thread_scratch(size.used());
  const int64_t tasks = tiles.count() * spec.kv_heads;
  pool_.parallel_for(tasks, [&](int64_t task, int thread) {
    task = tasks - 1 - task;  // the last queries of a sequence see most keys: long tasks first
    const QueryTiles::Tile tile = tiles[task / spec.kv_heads];
    Carver carver(thread_scratch_[size_t(thread)].get(size.used()));
    forward_tile(call, tile.sequence, task % spec.kv_heads, tile.first, tile.last,
                 ForwardScratch(carver, call.shape, tile_rows));
  });
}

void CpuOps::attention_backward(const BatchView& batch, const AttentionSpec& spec, Buf q, const KvView& view,
                                Buf o, Buf lse, Buf dout, Buf dq, Buf dk, Buf dv) {
  check_attention(batch, spec, q, view, o);
  FETTLE_CHECK(lse.type == DType::f32 && lse.cols == spec.heads && dout.cols == q.cols && dq.cols == q.cols &&
               dk.cols == view.k.cols && dv.cols == view.v.cols);
  const int64_t longest = longest_trained(batch, view);
  if (multiplies_halves({q, view.k, view.v, o, dout, dq, dk, dv}))
    return attention_backward_dots(batch, spec, q, view, o, lse, dout, dq, dk, dv);
  const BackwardCall call{rows_, Shape(spec), view, q, o, lse, dout, dq, dk, dv};
  const int64_t group = call.shape.group, units = batch.sequences() * spec.kv_heads;
  const bool halves = two_passes(units, pool_.threads(), 5, 7);
  const int64_t rows = (halves ? kKeyTile : longest) * group;
  const QueryTiles tiles(batch, view, kKeyTile, shared_scratch_.get(QueryTiles::bytes(batch)));
  Carver size;
  BackwardScratch(size, call.shape, rows);
  reserve_thread_scratch(size.used());
  const auto scratch_of = [&](int thread) {
    Carver carver(thread_scratch_[size_t(thread)].get(size.used()));
    return BackwardScratch(carver, call.shape, rows);
  };
  if (!halves) {
    pool_.parallel_for(units, [&](int64_t unit, int thread) {
      const Sequence sequence(batch, view, unit / spec.kv_heads);
      backward_rows(call, {sequence, unit % spec.kv_heads, 0, sequence.queries * group}, Pass::whole,
                    scratch_of(thread));
    });
    return;
  }
  const int64_t tasks = tiles.count() * spec.kv_heads;
  pool_.parallel_for(2 * tasks, [&](int64_t task, int thread) {
    const Pass pass = task < tasks ? Pass::keys : Pass::queries;
    const QueryTiles::Tile tile = tiles[task % tasks / spec.kv_heads];
    const int64_t kv_head = task % spec.kv_heads;
    if (pass == Pass::keys)
      backward_key_tile(call, {tile.sequence, kv_head, 0, tile.sequence.queries * group}, tile.first, pass,
                        scratch_of(thread));
    else
      backward_rows(call, {tile.sequence, kv_head, tile.first * group, tile.last * group}, pass,
                    scratch_of(thread));
  });
}

}  // namespace fettle
