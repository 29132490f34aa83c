// Elements per second that decoders give, one row per storage type: the reference, then every instruction set
// of this CPU, to f32 and to bf16 (a dash: the reference serves). By processor time of one thread, over rows
// that stay in L1, as panels do.
//   decode_bench [filter] [seconds per figure = 0.05]
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernel/isa.h"
#include "quant/storage.h"

namespace {

using namespace fettle;

constexpr int64_t kElements = 2048;

double processor_now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

/// Any bits will do but those of scales, which must not make every product subnormal or infinite.
std::vector<std::byte> blocks_of(DType type) {
  std::vector<std::byte> blocks(size_t(row_bytes(type, kElements)));
  Rng rng(1, Purpose::probe);
  for (std::byte& b : blocks) b = std::byte(0x20 | (rng.next_u32() & 0x1f));
  return blocks;
}

/// Median over calls in batches, in 10^9 elements a second.
template <class Decode, class Out>
double rate(Decode decode, const std::vector<std::byte>& blocks, std::vector<Out>& out, double budget) {
  constexpr int kCalls = 64;
  std::vector<double> rates;
  for (double spent = 0; spent < budget || rates.size() < 5;) {
    const double start = processor_now();
    for (int i = 0; i < kCalls; ++i) decode(blocks.data(), kElements, out.data());
    const double seconds = processor_now() - start;
    rates.push_back(double(kCalls) * kElements / seconds / 1e9);
    spent += seconds;
  }
  std::ranges::nth_element(rates, rates.begin() + int64_t(rates.size() / 2));
  return rates[rates.size() / 2];
}

void row(const StorageRow& storage, double budget) {
  const std::vector<std::byte> blocks = blocks_of(storage.type);
  std::vector<float> wide(kElements);
  std::vector<bf16_t> narrow(kElements);
  fmt::print("{:<6} {:8.2f}", name(storage.type), rate(storage.decode_f32, blocks, wide, budget));
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported() || std::strcmp(isa.name, "generic") == 0) continue;
    const DecodeTable& table = decode_table(isa.name);
    const auto f32 = table.f32[size_t(storage.type)];
    const auto bf16 = table.bf16[size_t(storage.type)];
    const std::string to_f32 = f32 ? fmt::format("{:.2f}", rate(f32, blocks, wide, budget)) : "-";
    const std::string to_bf16 = bf16 ? fmt::format("{:.2f}", rate(bf16, blocks, narrow, budget)) : "-";
    fmt::print(" {:>14}", to_f32 + " / " + to_bf16);
  }
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string filter = argc > 1 ? argv[1] : "";
  const double budget = argc > 2 ? std::atof(argv[2]) : 0.05;
  fmt::print("10^9 elements a second, f32 / bf16\n{:<6} {:>8}", "type", "plain");
  for (const IsaRow& isa : isa_rows()) {
    if (isa.supported() && std::strcmp(isa.name, "generic") != 0) fmt::print(" {:>14}", isa.name);
  }
  fmt::print("\n");
  for (const StorageRow& storage : storage_rows()) {
    if (name(storage.type).find(filter) != std::string_view::npos) row(storage, budget);
  }
}
