# Models in the stores of other programs, read where they lie.

# A tiny model in every store of a home folder of its own.
lay_out() {
  local hub=.cache/huggingface/hub/models--Fettle--Tiny-0.1B commit=0123456789abcdef0123456789abcdef01234567 file digest
  export HOME=$PWD
  unset HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE XDG_CACHE_HOME MODELSCOPE_CACHE OLLAMA_MODELS
  "$FETTLE_TOOLS/tiny_model" model
  fettle export --model_name_or_path model --export_dir gguf --export_format gguf-f16 >/dev/null
  mkdir -p "$hub/blobs" "$hub/snapshots/$commit" "$hub/refs"
  for file in model/*; do
    cp "$file" "$hub/blobs/$(sha256sum "$file" | cut -d ' ' -f 1)"
    ln -s "../../blobs/$(sha256sum "$file" | cut -d ' ' -f 1)" "$hub/snapshots/$commit/$(basename "$file")"
  done
  printf '%s' "$commit" >"$hub/refs/main"
  digest=$(sha256sum gguf/*.gguf | cut -d ' ' -f 1)
  mkdir -p .ollama/models/blobs .ollama/models/manifests/registry.ollama.ai/library/tiny
  cp gguf/*.gguf ".ollama/models/blobs/sha256-$digest"
  printf '{"schemaVersion": 2, "layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:%s"}]}' \
    "$digest" >.ollama/models/manifests/registry.ollama.ai/library/tiny/0.1b
  mkdir -p .lmstudio/models/fettle/tiny-GGUF .cache/modelscope/hub/models/Fettle
  cp gguf/*.gguf .lmstudio/models/fettle/tiny-GGUF/tiny-F16.gguf
  cp -r model .cache/modelscope/hub/models/Fettle/Tiny-0___2B
  rm -r model gguf
  mkdir data
  printf '{"set": {"file_name": "set.jsonl"}}\n' >data/dataset_info.json
  printf '{"instruction": "a", "input": "", "output": "b"}\n' >data/set.jsonl
}

test_models_of_every_store_are_listed_and_trained_on_in_place() {
  local name before
  lay_out
  fettle models --local >log.txt
  expect_match '^  Fettle/Tiny-0.1B +[0-9.]+ KiB  llama, 0.[0-9]+ M parameters, F32$' log.txt
  expect_match '^  Fettle/Tiny-0.2B +[0-9.]+ KiB  llama' log.txt
  expect_match '^  ollama:tiny:0.1b +[0-9.]+ KiB  llama, 0.[0-9]+ M parameters, F16$' log.txt
  expect_match '^  lmstudio:fettle/tiny-GGUF +[0-9.]+ KiB  llama' log.txt
  before=$(find .cache .ollama .lmstudio | sort)
  for name in Fettle/Tiny-0.1B Fettle/Tiny-0.2B ollama:tiny:0.1b lmstudio:fettle/tiny-GGUF; do
    fettle train --model_name_or_path "$name" --dataset set --template alpaca --max_steps 1 --check_model false \
      --output_dir out --overwrite_output_dir >log.txt
    expect_match "^$name is read from $HOME/\.(cache|ollama|lmstudio)/" log.txt
    expect_files out/adapter_model.safetensors
  done
  [ "$before" = "$(find .cache .ollama .lmstudio | sort)" ] || fail "a store was changed"
  fettle train --model_name_or_path Fettle/Tiny-0.1B --dataset set --template alpaca --max_steps 1 --check_model false >log.txt
  expect_match '"base_model_name_or_path": "Fettle/Tiny-0.1B"' saves/Tiny-0.1B/lora/adapter_config.json
  fettle inspect ollama:tiny:0.1b >log.txt
  expect_match 'GGUF' log.txt
}

test_models_says_what_cannot_be_read_and_what_to_do_where_there_is_none() {
  export HOME=$PWD OLLAMA_MODELS=$PWD/ollama HF_HOME=$PWD/hf
  unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE MODELSCOPE_CACHE
  fettle models --local >log.txt
  expect_match '^No models' log.txt
  expect_match '^  ollama pull NAME' log.txt
  mkdir -p hf/hub/models--google--bert/{refs,snapshots/0123456789abcdef0123456789abcdef01234567}
  printf 0123456789abcdef0123456789abcdef01234567 >hf/hub/models--google--bert/refs/main
  fettle models >log.txt
  expect_match '^  google/bert  not read: no safetensors and no GGUF file' log.txt
  printf '{"architectures": ["BertModel"]}' >hf/hub/models--google--bert/snapshots/0123456789abcdef0123456789abcdef01234567/config.json
  touch hf/hub/models--google--bert/snapshots/0123456789abcdef0123456789abcdef01234567/model.safetensors
  fettle models --local >log.txt
  expect_match "^  google/bert  not read: architecture 'BertModel' is not a model family" log.txt
  expect_failure fettle models --remote
}
