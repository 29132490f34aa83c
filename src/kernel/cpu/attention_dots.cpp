// Attention in bf16 dot products (isa/dots.cpp). The rows of a key head, numbered by token first, are columns
// here, 64 at a time: scores and probabilities lie as [keys, columns], o and dq as [dim, columns] until they
// are written.
//
// The same rules as attention.cpp: key tiles are counted from each sequence's first key, blocks of columns in
// the backward from its first row; a row adds keys in ascending order, and a masked key adds exactly 0.
#include <algorithm>
#include <cstring>
#include <limits>
#include <numbers>

#include "kernel/cpu/attention_tiles.h"
#include "kernel/cpu/cpu_ops.h"
#include "kernel/gemm/carver.h"
#include "kernel/isa/dot_kernels.h"
#include "kernel/isa/product_kernels.h"

namespace fettle {

using namespace attention_tiles;

namespace {

constexpr int64_t kForwardColumns = 192;  // that share one key tile: their sums stay in L2
constexpr float kLog2E = std::numbers::log2e_v<float>;

uint16_t* halves(Carver& carver, int64_t count) {
  return reinterpret_cast<uint16_t*>(carver.take(count * 2));
}

/// What both directions do with rows of q, k, v and dout: copies padded by zeros, and the layouts of
/// products.
struct Packer {
  const RowKernels& rows;
  const PanelKernels& panels;
  Shape shape;

  /// [count, padded] from rows anywhere, zero up to `whole` rows.
  template <class RowAt>
  void copy(int64_t count, int64_t whole, const RowAt& row_at, uint16_t* out) const {
    const int64_t p = shape.padded, dim = shape.dim;
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(out + i * p, row_at(i), size_t(dim) * 2);
      if (p > dim) std::memset(out + i * p + dim, 0, size_t(p - dim) * 2);
    }
    std::memset(out + count * p, 0, size_t((whole - count) * p) * 2);
  }
  /// 64 rows as a right operand contracted along dim: [padded/2, 64, 2].
  void across(const uint16_t* block, uint16_t* out) const {
    const int64_t lanes = shape.padded / 2;
    panels.transpose(reinterpret_cast<const uint32_t*>(block), lanes, kDotColumns, lanes,
                     reinterpret_cast<uint32_t*>(out), kDotColumns);
  }
  /// 64 rows as a right operand contracted along themselves: [32, padded, 2].
  void along(const uint16_t* block, uint16_t* out) const {
    const int64_t p = shape.padded;
    for (int64_t i = 0; i < kDotColumns; i += 2)
      panels.interleave(block + i * p, block + (i + 1) * p, p, out + i * p);
  }
  /// 64 rows transposed, [padded, 64]. `spare`: as large.
  void turned(const uint16_t* block, uint16_t* spare, uint16_t* out) const {
    along(block, spare);
    panels.transpose(reinterpret_cast<const uint32_t*>(spare), shape.padded, kDotColumns / 2, shape.padded,
                     reinterpret_cast<uint32_t*>(out), kDotColumns / 2);
  }
};

/// The keys of a tile that each of 64 columns sees.
struct Sights {
  alignas(64) int32_t first[kDotColumns], last[kDotColumns];

  /// Columns are rows [row, row + 64) of a sequence whose row 0 is the query at `position`. Gives a sight
  /// only where some column does not see all of the tile's first `keys` keys.
  DotSight of(const Shape& shape, int64_t position, int64_t row, int64_t key, int64_t keys) {
    const int64_t from = position + row / shape.group, to = position + (row + kDotColumns - 1) / shape.group;
    if (from >= key + keys - 1 && shape.first_key(to) <= key) return {};
    for (int64_t i = 0; i < kDotColumns; ++i) {
      const int64_t at = position + (row + i) / shape.group;
      first[i] = int32_t(std::clamp<int64_t>(shape.first_key(at) - key, 0, kKeyTile));
      last[i] = int32_t(std::clamp<int64_t>(at + 1 - key, 0, kKeyTile));
    }
    return {first, last};
  }
};

// ── forward ──

struct ForwardScratch {
  uint16_t *q, *keys, *values, *high, *low, *block, *spare;
  float *scores, *o, *maximum, *total;

  ForwardScratch(Carver& carver, const Shape& shape, int64_t columns) {
    q = halves(carver, columns * shape.padded);
    keys = halves(carver, kKeyTile * shape.padded);
    values = halves(carver, kKeyTile * shape.padded);
    block = halves(carver, kKeyTile * shape.padded);
    spare = halves(carver, kKeyTile * shape.padded);
    high = halves(carver, kKeyTile * kDotColumns);
    low = halves(carver, kKeyTile * kDotColumns);
    scores = carver.floats(kKeyTile * kDotColumns);
    o = carver.floats(columns * shape.padded);
    maximum = carver.floats(columns);
    total = carver.floats(columns);
  }
};

struct ForwardCall {
  Packer pack;
  const KvView& view;
  Buf q, o, lse;
};

/// Queries [first, last) of one sequence, all heads of one key head.
class ForwardTile {
 public:
  ForwardTile(const ForwardCall& call, const QueryTiles::Tile& tile, int64_t kv_head,
              const ForwardScratch& scratch)
      : call_(call),
        shape_(call.pack.shape),
        sequence_(tile.sequence),
        first_(tile.first),
        rows_((tile.last - tile.first) * shape_.group),
        head_(kv_head * shape_.group),
        position_(sequence_.position(tile.first)),
        scratch_(scratch) {}

  void run() const {
    const int64_t columns = round_up(rows_, kDotColumns);
    for (int64_t r = 0; r < rows_; r += kDotColumns) {
      call_.pack.copy(
          std::min(kDotColumns, rows_ - r), kDotColumns,
          [&](int64_t i) { return at(call_.q, token(r + i), column(r + i)); }, scratch_.block);
      call_.pack.across(scratch_.block, scratch_.q + r * shape_.padded);
    }
    std::fill_n(scratch_.o, columns * shape_.padded, 0.0f);
    std::fill_n(scratch_.total, columns, 0.0f);
    std::fill_n(scratch_.maximum, columns, -std::numeric_limits<float>::infinity());
    const int64_t end = position_ + (rows_ - 1) / shape_.group + 1;
    for (int64_t key = shape_.first_key(position_) / kKeyTile * kKeyTile; key < end; key += kKeyTile)
      key_tile(key, std::min(kKeyTile, end - key));
    for (int64_t r = 0; r < rows_; r += kDotColumns) finish(r);
  }

 private:
  int64_t token(int64_t row) const { return sequence_.begin + first_ + row / shape_.group; }
  int64_t column(int64_t row) const { return (head_ + row % shape_.group) * shape_.dim; }

  void key_tile(int64_t key, int64_t count) const {
    const int64_t col = head_ / shape_.group * shape_.dim;
    const KeyRows keys(call_.view, call_.view.k, sequence_.index, key, count, col);
    const KeyRows values(call_.view, call_.view.v, sequence_.index, key, count, col);
    call_.pack.copy(
        count, kKeyTile, [&](int64_t i) { return keys.row[i]; }, scratch_.keys);
    call_.pack.copy(
        count, kKeyTile, [&](int64_t i) { return values.row[i]; }, scratch_.block);
    call_.pack.turned(scratch_.block, scratch_.spare, scratch_.values);
    const DotKernels& dots = *call_.pack.rows.dots;
    const ProductKernels& products = *call_.pack.rows.products;
    for (int64_t r = 0; r < rows_; r += kDotColumns) {
      const int64_t last = std::min(rows_, r + kDotColumns) - 1;
      const int64_t seen = std::min(count, position_ + last / shape_.group + 1 - key);
      if (seen <= 0 || shape_.first_key(position_ + r / shape_.group) >= key + count) continue;
      Sights sights;
      const int64_t columns = round_up(last + 1 - r, 16), even = seen + seen % 2, p = shape_.padded;
      float* o = scratch_.o + r * p;
      products.gemm({seen, columns, p, scratch_.keys, p, scratch_.q + r * p, kDotColumns, scratch_.scores,
                     kDotColumns, Chain::store});
      dots.softmax({scratch_.scores, seen, columns, shape_.scale * kLog2E,
                    sights.of(shape_, position_, r, key, seen), scratch_.maximum + r, scratch_.total + r, o,
                    p, scratch_.high, scratch_.low});
      for (const uint16_t* part : {scratch_.high, scratch_.low})
        products.gemm(
            {p, columns, even, scratch_.values, kKeyTile, part, kDotColumns, o, kDotColumns, Chain::join});
    }
  }

  /// o and lse of the rows [r, r + 64).
  void finish(int64_t r) const {
    const int64_t count = std::min(kDotColumns, rows_ - r), p = shape_.padded;
    float* turned = scratch_.scores;  // [64, 64]: enough for 64 of o's columns at a time
    float* total = scratch_.total + r;
    for (int64_t d = 0; d < p; d += kDotColumns) {
      const int64_t width = std::min(kDotColumns, p - d), wanted = std::min(width, shape_.dim - d);
      call_.pack.panels.transpose(reinterpret_cast<const uint32_t*>(scratch_.o + r * p + d * kDotColumns),
                                  kDotColumns, width, kDotColumns, reinterpret_cast<uint32_t*>(turned),
                                  width);
      for (int64_t i = 0; i < count; ++i)
        call_.pack.rows.scale[kF32][kBf16](turned + i * width, 1 / total[i],
                                           at(call_.o, token(r + i), column(r + i) + d), wanted);
    }
    if (!call_.lse) return;
    call_.pack.rows.log(total, total, count);
    for (int64_t i = 0; i < count; ++i)
      call_.lse.row<float>(token(r + i))[head_ + (r + i) % shape_.group] =
          scratch_.maximum[r + i] * shape_.scale + total[i];
  }

  const ForwardCall& call_;
  const Shape& shape_;
  Sequence sequence_;
  int64_t first_, rows_, head_, position_;
  const ForwardScratch& scratch_;
};

// ── backward ──

struct BackwardScratch {
  // Of every key tile of a task: keys and values as rows, keys transposed, and the sums.
  uint16_t *keys, *values, *keys_turned;
  float *dk, *dv;
  // Of one block of columns: q and dout in both layouts of a right operand, and what the softmax needs.
  uint16_t *q_across, *q_along, *dout_across, *dout_along, *block, *spare;
  float *lse, *dot, *dq;
  // Of one key tile against one block.
  float *scores, *dp;
  uint16_t *high, *low, *ds, *ds_pairs;

  BackwardScratch(Carver& carver, const Shape& shape, int64_t tiles) {
    const int64_t tile = kKeyTile * shape.padded, square = kKeyTile * kDotColumns;
    for (uint16_t** p : {&keys, &values, &keys_turned}) *p = halves(carver, tiles * tile);
    for (float** p : {&dk, &dv}) *p = carver.floats(tiles * tile);
    for (uint16_t** p : {&q_across, &q_along, &dout_across, &dout_along, &block, &spare})
      *p = halves(carver, tile);
    for (float** p : {&lse, &dot}) *p = carver.floats(kDotColumns);
    dq = carver.floats(tile);
    for (float** p : {&scores, &dp}) *p = carver.floats(square);
    for (uint16_t** p : {&high, &low, &ds, &ds_pairs}) *p = halves(carver, square);
  }
};

struct BackwardCall {
  Packer pack;
  const KvView& view;
  Buf q, o, lse, dout, dq, dk, dv;
};

/// A range of one sequence's key tiles against a range of its rows, of one key head.
class BackwardTask {
 public:
  BackwardTask(const BackwardCall& call, const Sequence& sequence, int64_t kv_head, Pass pass,
               const BackwardScratch& scratch)
      : call_(call),
        shape_(call.pack.shape),
        sequence_(sequence),
        kv_head_(kv_head),
        pass_(pass),
        scratch_(scratch) {}

  /// Rows [row, end) against the keys [key, key_end) that they see; row and key are multiples of 64.
  void run(int64_t row, int64_t end, int64_t key, int64_t key_end) {
    first_key_ = key;
    for (int64_t k = key; k < key_end; k += kKeyTile) load_keys(k, std::min(kKeyTile, key_end - k));
    for (int64_t r = row; r < end; r += kDotColumns) {
      const int64_t count = std::min(kDotColumns, end - r);
      const int64_t seen_end = std::min(key_end, (r + count - 1) / shape_.group + 1);
      const int64_t seen = std::max(key, shape_.first_key(r / shape_.group) / kKeyTile * kKeyTile);
      if (seen >= seen_end) continue;
      load_rows(r, count);
      for (int64_t k = seen; k < seen_end; k += kKeyTile) block(r, k, std::min(kKeyTile, seen_end - k));
      if (pass_ != Pass::keys) store_dq(r, count);
    }
    if (pass_ == Pass::queries) return;
    for (int64_t k = key; k < key_end; k += kKeyTile) store_dkv(k, std::min(kKeyTile, key_end - k));
  }

 private:
  int64_t token(int64_t row) const { return sequence_.begin + row / shape_.group; }
  int64_t head(int64_t row) const { return kv_head_ * shape_.group + row % shape_.group; }
  /// Where the arrays of a key's tile begin.
  int64_t place(int64_t key) const { return (key - first_key_) * shape_.padded; }

  void load_keys(int64_t key, int64_t count) const {
    const int64_t col = kv_head_ * shape_.dim, to = place(key);
    const KeyRows keys(call_.view, call_.view.k, sequence_.index, key, count, col);
    const KeyRows values(call_.view, call_.view.v, sequence_.index, key, count, col);
    call_.pack.copy(
        count, kKeyTile, [&](int64_t i) { return keys.row[i]; }, scratch_.keys + to);
    call_.pack.copy(
        count, kKeyTile, [&](int64_t i) { return values.row[i]; }, scratch_.values + to);
    call_.pack.turned(scratch_.keys + to, scratch_.spare, scratch_.keys_turned + to);
    std::fill_n(scratch_.dk + to, kKeyTile * shape_.padded, 0.0f);
    std::fill_n(scratch_.dv + to, kKeyTile * shape_.padded, 0.0f);
  }

  void load_rows(int64_t r, int64_t count) const {
    const Packer& pack = call_.pack;
    const auto row_of = [&](const Buf& buf) {
      return [&, r](int64_t i) { return at(buf, token(r + i), head(r + i) * shape_.dim); };
    };
    pack.copy(count, kDotColumns, row_of(call_.q), scratch_.block);
    pack.across(scratch_.block, scratch_.q_across);
    if (pass_ != Pass::queries) pack.along(scratch_.block, scratch_.q_along);
    pack.copy(count, kDotColumns, row_of(call_.dout), scratch_.block);
    pack.across(scratch_.block, scratch_.dout_across);
    if (pass_ != Pass::queries) pack.along(scratch_.block, scratch_.dout_along);
    const auto dot = pack.rows.dot[kBf16][kBf16];
    for (int64_t i = 0; i < count; ++i) {
      scratch_.lse[i] = call_.lse.row<float>(token(r + i))[head(r + i)] * kLog2E;
      scratch_.dot[i] = dot(row_of(call_.dout)(i), row_of(call_.o)(i), shape_.dim);
    }
    std::fill(scratch_.lse + count, scratch_.lse + kDotColumns, std::numeric_limits<float>::infinity());
    std::fill(scratch_.dot + count, scratch_.dot + kDotColumns, 0.0f);
    if (pass_ != Pass::keys) std::fill_n(scratch_.dq, kDotColumns * shape_.padded, 0.0f);
  }

  /// `seen` keys of a tile: products around p = exp(s − lse), ds = p·(dp − dot).
  void block(int64_t r, int64_t key, int64_t seen) const {
    const DotKernels& dots = *call_.pack.rows.dots;
    const ProductKernels& products = *call_.pack.rows.products;
    const BackwardScratch& s = scratch_;
    const int64_t p = shape_.padded, at = place(key), even = seen + seen % 2;
    products.gemm(
        {seen, kDotColumns, p, s.keys + at, p, s.q_across, kDotColumns, s.scores, kDotColumns, Chain::store});
    products.gemm({seen, kDotColumns, p, s.values + at, p, s.dout_across, kDotColumns, s.dp, kDotColumns,
                   Chain::store});
    Sights sights;
    dots.softmax_backward({s.scores, s.dp, seen, shape_.scale * kLog2E, sights.of(shape_, 0, r, key, seen),
                           s.lse, s.dot, s.high, s.low, s.ds, s.ds_pairs});
    if (pass_ != Pass::queries) {
      for (const uint16_t* part : {s.high, s.low})
        products.gemm({seen, p, kDotColumns, part, kDotColumns, s.dout_along, p, s.dv + at, p, Chain::join});
      products.gemm({seen, p, kDotColumns, s.ds, kDotColumns, s.q_along, p, s.dk + at, p, Chain::join});
    }
    if (pass_ != Pass::keys)
      products.gemm({p, kDotColumns, even, s.keys_turned + at, kKeyTile, s.ds_pairs, kDotColumns, s.dq,
                     kDotColumns, Chain::join});
  }

  void store_dq(int64_t r, int64_t count) const {
    const int64_t p = shape_.padded;
    float* turned = scratch_.scores;
    for (int64_t d = 0; d < p; d += kDotColumns) {
      const int64_t width = std::min(kDotColumns, p - d), wanted = std::min(width, shape_.dim - d);
      call_.pack.panels.transpose(reinterpret_cast<const uint32_t*>(scratch_.dq + d * kDotColumns),
                                  kDotColumns, width, kDotColumns, reinterpret_cast<uint32_t*>(turned),
                                  width);
      for (int64_t i = 0; i < count; ++i)
        call_.pack.rows.scale[kF32][kBf16](turned + i * width, shape_.scale,
                                           at(call_.dq, token(r + i), head(r + i) * shape_.dim + d), wanted);
    }
  }

  void store_dkv(int64_t key, int64_t count) const {
    const int64_t col = kv_head_ * shape_.dim;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = sequence_.begin + key + i, from = place(key) + i * shape_.padded;
      call_.pack.rows.scale[kF32][kBf16](scratch_.dk + from, shape_.scale, at(call_.dk, row, col),
                                         shape_.dim);
      call_.pack.rows.convert[kF32][kBf16](scratch_.dv + from, at(call_.dv, row, col), shape_.dim);
    }
  }

  const BackwardCall& call_;
  const Shape& shape_;
  Sequence sequence_;
  int64_t kv_head_, first_key_ = 0;
  Pass pass_;
  const BackwardScratch& scratch_;
};

}  // namespace

bool CpuOps::multiplies_halves(std::initializer_list<Buf> operands) const {
  return rows_.products->gemm != nullptr &&
         std::ranges::all_of(operands, [](const Buf& b) { return b.type == DType::bf16; });
}

void CpuOps::attention_dots(const BatchView& batch, const AttentionSpec& spec, Buf q, const KvView& view,
                            Buf o, Buf lse) {
  const ForwardCall call{{rows_, panels_, Shape(spec)}, view, q, o, lse};
  const int64_t queries = std::max<int64_t>(1, kForwardColumns / call.pack.shape.group);
  const int64_t columns = round_up(queries * call.pack.shape.group, kDotColumns);
  const QueryTiles tiles(batch, view, queries, shared_scratch_.get(QueryTiles::bytes(batch)));
  Carver size;
  ForwardScratch(size, call.pack.shape, columns);
  reserve_thread_scratch(size.used());
  const int64_t tasks = tiles.count() * spec.kv_heads;
  pool_.parallel_for(tasks, [&](int64_t task, int thread) {
    task = tasks - 1 - task;  // the last queries of a sequence see most keys: long tasks first
    Carver carver(thread_scratch_[size_t(thread)].get(size.used()));
    ForwardTile(call, tiles[task / spec.kv_heads], task % spec.kv_heads,
                ForwardScratch(carver, call.pack.shape, columns))
        .run();
  });
}

void CpuOps::attention_backward_dots(const BatchView& batch, const AttentionSpec& spec, Buf q,
                                     const KvView& view, Buf o, Buf lse, Buf dout, Buf dq, Buf dk, Buf dv) {
  const BackwardCall call{{rows_, panels_, Shape(spec)}, view, q, o, lse, dout, dq, dk, dv};
  const int64_t group = call.pack.shape.group, units = batch.sequences() * spec.kv_heads;
  const bool halved = two_passes(units, pool_.threads(), 6, 8);
  const int64_t key_tiles = (longest_trained(batch, view) + kKeyTile - 1) / kKeyTile;
  const QueryTiles tiles(batch, view, kKeyTile, shared_scratch_.get(QueryTiles::bytes(batch)));
  Carver size;
  BackwardScratch(size, call.pack.shape, key_tiles);
  reserve_thread_scratch(size.used());
  const auto task_of = [&](const Sequence& sequence, int64_t kv_head, Pass pass, int thread,
                           const auto& run) {
    Carver carver(thread_scratch_[size_t(thread)].get(size.used()));
    const BackwardScratch scratch(carver, call.pack.shape, key_tiles);
    BackwardTask task(call, sequence, kv_head, pass, scratch);
    run(task);
  };
  if (!halved) {
    pool_.parallel_for(units, [&](int64_t unit, int thread) {
      const Sequence sequence(batch, view, unit / spec.kv_heads);
      task_of(sequence, unit % spec.kv_heads, Pass::whole, thread,
              [&](BackwardTask& task) { task.run(0, sequence.queries * group, 0, sequence.keys); });
    });
    return;
  }
  const int64_t tasks = tiles.count() * spec.kv_heads;
  pool_.parallel_for(2 * tasks, [&](int64_t index, int thread) {
    const Pass pass = index < tasks ? Pass::keys : Pass::queries;
    const QueryTiles::Tile tile = tiles[index % tasks / spec.kv_heads];
    const int64_t rows = tile.sequence.queries * group;
    task_of(tile.sequence, index % spec.kv_heads, pass, thread, [&](BackwardTask& task) {
      if (pass == Pass::keys) {
        task.run(tile.first * group, rows, tile.first, tile.last);
      } else {
        task.run(tile.first * group, tile.last * group, 0, tile.last);
      }
    });
  });
}

}  // namespace fettle
