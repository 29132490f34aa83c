// How attention cuts a pack: sequences, tiles of queries, and the rows of a tile of keys. Shared by the f32
// tiles (attention.cpp) and those of bf16 dot products (attention_dots.cpp).
#pragma once

#include <algorithm>

#include "base/error.h"
#include "base/plan.h"
#include "kernel/cpu/loops.h"
#include "kernel/ops.h"

namespace fettle::attention_tiles {

struct Shape {
  int64_t group;   // heads per key head
  int64_t dim;     // of a head
  int64_t padded;  // dim rounded up for the tile GEMM
  int64_t window;  // 0: none
  float scale;

  explicit Shape(const AttentionSpec& spec)
      : group(spec.heads / spec.kv_heads),
        dim(spec.head_dim),
        padded(round_up(spec.head_dim, 16)),
        window(spec.window),
        scale(spec.scale) {}

  /// First key that a query at `position` sees.
  int64_t first_key(int64_t position) const {
    return window > 0 ? std::max<int64_t>(0, position - window + 1) : 0;
  }
};

/// One sequence of the batch as attention sees it.
struct Sequence {
  int64_t index, begin, queries, keys;  // begin: its first row in the batch

  Sequence(const BatchView& batch, const KvView& view, int64_t s)
      : index(s),
        begin(batch.cu_seqlens[size_t(s)]),
        queries(batch.cu_seqlens[size_t(s) + 1] - begin),
        keys(view.lengths[size_t(s)]) {}
  int64_t position(int64_t query) const { return keys - queries + query; }
};

/// Tiles of a few queries of every sequence, numbered through the pack.
class QueryTiles {
 public:
  struct Tile {
    Sequence sequence;
    int64_t first, last;  // queries
  };

  static int64_t bytes(const BatchView& batch) { return (batch.sequences() + 1) * int64_t(sizeof(int64_t)); }

  QueryTiles(const BatchView& batch, const KvView& view, int64_t queries, std::byte* memory)
      : batch_(batch), view_(view), queries_(queries), before_(reinterpret_cast<int64_t*>(memory)) {
    before_[0] = 0;
    for (int64_t s = 0; s < batch.sequences(); ++s)
      before_[s + 1] = before_[s] + (Sequence(batch, view, s).queries + queries - 1) / queries;
  }
  int64_t count() const { return before_[batch_.sequences()]; }
  Tile operator[](int64_t tile) const {
    const int64_t s = std::upper_bound(before_, before_ + batch_.sequences() + 1, tile) - before_ - 1;
    const Sequence sequence(batch_, view_, s);
    const int64_t first = (tile - before_[s]) * queries_;
    return {sequence, first, std::min(sequence.queries, first + queries_)};
  }

 private:
  const BatchView& batch_;
  const KvView& view_;
  int64_t queries_;
  int64_t* before_;  // [sequences + 1] tiles of earlier sequences
};

/// The rows of up to 64 keys, wherever the view keeps them.
struct KeyRows {
  const void* row[kKeyTile];
  int64_t count;

  KeyRows(const KvView& view, const Buf& buf, int64_t sequence, int64_t first, int64_t n, int64_t col)
      : count(n) {
    for (int64_t i = 0; i < n; ++i) row[i] = at(buf, view.row(sequence, first + i), col);
  }
};

/// What a backward pass computes: all of it, or one half where that gives more threads work. A row of dq adds
/// key tiles in ascending order and a row of dk and dv adds queries in ascending order, whichever pass does
/// it: the bits are equal.
enum class Pass { whole, keys, queries };

/// Two passes compute scores and dp twice: worth it where (sequence, key head) units are too few for the
/// threads. `whole` and `split` count the products of one pass and of two.
inline bool two_passes(int64_t units, int64_t threads, int64_t whole, int64_t split) {
  return whole * ((units + threads - 1) / threads) * threads > split * units;
}

inline void check_attention(const BatchView& batch, const AttentionSpec& spec, const Buf& q,
                            const KvView& view, const Buf& o) {
  FETTLE_CHECK(spec.heads > 0 && spec.kv_heads > 0 && spec.heads % spec.kv_heads == 0 && spec.head_dim > 0);
  FETTLE_CHECK(q.cols == spec.heads * spec.head_dim && o.cols == q.cols && q.rows == batch.tokens() &&
               o.rows == q.rows);
  FETTLE_CHECK(view.k.cols == spec.kv_heads * spec.head_dim && view.v.cols == view.k.cols);
  FETTLE_CHECK(int64_t(view.lengths.size()) == batch.sequences());
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const Sequence sequence(batch, view, s);
    FETTLE_CHECK(sequence.queries >= 0 && sequence.keys >= sequence.queries,
                 "sequence {}: {} queries of {} keys", s, sequence.queries, sequence.keys);
  }
}

/// Queries of the longest sequence; none may have keys from before.
inline int64_t longest_trained(const BatchView& batch, const KvView& view) {
  int64_t longest = 0;
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const Sequence sequence(batch, view, s);
    FETTLE_CHECK(sequence.keys == sequence.queries, "sequence {} has cached keys: it cannot be trained on",
                 s);
    longest = std::max(longest, sequence.queries);
  }
  return longest;
}

}  // namespace fettle::attention_tiles
