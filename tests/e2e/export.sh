# fettle export on the real SmolLM2: both containers, what is refused, and that nothing half-written stays. Skipped where
# the weights are not.

export_smollm2() {  # export_smollm2 [key=value…]: base and adapter of make_adapter
  fettle export model.yaml "$@"
}

make_adapter() {
  need_weights >weights.txt
  fettle train "$FETTLE_ROOT/examples/demo_smollm2_lora.yaml" model_name_or_path="$(cat weights.txt)" \
    dataset_dir="$FETTLE_ROOT/data" max_samples=8 per_device_train_batch_size=2 max_steps=2 learning_rate=1e-3 \
    output_dir=adapter >/dev/null
  printf 'model_name_or_path: %s\nadapter_name_or_path: adapter\ntemplate: smollm2\nexport_device: cpu\n' \
    "$(cat weights.txt)" >model.yaml
}

answer() {  # answer [--key value…]: the first words of a greedy answer in f32
  echo 'Name three colours.' | fettle chat --template smollm2 --do_sample false --max_new_tokens 16 --infer_dtype float32 "$@" 2>/dev/null
}

test_a_merged_folder_answers_as_base_and_adapter() {
  make_adapter
  export_smollm2 export_dir=merged infer_dtype=float32 >log.txt
  expect_files merged/config.json merged/generation_config.json merged/model.safetensors merged/tokenizer.json \
    merged/tokenizer_config.json merged/Modelfile
  expect_match 'Merged     adapter into 210 of 272 tensors' log.txt
  answer --model_name_or_path merged >merged.txt
  answer --model_name_or_path "$(cat weights.txt)" --adapter_name_or_path adapter >adapter.txt
  answer --model_name_or_path "$(cat weights.txt)" >base.txt
  [ -s merged.txt ] || fail "no answer"
  cmp merged.txt adapter.txt
}

test_a_merged_gguf_answers_as_the_folder_and_is_what_its_name_says() {
  make_adapter
  export_smollm2 export_dir=g32 export_format=gguf-f32 >/dev/null
  export_smollm2 export_dir=q8 export_format=gguf-q8_0 >log.txt
  expect_files g32/g32-F32.gguf q8/q8-Q8_0.gguf q8/Modelfile
  expect_match 'FROM ./q8-Q8_0.gguf' q8/Modelfile
  expect_match '  llama-cli -m .*/q8/q8-Q8_0.gguf$' log.txt
  fettle inspect q8/q8-Q8_0.gguf >inspect.txt
  expect_match 'Q8_0 +211 tensors' inspect.txt
  expect_match 'F32 +61 tensors' inspect.txt
  answer --model_name_or_path g32 >g32.txt
  answer --model_name_or_path "$(cat weights.txt)" --adapter_name_or_path adapter >adapter.txt
  cmp g32.txt adapter.txt
}

# A folder made from the GGUF is a base like any other: its GGUF is the same file as the one made at once.
test_a_folder_becomes_the_same_gguf() {
  make_adapter
  export_smollm2 export_dir=folder infer_dtype=float32 >/dev/null
  export_smollm2 export_dir=m export_format=gguf-f32 >/dev/null
  fettle export --model_name_or_path folder --export_dir again --export_format gguf-f32 >log.txt
  expect_match 'Merged     nothing' log.txt
  cmp <(fettle inspect m/m-F32.gguf --tensors | tail -n +2) <(fettle inspect again/again-F32.gguf --tensors | tail -n +2)
  answer --model_name_or_path again >again.txt
  answer --model_name_or_path m >m.txt
  cmp m.txt again.txt
}

test_export_refuses_by_name_and_leaves_what_was_there() {
  make_adapter
  expect_failure export_smollm2
  expect_match 'export_dir is missing' failure
  mkdir merged
  echo mine >merged/notes.txt
  expect_failure export_smollm2 export_dir=merged
  expect_match 'export_dir is not empty' failure
  expect_match 'overwrite_output_dir: true' failure
  expect_failure export_smollm2 export_dir=adapter overwrite_output_dir=true
  expect_match 'which is needed' failure
  mkdir merged/photos
  expect_failure export_smollm2 export_dir=merged overwrite_output_dir=true
  expect_match 'holds the folder photos' failure
  expect_failure export_smollm2 export_dir=new export_legacy_format=true
  expect_match 'can run code' failure
  expect_failure export_smollm2 export_dir=new export_quantization_bit=4
  expect_match 'gguf-q8_0' failure
  [ ! -e new ] || fail "something was written"
  expect_files merged/notes.txt
  rm -r merged/photos
  export_smollm2 export_dir=merged overwrite_output_dir=true export_format=gguf-q8_0 >/dev/null
  [ ! -e merged/notes.txt ] || fail "the folder was not replaced whole"
  expect_files merged/merged-Q8_0.gguf
}

test_an_adapter_of_another_base_is_named() {
  make_adapter
  sed -i 's/"q_proj"/"q_proj_2"/' adapter/adapter_config.json
  expect_failure export_smollm2 export_dir=new
  expect_match 'target_modules names q_proj_2' failure
  [ ! -e new ] || fail "something was written"
}

test_an_interrupted_export_leaves_nothing() {
  make_adapter
  printf 'kept\n' >before.txt
  FETTLE_THREADS=1 fettle export model.yaml export_dir=out/merged infer_dtype=float32 >log.txt 2>&1 &
  local pid=$!
  until compgen -G 'out/.merged.tmp-*/*' >/dev/null; do sleep 0.01; done
  pkill -INT -P "$pid" || true
  wait "$pid" && skip "it was done before the signal"
  expect_match 'stopped; nothing was left behind' log.txt
  [ -z "$(ls -A out)" ] || fail "left behind: $(ls -A out)"
}
