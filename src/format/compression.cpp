#include "format/compression.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "base/error.h"

namespace fettle {

namespace {

constexpr size_t kAlwaysAllowed = size_t{64} << 20;  // bytes of content
constexpr size_t kMostGrowth = 256;                  // texts shrink to a third, repetitive ones to a fiftieth
constexpr size_t kPiece = size_t{256} << 10;

class Gzip final : public Decoder {
 public:
  Gzip() {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    FETTLE_CHECK(inflateInit2(&stream_, kGzipOnly) == Z_OK);
  }
  ~Gzip() override { inflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  State step(std::string_view& in, std::span<char>& out) override {
    if (ended_) inflateReset(&stream_);
    constexpr size_t kMost = std::numeric_limits<uInt>::max();  // zlib counts in 32 bits
    const size_t given = std::min(in.size(), kMost);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = uInt(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = uInt(out.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(given - stream_.avail_in);
    out = out.subspan(out.size() - stream_.avail_out);
    ended_ = status == Z_STREAM_END;
    if (ended_) return State::member_ended;
    return status == Z_OK || status == Z_BUF_ERROR ? State::goes_on : State::broken;
  }
  std::string reason() const override {
    return stream_.msg ? stream_.msg : "a preset dictionary is asked for";
  }

 private:
  z_stream stream_{};
  bool ended_ = false;
};

class Zstd final : public Decoder {
 public:
  Zstd() : stream_(ZSTD_createDStream(), &ZSTD_freeDStream) { FETTLE_CHECK(stream_); }

  State step(std::string_view& in, std::span<char>& out) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    status_ = ZSTD_decompressStream(stream_.get(), &to, &from);
    in.remove_prefix(from.pos);
    out = out.subspan(to.pos);
    if (ZSTD_isError(status_)) return State::broken;
    return status_ == 0 ? State::member_ended : State::goes_on;
  }
  std::string reason() const override { return ZSTD_getErrorName(status_); }

 private:
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  size_t status_ = 0;
};

template <class T>
std::unique_ptr<Decoder> make() {
  return std::make_unique<T>();
}

constexpr Compression kRows[] = {
    {"gzip", ".gz", "\x1f\x8b", "gzip -dk", make<Gzip>},
    {"zstd", ".zst", "\x28\xb5\x2f\xfd", "zstd -d", make<Zstd>},
};

// gzip pads to a tape's block with zeros, which are no member.
bool only_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == bytes.npos;
}

[[noreturn]] void refuse_bomb(const Compression& how, size_t limit, const std::string& label) {
  throw Error(
      {.what = fmt::format("the file unpacks to more than {} bytes, which is more than {} times its size",
                           limit, kMostGrowth),
       .where = label,
       .hint = fmt::format("if that is meant, unpack it first: {} {}", how.tool, label)});
}

}  // namespace

std::span<const Compression> compressions() {
  return kRows;
}

const Compression* compression_of(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  const auto row = std::ranges::find(kRows, ending, &Compression::ending);
  return row == std::end(kRows) ? nullptr : row;
}

void refuse_compressed(std::string_view bytes, const std::string& label) {
  for (const Compression& row : kRows)
    if (bytes.starts_with(row.magic))
      throw Error({.what = fmt::format("the file is compressed ({})", row.name),
                   .where = label,
                   .hint = fmt::format("rename it to {}{}", label, row.ending)});
}

size_t most_content(size_t bytes) {
  const bool beyond = bytes > std::numeric_limits<size_t>::max() / kMostGrowth;
  return std::max(kAlwaysAllowed, beyond ? std::numeric_limits<size_t>::max() : bytes * kMostGrowth);
}

void unpack_block(const Compression& how, std::string_view block, std::span<char> out) {
  const std::unique_ptr<Decoder> decoder = how.decoder();
  const size_t wanted = out.size();
  char beyond = 0;
  Decoder::State state = Decoder::State::goes_on;
  for (bool moves = true; moves;) {
    // A full block is stepped once more, for its end: the checksum stands there.
    std::span<char> spare(&beyond, 1);
    std::span<char>& room = out.empty() ? spare : out;
    const size_t rest = block.size(), free = room.size();
    state = decoder->step(block, room);
    if (state == Decoder::State::broken)
      throw Error({.what = fmt::format("the {} data is broken ({})", how.name, decoder->reason()),
                   .hint = "fetch or write the file again"});
    if (spare.empty())
      throw Error({.what = fmt::format("{} data of more than the {} bytes promised", how.name, wanted),
                   .hint = "fetch or write the file again"});
    moves =
        (block.size() < rest || room.size() < free) && (state == Decoder::State::goes_on || !block.empty());
  }
  if (!out.empty() || state != Decoder::State::member_ended)
    throw Error(
        {.what = fmt::format("{} data that ends after {} of {} bytes", how.name, wanted - out.size(), wanted),
         .hint = "fetch or write the file again"});
}

std::string unpacked(const Compression& how, std::string_view bytes, const std::string& label) {
  if (!bytes.starts_with(how.magic.substr(0, bytes.size())))
    throw Error({.what = fmt::format("the name says {}, but the file does not begin as one", how.name),
                 .where = label,
                 .hint = fmt::format("if it is not compressed, take {} off its name", how.ending)});
  const size_t limit = most_content(bytes.size());
  const std::unique_ptr<Decoder> decoder = how.decoder();
  std::string text, piece(kPiece, '\0');
  std::string_view rest = bytes;
  const auto fail = [&](std::string what, std::string hint) {
    throw Error({.what = fmt::format("{} at offset {}", what, bytes.size() - rest.size()),
                 .where = label,
                 .hint = std::move(hint)});
  };
  for (Decoder::State state = Decoder::State::goes_on;;) {
    std::span<char> room(piece);
    const size_t before = rest.size();
    state = decoder->step(rest, room);
    const size_t made = piece.size() - room.size();
    if (text.size() + made > limit) refuse_bomb(how, limit, label);
    text.append(piece, 0, made);
    if (state == Decoder::State::broken)
      fail(fmt::format("the {} data is broken ({})", how.name, decoder->reason()),
           "fetch or write the file again");
    if (state == Decoder::State::member_ended) {
      if (only_zeros(rest)) return text;
    } else if (made == 0 && rest.size() == before) {
      fail(fmt::format("the {} data is cut off: the file ends", how.name), "fetch or write the file again");
    }
  }
}

}  // namespace fettle
