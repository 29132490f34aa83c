#include "tune/model_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.h"
#include "data/dataset.h"
#include "model/network.h"
#include "tune/objective/cross_entropy.h"

namespace fettle {

namespace {
struct Passage {
  std::string_view language, text;
};

// Plain prose of the kind that every corpus holds; written for this purpose, so that no model knows it by
// heart.
constexpr Passage kPassages[] = {
    {"English",
     "The river rises in the hills north of the town and runs for sixty miles before it reaches the sea. In "
     "spring the melting snow makes it deep and fast, and the farmers along its banks watch the water every "
     "day. "
     "In summer it is so low that children can walk across it without getting their knees wet. There used to "
     "be "
     "a mill beside the old bridge. The miller sold flour to the bakers of the town, and on market days "
     "people "
     "came from all the villages around to buy bread, eggs and cheese. Today the mill is a museum, and the "
     "woman "
     "who takes care of it likes to show visitors how the big wheel turned the stones. If you ask her what "
     "she "
     "would do if the river rose again as it did when she was a girl, she will tell you that she would carry "
     "the "
     "books upstairs first, and then the clock."},
    {"Spanish",
     "El río nace en las montañas al norte del pueblo y recorre cien kilómetros antes de llegar al mar. En "
     "primavera, la nieve que se derrite lo hace profundo y rápido, y los campesinos miran el agua todos los "
     "días. En verano baja tan poco que los niños pueden cruzarlo sin mojarse las rodillas. Antes había un "
     "molino "
     "junto al puente viejo. El molinero vendía harina a los panaderos, y los días de mercado la gente venía "
     "de "
     "todas las aldeas para comprar pan, huevos y queso. Hoy el molino es un museo, y la mujer que lo cuida "
     "enseña a los visitantes cómo la gran rueda movía las piedras."},
    {"Chinese",
     "这条河发源于城北的山里，流了一百多公里才到大海。春天，雪化了，河水又深又急，两岸的农民每天都要看水位。"
     "夏天水很浅，孩子们可以走过去，连膝盖都不会湿。老桥旁边以前有一座磨坊，磨坊主人把面粉卖给城里的面包店。"
     "每到赶集的日子，附近村子的人都来买面包、鸡蛋和奶酪。现在磨坊成了博物馆，看管它的女人喜欢给客人讲，"
     "从前那个大轮子是怎样转动石头的。"},
};

std::vector<int32_t> encode(const Passage& passage, const Tokenizer& tokenizer) {
  std::vector<int32_t> ids = tokenizer.encode(passage.text, false);
  const SpecialIds& special = tokenizer.special();
  // Something must stand before the first token; models without a beginning-of-text saw documents end.
  const int32_t first = special.bos >= 0 ? special.bos : special.eos;
  if (first >= 0) ids.insert(ids.begin(), first);
  return ids;
}

/// The first token and the others in an order drawn with a fixed seed.
std::vector<int32_t> shuffle(const std::vector<int32_t>& ids) {
  std::vector<int32_t> out = {ids[0]};
  for (const int64_t i : epoch_order(int64_t(ids.size()) - 1, 1, 0, true)) out.push_back(ids[size_t(i) + 1]);
  return out;
}

/// A model that answers one question: how many bits does it need for these tokens?
class Reader {
 public:
  Reader(std::shared_ptr<const Model> model, Ops& ops, DType compute, int64_t tokens)
      : network_(std::move(model), {}, ops,
                 {.compute = compute, .max_tokens = tokens, .max_sequences = 1, .max_targets = tokens - 1}) {}

  /// Σ −log₂ p of ids[1 …], each given all before it.
  double bits(std::span<const int32_t> ids) {
    const auto n = int32_t(ids.size());
    std::vector<int32_t> places(ids.size());
    std::iota(places.begin(), places.end(), 0);
    const int32_t cu[] = {0, n}, cu_targets[] = {0, n - 1};
    const uint64_t key = 0;
    std::vector<float> logprob(ids.size() - 1);
    CrossEntropy objective;
    objective.begin_step(1);
    const BatchView batch{.ids = ids, .positions = places, .cu_seqlens = cu, .sample_keys = {&key, 1}};
    const Targets targets{std::span(places).first(size_t(n) - 1), ids.subspan(1), cu_targets};
    return network_.evaluate(batch, targets, objective, logprob) / std::numbers::ln2;
  }

 private:
  Network network_;
};

/// Constants that converters and configs get wrong, each with the values that are common.
struct Alternative {
  std::string constant;
  HyperParams hp;
};

std::vector<Alternative> alternatives(const HyperParams& hp) {
  std::vector<Alternative> out;
  const auto add = [&](std::string constant, auto change) {
    Alternative& a = out.emplace_back(Alternative{std::move(constant), hp});
    change(a.hp);
  };
  for (const double factor : {0.01, 0.1, 10., 100.}) {
    const double theta = hp.rope.theta * factor;
    add(fmt::format("rotary base {:g} (the model says {:g})", theta, hp.rope.theta),
        [&](HyperParams& h) { h.rope.theta = theta; });
  }
  for (const float eps : {1e-6f, 1e-5f})
    if (eps != hp.norm_eps)
      add(fmt::format("norm epsilon {:g} (the model says {:g})", eps, hp.norm_eps),
          [&](HyperParams& h) { h.norm_eps = eps; });
  const auto root = float(std::sqrt(double(hp.hidden)));
  const float scale = hp.embed_scale == 1 ? root : 1;
  add(fmt::format("embeddings times {:g} (the model says {:g})", scale, hp.embed_scale),
      [&](HyperParams& h) { h.embed_scale = scale; });
  const bool silu = hp.activation == Activation::silu;
  add(silu ? "activation gelu (the model says silu)" : "activation silu (the model says gelu)",
      [&](HyperParams& h) { h.activation = silu ? Activation::gelu_tanh : Activation::silu; });
  return out;
}

// An alternative must save this share of the bits: sampling noise between bases of one sign stays far below
// it.
constexpr double kClearlyBetter = 0.02;
constexpr double kNearChance = 0.85;

}  // namespace

std::vector<std::string> findings(const ModelCheck& check, int64_t parameters) {
  std::vector<std::string> found;
  const PassageResult& best = check.best();
  if (best.bits > kNearChance * best.chance) {
    found.push_back(fmt::format(
        "the model predicts text no better than chance: {:.2f} bits per byte where guessing gives {:.2f}",
        best.bits, best.chance));
  } else if (best.bits > check.bound) {
    found.push_back(
        fmt::format("the model reads far worse than one of {:.0f} million parameters does: {:.2f} bits per "
                    "byte in its best "
                    "language ({}), at most {:.2f} expected",
                    double(parameters) / 1e6, best.bits, best.language, check.bound));
  }
  // A model that reads nothing reads nothing under any constant: then only one that mends it is worth a word.
  const double worth = found.empty() ? (1 - kClearlyBetter) * best.bits : check.bound;
  for (const AlternativeResult& a : check.alternatives)
    if (a.bits < worth)
      found.push_back(fmt::format("it reads better with {}: {:.3f} bits per byte instead of {:.3f}",
                                  a.constant, a.bits, best.bits));
  return found;
}

void require_sound(const ModelCheck& check, const std::string& where, const std::string& more) {
  if (check.sound()) return;
  throw Error({.what = fmt::format("{}", fmt::join(check.findings, "; ")),
               .where = where,
               .hint = "the file was converted wrongly, or its tokenizer or config belongs to another model; "
                       "convert or download it again" +
                       more});
}

// Measured with SmolLM2-135M (0.97) and Gemma 3 270M; smaller models need more, by the slope of scaling laws.
double bits_bound(int64_t parameters) {
  return 1.3 + 0.4 * std::max(0., std::log10(1e8 / double(std::max<int64_t>(1, parameters))));
}

const PassageResult& ModelCheck::best() const {
  return *std::ranges::min_element(passages, {}, &PassageResult::bits);
}

ModelCheck check_model(const std::shared_ptr<const Model>& model, const Tokenizer& tokenizer, Ops& ops,
                       DType compute, Listener& listener) {
  std::vector<std::vector<int32_t>> ids;
  for (const Passage& passage : kPassages) ids.push_back(encode(passage, tokenizer));
  const auto length = [](const auto& v) { return int64_t(v.size()); };
  const int64_t longest = length(*std::ranges::max_element(ids, {}, length));
  const std::vector<Alternative> others = alternatives(model->hp());
  const int64_t readings = 2 * int64_t(ids.size()) + int64_t(others.size());
  int64_t done = 0;
  const auto tell = [&] {
    listener.on_progress(
        {.task = "checking the model", .done = ++done, .total = readings, .unit = "readings"});
  };

  ModelCheck check{.bound = bits_bound(model->parameters())};
  Reader reader(model, ops, compute, longest);
  for (size_t i = 0; i < ids.size(); ++i) {
    const double bytes = double(kPassages[i].text.size());
    PassageResult& p = check.passages.emplace_back(
        PassageResult{.language = kPassages[i].language, .bytes = int64_t(bytes), .tokens = length(ids[i])});
    p.bits = reader.bits(ids[i]) / bytes;
    tell();
    p.shuffled = reader.bits(shuffle(ids[i])) / bytes;
    tell();
    p.chance = double(p.tokens - 1) * std::log2(double(model->hp().vocab_size)) / bytes;
  }
  const size_t best = size_t(&check.best() - check.passages.data());
  for (const Alternative& other : others) {
    Reader changed(model->with(other.hp), ops, compute, longest);
    check.alternatives.push_back(
        {other.constant, changed.bits(ids[best]) / double(kPassages[best].text.size())});
    tell();
  }
  check.findings = findings(check, model->parameters());
  return check;
}

}  // namespace fettle
