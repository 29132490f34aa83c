// Stores laid out as the programs lay them out, in a home folder of the test's own.
#include "format/model_stores.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;

constexpr const char* kVariables[] = {
    "HF_HUB_CACHE",     "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME",
    "MODELSCOPE_CACHE", "OLLAMA_MODELS",         "HOME"};
const std::string kCommit(40, 'a'), kOther(40, 'b'), kDigest(64, 'c');

class ModelStores : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kVariables) {
      const char* value = ::getenv(name);
      before_.emplace_back(name, value ? std::optional<std::string>(value) : std::nullopt);
      ::unsetenv(name);
    }
    char folder[] = "/tmp/fettle-stores-XXXXXX";
    home_ = ::mkdtemp(folder);
    ::setenv("HOME", home_.c_str(), 1);
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);
    fs::remove_all(home_);
  }

  fs::path put(const fs::path& path, const std::string& text = "x") {
    fs::create_directories((home_ / path).parent_path());
    write_atomic(home_ / path, text);
    return home_ / path;
  }
  /// A model of Hugging Face's cache: a file of a snapshot is a link to its blob.
  fs::path put_hub(const std::string& model, const std::string& commit, const std::string& file,
                   const std::string& branch = "", fs::path root = ".cache/huggingface/hub") {
    const fs::path folder = root / model;
    put(folder / "blobs" / (commit.substr(0, 8) + file));
    const fs::path snapshot = home_ / folder / "snapshots" / commit;
    fs::create_directories(snapshot);
    fs::create_symlink(fs::path("../../blobs") / (commit.substr(0, 8) + file), snapshot / file);
    if (!branch.empty()) put(folder / "refs" / branch, commit);
    return snapshot;
  }
  fs::path put_ollama(const fs::path& manifest, const std::string& layers, fs::path root = ".ollama/models") {
    put(root / "manifests" / manifest,
        fmt::format(R"({{"schemaVersion": 2, "config": {{"digest": "sha256:{}"}}, "layers": [{}]}})", kDigest,
                    layers));
    return put(root / "blobs" / ("sha256-" + kDigest), "GGUF");
  }
  static std::string layer(const std::string& kind, const std::string& digest = "sha256:" + kDigest) {
    return fmt::format(R"({{"mediaType": "application/vnd.ollama.image.{}", "digest": "{}", "size": 4}})",
                       kind, digest);
  }

  static fs::path find(const std::string& name, const StoreOptions& options = {}) {
    return find_model(name, options, "run.yaml:1").path;
  }
  /// The message, with ~ for the home.
  std::string error_of(const std::string& name, const StoreOptions& options = {}) const {
    try {
      return find(name, options).string();
    } catch (const Error& error) {
      return with_tilde(error.message());
    }
  }
  std::string with_tilde(std::string text) const {
    for (size_t at; (at = text.find(home_.string())) != text.npos;)
      text.replace(at, home_.string().size(), "~");
    return text;
  }
  static std::vector<StoredModel> listed(std::string_view title) {
    std::vector<StoredModel> found;
    for (const ModelStore& store : model_stores())
      if (store.title == title)
        for (const fs::path& root : store.roots({}))
          std::ranges::copy(store.list(root), std::back_inserter(found));
    return found;
  }
  static std::vector<std::string> names(std::string_view title) {
    std::vector<std::string> found;
    for (const StoredModel& model : listed(title))
      found.push_back(model.name + (model.revision.empty() ? "" : "@" + model.revision));
    return found;
  }

  fs::path home_;
  std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};
using Names = std::vector<std::string>;
}  // namespace

TEST_F(ModelStores, APathComesFirst) {
  const fs::path file = put("qwen");
  EXPECT_EQ(find(file.string()), file);
  EXPECT_EQ(find_model(file.string(), {}, "").hub_id, "");
}

TEST_F(ModelStores, AHubIdIsReadAtItsRevision) {
  const fs::path main = put_hub("models--Qwen--Qwen2.5-0.5B", kCommit, "model.safetensors", "main"),
                 pull = put_hub("models--Qwen--Qwen2.5-0.5B", kOther, "model.safetensors", "refs/pr/1");
  EXPECT_EQ(find("Qwen/Qwen2.5-0.5B"), main);
  EXPECT_EQ(find_model("Qwen/Qwen2.5-0.5B", {}, "").hub_id, "Qwen/Qwen2.5-0.5B");
  EXPECT_EQ(find("Qwen/Qwen2.5-0.5B", {.revision = kCommit}), main);
  EXPECT_EQ(find("Qwen/Qwen2.5-0.5B", {.revision = "refs/pr/1"}), pull);
  EXPECT_EQ(names("Hugging Face"), (Names{"Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B@refs/pr/1"}));
  EXPECT_EQ(error_of("Qwen/Qwen2.5-0.5B", {.revision = "v1"}),
            "~/.cache/huggingface/hub/models--Qwen--Qwen2.5-0.5B: the cache has no revision v1 of "
            "Qwen/Qwen2.5-0.5B\n  hint: set model_revision to one that is there: main, refs/pr/1");
  put(".cache/huggingface/hub/models--Qwen--Qwen2.5-0.5B/secret", kOther);
  EXPECT_NE(error_of("Qwen/Qwen2.5-0.5B", {.revision = "../secret"}).find("no revision"), std::string::npos);
}

TEST_F(ModelStores, TheEnvironmentSaysWhereTheCacheIs) {
  const auto at = [&](const char* root) {
    return put_hub("models--gpt2", kCommit, "model.safetensors", "main", root);
  };
  const fs::path usual = at(".cache/huggingface/hub"), cache = at("xdg/huggingface/hub"), hf = at("hf/hub"),
                 old = at("old"), hub = at("cache"), own = at("own");
  EXPECT_EQ(find("gpt2"), usual);
  ::setenv("XDG_CACHE_HOME", (home_ / "xdg").c_str(), 1);
  EXPECT_EQ(find("gpt2"), cache);
  ::setenv("HF_HOME", "~/hf", 1);
  EXPECT_EQ(find("gpt2"), hf);
  ::setenv("HUGGINGFACE_HUB_CACHE", (home_ / "old").c_str(), 1);
  EXPECT_EQ(find("gpt2"), old);
  ::setenv("HF_HUB_CACHE", ((home_ / "cache").string() + "\r").c_str(), 1);
  EXPECT_EQ(find("gpt2"), hub);
  EXPECT_EQ(find("gpt2", {.cache_dir = home_ / "own"}), own);
}

TEST_F(ModelStores, OneOfSeveralGgufFilesIsNamedBehindAColon) {
  put_hub("models--a--b-GGUF", kCommit, "b-Q4_K_M.gguf", "main");
  put_hub("models--a--b-GGUF", kCommit, "mmproj-b-F16.gguf");
  EXPECT_EQ(find("a/b-GGUF").filename(), "b-Q4_K_M.gguf") << "a projector is no model";
  EXPECT_EQ(names("Hugging Face"), Names{"a/b-GGUF"});
  put_hub("models--a--b-GGUF", kCommit, "b-Q8_0.gguf");
  EXPECT_EQ(names("Hugging Face"), (Names{"a/b-GGUF:b-Q4_K_M", "a/b-GGUF:b-Q8_0"}));
  EXPECT_EQ(find("a/b-GGUF:b-Q8_0").filename(), "b-Q8_0.gguf");
  EXPECT_EQ(find("a/b-GGUF:q4_k_m").filename(), "b-Q4_K_M.gguf");
  EXPECT_EQ(find_model("a/b-GGUF:q4_k_m", {}, "").hub_id, "a/b-GGUF");
  EXPECT_EQ(error_of("a/b-GGUF"),
            "a/b-GGUF: several of its GGUF files is meant\n  hint: write the file behind a colon: "
            "a/b-GGUF:b-Q4_K_M; there are: b-Q4_K_M, b-Q8_0");
  EXPECT_NE(error_of("a/b-GGUF:Q5").find("none of its GGUF files have Q5 in their names"), std::string::npos);
}

TEST_F(ModelStores, WhatWasBrokenOffIsListedWithTheReason) {
  put_hub("models--a--b", kCommit, "config.json", "main");
  const std::vector<StoredModel> found = listed("Hugging Face");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].path.empty());
  EXPECT_EQ(found[0].problem, "no safetensors and no GGUF file: was the download broken off?");
  put(".cache/huggingface/hub/models--c--d/refs/main", kCommit);
  EXPECT_EQ(
      error_of("c/d"),
      "~/.cache/huggingface/hub/models--c--d: the cache has no revision main of c/d\n  hint: the download "
      "was broken off: fetch it again");
}

TEST_F(ModelStores, ModelScopeInItsThreeLayouts) {
  const auto folder = [&](const fs::path& path) { return put(path / "model.safetensors").parent_path(); };
  const fs::path oldest = folder(".cache/modelscope/hub/Qwen/Qwen3-14B"),
                 older = folder(".cache/modelscope/hub/models/Qwen/Qwen2___5-7B"),
                 newest = folder(".cache/modelscope/models/Qwen--Qwen3-8B/snapshots/master"),
                 tagged = folder(".cache/modelscope/models/Qwen--Qwen3-8B/snapshots/v1");
  put(".cache/modelscope/hub/models/Qwen/Qwen2___5-7B/.mv", "Revision:master,CreatedAt:1700000000");
  fs::create_symlink(older, older.parent_path() / "Qwen2.5-7B");
  EXPECT_EQ(find("Qwen/Qwen3-14B"), oldest);
  EXPECT_EQ(find("Qwen/Qwen2.5-7B"), older);
  EXPECT_EQ(find("Qwen/Qwen3-8B"), newest);
  EXPECT_EQ(find("Qwen/Qwen3-8B", {.revision = "v1"}), tagged);
  EXPECT_NE(error_of("Qwen/Qwen2.5-7B", {.revision = "v1"}).find("no such file or folder"), std::string::npos)
      << "another revision lies there";
  EXPECT_EQ(names("ModelScope"),
            (Names{"Qwen/Qwen3-8B", "Qwen/Qwen3-8B@v1", "Qwen/Qwen2.5-7B", "Qwen/Qwen3-14B"}));
  ::setenv("MODELSCOPE_CACHE", (home_ / "ms").c_str(), 1);
  EXPECT_EQ(find("a/b", {.cache_dir = folder("x/a/b").parent_path().parent_path()}), home_ / "x/a/b");
  EXPECT_NE(error_of("Qwen/Qwen3-14B").find("~/ms (no such folder)"), std::string::npos);
}

TEST_F(ModelStores, OfTwoHubsThePreferredComesFirst) {
  const fs::path hf = put_hub("models--Qwen--Q", kCommit, "model.safetensors", "main"),
                 ms =
                     put(".cache/modelscope/models/Qwen--Q/snapshots/master/model.safetensors").parent_path();
  EXPECT_EQ(find("Qwen/Q"), hf);
  EXPECT_EQ(find("Qwen/Q", {.modelscope_first = true}), ms);
}

TEST_F(ModelStores, OllamaNamesLeadToTheirBlob) {
  const fs::path blob =
      put_ollama("registry.ollama.ai/library/qwen2.5/0.5b", layer("template") + ", " + layer("model"));
  put_ollama("registry.ollama.ai/library/qwen2.5/latest", layer("model"));
  put_ollama("registry.ollama.ai/someone/tuned/v1", layer("model"));
  put_ollama("hf.co/a/b-GGUF/Q8_0", layer("model"));
  for (const char* name : {"ollama:qwen2.5:0.5b", "ollama:qwen2.5", "ollama:library/qwen2.5:0.5b",
                           "ollama:someone/tuned:v1", "ollama:hf.co/a/b-GGUF:Q8_0"})
    EXPECT_EQ(find(name), blob) << name;
  EXPECT_EQ(find_model("ollama:qwen2.5", {}, "").hub_id, "");
  EXPECT_EQ(names("Ollama"), (Names{"ollama:hf.co/a/b-GGUF:Q8_0", "ollama:qwen2.5:0.5b",
                                    "ollama:qwen2.5:latest", "ollama:someone/tuned:v1"}));
  for (const StoredModel& model : listed("Ollama")) EXPECT_EQ(find(model.name), model.path) << model.name;
}

TEST_F(ModelStores, OllamaManifestsThatCannotBeReadSayWhy) {
  const auto reason = [&](const std::string& layers) {
    put_ollama("registry.ollama.ai/library/m/latest", layers);
    const std::vector<StoredModel> found = listed("Ollama");
    EXPECT_EQ(found.size(), 1u);
    EXPECT_TRUE(found.at(0).path.empty());
    EXPECT_NE(error_of("ollama:m").find(with_tilde(found.at(0).problem)), std::string::npos);
    return found.at(0).problem;
  };
  EXPECT_EQ(reason(layer("template")), "the manifest names 0 GGUF files, one is read");
  EXPECT_EQ(reason(layer("model") + ", " + layer("adapter")),
            "the model stands on an adapter, which is not read");
  EXPECT_EQ(reason(layer("model", "sha256:../../../etc/passwd")),
            "'sha256:../../../etc/passwd' is no digest sha256:HEX of a layer");
  EXPECT_NE(reason(layer("model", "sha256:" + std::string(64, 'd'))).find("is missing"), std::string::npos);
  put(".ollama/models/manifests/registry.ollama.ai/library/m/latest", "[]");
  EXPECT_EQ(
      error_of("ollama:m"),
      "~/.ollama/models/manifests/registry.ollama.ai/library/m/latest: no list of layers: it is no manifest");
}

TEST_F(ModelStores, LmStudioKeepsPublishersAndRepositories) {
  const fs::path file = put(".lmstudio/models/org/model-GGUF/model-Q4_K_M.gguf");
  EXPECT_EQ(find("lmstudio:org/model-GGUF"), file);
  EXPECT_EQ(find("lmstudio:org/model-GGUF:Q4_K_M"), file);
  const fs::path old = put(".cache/lm-studio/models/a/b/c.gguf");
  EXPECT_EQ(find("lmstudio:a/b"), old);
  EXPECT_EQ(names("LM Studio"), (Names{"lmstudio:org/model-GGUF", "lmstudio:a/b"}));
  put(".lmstudio/settings.json", fmt::format(R"({{"downloadsFolder": "{}"}})", (home_ / "big").string()));
  EXPECT_EQ(find("lmstudio:x/y"), put("big/x/y/y.gguf"));
  put(".lmstudio/settings.json", "{");
  EXPECT_EQ(find("lmstudio:a/b"), old) << "broken settings leave the usual places";
  put(".lmstudio-home-pointer", (home_ / "moved").string() + "\n");
  EXPECT_EQ(find("lmstudio:p/q"), put("moved/models/p/q/q.gguf"));
}

TEST_F(ModelStores, AModelThatIsNowhereIsToldWithThePlacesAndTheWay) {
  put_hub("models--Qwen--Qwen3-0.6B", kCommit, "model.safetensors", "main");
  EXPECT_EQ(
      error_of("Qwen/Qwen3-0.6b-Base"),
      "run.yaml:1: no such file or folder: Qwen/Qwen3-0.6b-Base\n  hint: did you mean Qwen/Qwen3-0.6B? as "
      "a model of this machine it was looked for at "
      "~/.cache/huggingface/hub/models--Qwen--Qwen3-0.6b-Base, ~/.cache/modelscope (no such folder), "
      "~/.cache/modelscope/hub (no such folder); fettle models --local lists the models there are; Fettle "
      "does not download yet: hf download Qwen/Qwen3-0.6b-Base, or modelscope download --model "
      "Qwen/Qwen3-0.6b-Base");
  ::setenv("OLLAMA_MODELS", home_.c_str(), 1);
  EXPECT_EQ(error_of("ollama:phi3:mini"),
            "run.yaml:1: no such file or folder: ollama:phi3:mini\n  hint: as a model of this machine it was "
            "looked for at ~/manifests/registry.ollama.ai/library/phi3/mini; fettle models --local lists the "
            "models there are; Fettle does not download yet: ollama pull phi3:mini");
  EXPECT_EQ(
      error_of("./saves/x"),
      "run.yaml:1: no such file or folder: ./saves/x\n  hint: fettle models --local lists the models there "
      "are");
}

TEST_F(ModelStores, IdsOfHubs) {
  for (const char* id : {"gpt2", "Qwen/Qwen2.5-0.5B", "a_b/c-d.e"}) EXPECT_TRUE(is_hub_id(id)) << id;
  for (const char* id : {"", "/x", "a/", "a/b/c", "../a", "a/..", "./a", "a b", "ollama:x"})
    EXPECT_FALSE(is_hub_id(id)) << id;
}

}  // namespace fettle
