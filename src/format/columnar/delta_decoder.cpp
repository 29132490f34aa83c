#include "format/columnar/delta_decoder.h"

namespace fettle {

namespace {
constexpr uint64_t kMostInBlock = uint64_t(1) << 20;  // writers use 128
constexpr int kWidest = 64;
}  // namespace

DeltaDecoder::DeltaDecoder(std::string_view bytes, uint64_t most) : in_(bytes) {
  block_values_ = in_.varint("a delta block's size");
  miniblocks_ = in_.varint("the number of miniblocks");
  count_ = in_.varint("the number of deltas");
  value_ = uint64_t(in_.zigzag("the first value"));
  if (block_values_ == 0 || block_values_ > kMostInBlock || miniblocks_ == 0 ||
      block_values_ % miniblocks_ != 0 || block_values_ / miniblocks_ % 8 != 0)
    fail_data(fmt::format("delta blocks of {} values in {} miniblocks", block_values_, miniblocks_));
  if (count_ > most) fail_data(fmt::format("{} deltas in a page of {} values", count_, most));
  miniblock_values_ = block_values_ / miniblocks_;
  miniblock_ = miniblocks_;  // no block has begun
  in_miniblock_ = miniblock_values_;
}

void DeltaDecoder::begin_block() {
  least_ = uint64_t(in_.zigzag("a block's least delta"));
  widths_ = in_.take(miniblocks_, "the miniblocks' widths");
  miniblock_ = 0;
}

void DeltaDecoder::begin_miniblock() {
  if (miniblock_ == miniblocks_) begin_block();
  width_ = uint8_t(widths_[miniblock_++]);
  if (width_ > kWidest) fail_data(fmt::format("deltas of {} bits", width_));
  bits_ = in_.take(miniblock_values_ / 8 * uint64_t(width_), "a miniblock");
  in_miniblock_ = 0;
}

int64_t DeltaDecoder::next() {
  if (given_ == count_) fail_data(fmt::format("more values are asked for than the {} there are", count_));
  if (given_++ == 0) return int64_t(value_);
  if (in_miniblock_ == miniblock_values_) begin_miniblock();
  value_ += least_ + bits_at(bits_, in_miniblock_++ * uint64_t(width_), width_);
  return int64_t(value_);
}

std::string_view DeltaDecoder::behind() const {
  DeltaDecoder ahead = *this;
  for (uint64_t seen = 1; seen < count_; seen += miniblock_values_) ahead.begin_miniblock();
  return ahead.in_.rest();
}

}  // namespace fettle
