// Numbers of strings by the strings themselves.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fettle {

/// Open addressing with part of the hash beside each number, so that looking for what is not there touches
/// one cache line and no string: loading a vocabulary of 262,144 tokens asks for a million such. Refers to
/// the strings: they must neither move nor change. Any number of threads may look up.
class StringIndex {
 public:
  /// For up to `count` of the strings.
  StringIndex(const std::vector<std::string>& strings, size_t count)
      : strings_(&strings), slots_(std::bit_ceil(2 * count + 2)) {}

  /// -1 when it is not there.
  int32_t find(std::string_view text) const { return slots_[slot_of(text, tag_of(text))].number; }

  /// Adds string `number`, or gives the number of the equal string that is there already.
  int32_t insert(int32_t number) {
    const std::string& text = (*strings_)[size_t(number)];
    const uint64_t tag = tag_of(text);
    Slot& slot = slots_[slot_of(text, tag)];
    if (slot.number < 0) slot = {uint32_t(tag >> 32), number};
    return slot.number;
  }

 private:
  struct Slot {
    uint32_t tag = 0;
    int32_t number = -1;
  };
  static uint64_t tag_of(std::string_view text) { return std::hash<std::string_view>()(text); }
  size_t slot_of(std::string_view text, uint64_t tag) const {
    size_t at = tag & (slots_.size() - 1);
    while (slots_[at].number >= 0 &&
           (slots_[at].tag != uint32_t(tag >> 32) || (*strings_)[size_t(slots_[at].number)] != text)) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }

  const std::vector<std::string>* strings_;
  std::vector<Slot> slots_;
};

}  // namespace fettle
