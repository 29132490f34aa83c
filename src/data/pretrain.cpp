// Documents to ids: pre-training learns every token of the text.
//
// As LLaMA-Factory, labels at the padding id are not trained (its collator cannot tell padding from text),
// and padding falls back to end-of-text: with a vocabulary whose pad token is its end-of-text, the end of a
// document is seen but not learnt. Unlike it, packing goes over all documents, not over batches of 1000, and
// the last, shorter block is kept: a batch is never padded here, so nothing is gained by throwing it away.
#include <algorithm>

#include "base/error.h"
#include "data/dataset.h"

namespace fettle {

namespace {

constexpr int64_t kProgressEvery = 1024;  // documents

int32_t document_end(const ChatTemplate& chat) {
  const std::string_view own = chat.row().pretrain_eos;
  const int32_t id = own.empty() ? chat.eos() : chat.tokenizer().id_of(own).value_or(-1);
  if (id < 0)
    throw Error(
        {.what = own.empty()
                     ? "this model's vocabulary declares no end-of-text token to close documents with"
                     : "this model's vocabulary has no " + std::string(own) + " to close documents with",
         .where = "stage pt, template " + std::string(chat.row().name),
         .hint = "choose the template this model was made with"});
  return id;
}

int32_t document_begin(const Tokenizer& tokenizer) {
  return tokenizer.special().add_bos ? tokenizer.special().bos : -1;
}

void add_text(std::vector<int32_t> ids, int32_t pad, const SamplePlace& place, Dataset& out) {
  std::vector<int32_t> labels = ids;
  std::replace(labels.begin(), labels.end(), pad, kIgnoreIndex);
  out.add(std::move(ids), std::move(labels), place);
}

/// Takes documents as they come and gives them on in blocks of `size` tokens; a block is named after the
/// document its first token came from.
class BlockPacker {
 public:
  BlockPacker(int64_t size, int32_t bos, int32_t pad, Dataset& out)
      : size_(size), bos_(bos), pad_(pad), out_(out) {}

  void push(std::span<const int32_t> document, const SamplePlace& place) {
    while (!document.empty()) {
      if (block_.empty()) place_ = place;
      const size_t room = std::min(document.size(), size_t(size_) - block_.size());
      block_.insert(block_.end(), document.begin(), document.begin() + std::ptrdiff_t(room));
      document = document.subspan(room);
      if (int64_t(block_.size()) == size_) flush();
    }
  }
  void flush() {
    if (block_.empty()) return;
    if (bos_ >= 0) block_.front() = bos_;  // replaces a token, as LLaMA-Factory has it
    add_text(std::exchange(block_, {}), pad_, place_, out_);
  }

 private:
  int64_t size_;
  int32_t bos_, pad_;
  Dataset& out_;
  std::vector<int32_t> block_;
  SamplePlace place_;
};

void add_document(std::vector<int32_t> ids, int32_t bos, int32_t pad, int64_t cutoff,
                  const SamplePlace& place, Dataset& out) {
  if (bos >= 0) ids.insert(ids.begin(), bos);
  const int64_t full = int64_t(ids.size());
  if (full > cutoff) {
    ids.resize(size_t(cutoff));
    out.report().name_cut(place, full, cutoff, /*end_lost=*/true);
  }
  add_text(std::move(ids), pad, place, out);
}

}  // namespace

void encode_pretrain(std::span<const Sample> samples, const ChatTemplate& chat, const EncodeOptions& options,
                     bool packing, Dataset& out, Listener* listener) {
  FETTLE_CHECK(options.cutoff_len > 0);
  const int32_t end = document_end(chat), bos = document_begin(chat.tokenizer()), pad = chat.pad();
  const int64_t count = int64_t(samples.size());
  BlockPacker packer(options.cutoff_len, bos, pad, out);
  for (int64_t i = 0; i < count; ++i) {
    const Sample& sample = samples[size_t(i)];
    FETTLE_CHECK(!sample.prompt.empty());
    std::vector<int32_t> ids = chat.tokenizer().encode(sample.prompt.front().content, /*parse_special=*/true);
    ids.push_back(end);
    if (packing)
      packer.push(ids, sample.place);
    else
      add_document(std::move(ids), bos, pad, options.cutoff_len, sample.place, out);
    if (listener && (i + 1) % kProgressEvery == 0 && i + 1 < count)
      listener->on_progress({"Tokenising", i + 1, count, "documents"});
  }
  packer.flush();
  if (listener) listener->on_progress({"Tokenising", count, count, "documents"});
}

}  // namespace fettle
