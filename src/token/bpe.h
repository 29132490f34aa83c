// Byte pair encoding of one piece of text: its bytes (or characters) become tokens, and neighbours merge in
// the order the vocabulary learned to merge them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "token/string_index.h"

namespace fettle {

/// left · right → result. A pair given twice counts where it stands last.
struct BpeMerge {
  int32_t left, right, result;
};

/// One token for each byte; -1 where there is none.
using ByteTokens = std::array<int32_t, 256>;
inline constexpr ByteTokens kNoByteTokens = [] {
  ByteTokens none;
  none.fill(-1);
  return none;
}();

struct BpeModel {
  std::vector<std::string>
      bytes;  // by id: what a token stands for; empty where text never becomes this token
  std::vector<BpeMerge> merges;
  std::vector<uint32_t> ranks;  // of the merges, the lowest merges first; empty: their places in the list
  bool characters = false;      // merging begins with characters, not with bytes
  /// Only with characters: the tokens of the bytes of a character that has no token itself.
  ByteTokens byte_tokens = kNoByteTokens;
  bool ignore_merges =
      false;                  // a piece that is a token as a whole becomes it, whatever the merges would give
  int32_t unknown = -1;       // for what has no token; -1: it is left out, as the reference does
  bool fuse_unknown = false;  // neighbouring unknowns are one
};

/// The merges by pair: open addressing, at most half full, because every step of encoding is a look-up here.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank = kNone;
    int32_t result = -1;
  };
  static constexpr uint32_t kNone = ~uint32_t(0);

  MergeTable(const std::vector<BpeMerge>& merges, const std::vector<uint32_t>& ranks);
  /// rank == kNone when the pair does not merge.
  Merge find(int32_t left, int32_t right) const;

 private:
  struct Slot {
    uint64_t pair = ~uint64_t(0);  // no pair of ids: they are not negative
    Merge merge;
  };
  Slot& slot_of(uint64_t pair);
  std::vector<Slot> slots_;
  int shift_;
};

/// Immutable after construction, so any number of threads may encode.
class Bpe {
 public:
  /// Every id must be one of the model's (FETTLE_CHECK).
  explicit Bpe(BpeModel model);
  Bpe(const Bpe&) = delete;  // words_ refers to bytes_
  Bpe& operator=(const Bpe&) = delete;

  /// Appends the tokens of `piece`. Of pairs with equal rank the leftmost merges first. O(n log n).
  void encode(std::string_view piece, std::vector<int32_t>& ids) const;

  const std::string& bytes(int32_t id) const { return bytes_[size_t(id)]; }
  /// How many of the 256 bytes have no token.
  int missing_bytes() const;

 private:
  void add_symbol(int32_t id);
  void encode_by_merges(std::string_view piece, std::vector<int32_t>& ids) const;
  void append_symbols(std::string_view piece, std::vector<int32_t>& ids) const;
  bool append_symbol(std::string_view symbol, std::vector<int32_t>& ids) const;
  void merge_short(std::vector<int32_t>& ids, size_t begin) const;
  void merge_long(std::vector<int32_t>& ids, size_t begin) const;

  std::vector<std::string> bytes_;
  MergeTable merges_;
  bool characters_;
  ByteTokens token_of_byte_;
  StringIndex token_of_character_;  // empty without characters_
  int32_t unknown_;
  bool fuse_unknown_;
  // Tokens that their own bytes become: most pieces of real text are one of them, and need no merging.
  StringIndex words_;
};

}  // namespace fettle
