#include "token/bpe.h"

#include <algorithm>
#include <bit>
#include <queue>

#include "base/error.h"
#include "base/utf8.h"

namespace fettle {

namespace {
// Up to here scanning for the lowest rank beats keeping a heap.
constexpr size_t kShort = 32;

uint64_t pair_key(int32_t left, int32_t right) {
  return uint64_t(uint32_t(left)) << 32 | uint32_t(right);
}
size_t end_of_character(std::string_view text, size_t at) {
  next_code_point(text, at);
  return at;
}

uint64_t scatter(uint64_t pair) {
  return pair * 0x9E3779B97F4A7C15u;  // Fibonacci hashing: the high bits are well mixed
}

// A symbol of the long algorithm: a doubly linked list in an array.
struct Symbol {
  int32_t id, previous, next;  // neighbours' places, -1 at the ends; id -1: merged away
};

struct Candidate {
  uint32_t rank;
  int32_t place;  // of the left symbol
  int32_t result;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : place > other.place;
  }
};
}  // namespace

MergeTable::MergeTable(const std::vector<BpeMerge>& merges, const std::vector<uint32_t>& ranks)
    : slots_(std::bit_ceil(std::max<size_t>(16, 2 * merges.size()))),
      shift_(64 - std::countr_zero(slots_.size())) {
  FETTLE_CHECK(ranks.empty() || ranks.size() == merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const uint64_t pair = pair_key(merges[i].left, merges[i].right);
    slot_of(pair) = {pair, {ranks.empty() ? uint32_t(i) : ranks[i], merges[i].result}};
  }
}

MergeTable::Slot& MergeTable::slot_of(uint64_t pair) {
  size_t at = scatter(pair) >> shift_;
  while (slots_[at].pair != pair && slots_[at].pair != ~uint64_t(0)) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

MergeTable::Merge MergeTable::find(int32_t left, int32_t right) const {
  const uint64_t pair = pair_key(left, right);
  size_t at = scatter(pair) >> shift_;
  while (slots_[at].pair != pair) {
    if (slots_[at].pair == ~uint64_t(0)) return {};
    at = (at + 1) & (slots_.size() - 1);
  }
  return slots_[at].merge;
}

Bpe::Bpe(BpeModel model)
    : bytes_(std::move(model.bytes)),
      merges_(model.merges, model.ranks),
      characters_(model.characters),
      token_of_byte_(model.byte_tokens),
      token_of_character_(bytes_, characters_ ? bytes_.size() : 0),
      unknown_(model.unknown),
      fuse_unknown_(model.fuse_unknown),
      words_(bytes_, bytes_.size()) {
  const auto known = [&](int32_t id) { return id >= 0 && size_t(id) < bytes_.size(); };
  for (const BpeMerge& m : model.merges) FETTLE_CHECK(known(m.left) && known(m.right) && known(m.result));
  for (const int32_t id : token_of_byte_) FETTLE_CHECK(id == -1 || known(id));
  for (size_t id = 0; id < bytes_.size(); ++id) add_symbol(int32_t(id));
  std::vector<int32_t> ids;
  for (size_t id = 0; id < bytes_.size(); ++id) {
    if (bytes_[id].empty()) continue;
    ids.clear();
    if (!model.ignore_merges) encode_by_merges(bytes_[id], ids);
    if (model.ignore_merges || (ids.size() == 1 && ids[0] == int32_t(id))) words_.insert(int32_t(id));
  }
}

void Bpe::add_symbol(int32_t id) {
  const std::string& bytes = bytes_[size_t(id)];
  if (!characters_) {
    if (bytes.size() == 1) token_of_byte_[uint8_t(bytes[0])] = id;
  } else if (!bytes.empty() && end_of_character(bytes, 0) == bytes.size() && valid_utf8(bytes)) {
    token_of_character_.insert(id);
  }
}

int Bpe::missing_bytes() const {
  return int(std::ranges::count(token_of_byte_, -1));
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (const int32_t word = words_.find(piece); word >= 0) {
    ids.push_back(word);
  } else {
    encode_by_merges(piece, ids);
  }
}

void Bpe::encode_by_merges(std::string_view piece, std::vector<int32_t>& ids) const {
  const size_t begin = ids.size();
  append_symbols(piece, ids);
  if (ids.size() - begin <= kShort) {
    merge_short(ids, begin);
  } else {
    merge_long(ids, begin);
  }
}

void Bpe::append_symbols(std::string_view piece, std::vector<int32_t>& ids) const {
  bool after_unknown = false;
  for (size_t at = 0; at < piece.size();) {
    const size_t end = characters_ ? end_of_character(piece, at) : at + 1;
    const bool is_known = append_symbol(piece.substr(at, end - at), ids);
    if (!is_known && unknown_ >= 0 && !(fuse_unknown_ && after_unknown)) ids.push_back(unknown_);
    after_unknown = !is_known;
    at = end;
  }
}

// False, and nothing appended, when it has no token.
bool Bpe::append_symbol(std::string_view symbol, std::vector<int32_t>& ids) const {
  if (characters_) {
    if (const int32_t whole = token_of_character_.find(symbol); whole >= 0) {
      ids.push_back(whole);
      return true;
    }
  }
  for (const char byte : symbol) {
    if (token_of_byte_[uint8_t(byte)] < 0) return false;
  }
  for (const char byte : symbol) ids.push_back(token_of_byte_[uint8_t(byte)]);
  return true;
}

void Bpe::merge_short(std::vector<int32_t>& ids, size_t begin) const {
  int32_t* symbol = ids.data() + begin;
  size_t n = ids.size() - begin;
  std::array<MergeTable::Merge, kShort> merge;  // [i]: of symbols i and i + 1
  for (size_t i = 0; i + 1 < n; ++i) merge[i] = merges_.find(symbol[i], symbol[i + 1]);
  while (n > 1) {
    const auto best = std::min_element(merge.begin(), merge.begin() + ptrdiff_t(n) - 1,
                                       [](const auto& a, const auto& b) { return a.rank < b.rank; });
    if (best->rank == MergeTable::kNone) break;
    const size_t i = size_t(best - merge.begin());
    symbol[i] = best->result;
    std::copy(symbol + i + 2, symbol + n, symbol + i + 1);
    std::copy(best + 1, merge.begin() + ptrdiff_t(n) - 1, best);
    --n;
    if (i > 0) merge[i - 1] = merges_.find(symbol[i - 1], symbol[i]);
    if (i + 1 < n) merge[i] = merges_.find(symbol[i], symbol[i + 1]);
  }
  ids.resize(begin + n);
}

void Bpe::merge_long(std::vector<int32_t>& ids, size_t begin) const {
  const auto n = int32_t(ids.size() - begin);
  std::vector<Symbol> symbols(static_cast<size_t>(n));
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
  for (int32_t i = 0; i < n; ++i) {
    symbols[size_t(i)] = {ids[begin + size_t(i)], i - 1, i + 1 < n ? i + 1 : -1};
  }
  const auto merge_at = [&](int32_t left) {
    const Symbol& s = symbols[size_t(left)];
    return s.id < 0 || s.next < 0 ? MergeTable::Merge{} : merges_.find(s.id, symbols[size_t(s.next)].id);
  };
  const auto offer = [&](int32_t left) {
    if (const MergeTable::Merge m = merge_at(left); m.rank != MergeTable::kNone)
      heap.push({m.rank, left, m.result});
  };
  for (int32_t i = 0; i + 1 < n; ++i) offer(i);
  while (!heap.empty()) {
    const Candidate best = heap.top();
    heap.pop();
    // A neighbour may have merged since this candidate was offered.
    if (const MergeTable::Merge m = merge_at(best.place); m.rank != best.rank || m.result != best.result)
      continue;
    Symbol& left = symbols[size_t(best.place)];
    Symbol& right = symbols[size_t(left.next)];
    left.id = best.result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) symbols[size_t(left.next)].previous = best.place;
    if (left.previous >= 0) offer(left.previous);
    offer(best.place);
  }
  ids.resize(begin);
  for (int32_t i = 0; i >= 0; i = symbols[size_t(i)].next) ids.push_back(symbols[size_t(i)].id);
}

}  // namespace fettle
