# From a model and a file to a run, by the commands that fettle init prints.

test_the_next_commands_run() {
  local command
  "$FETTLE_TOOLS/tiny_model" model
  printf '{"question": "a", "answer": "b"}\n{"question": "c", "answer": "d"}\n' >mine.jsonl
  fettle init --model model --dataset mine.jsonl --template alpaca --check_model false >log.txt
  expect_match '^cutoff_len: 64 +# the longest sample has [0-9]+ tokens$' mine.yaml
  expect_match '"prompt": "question"' dataset_info.json
  grep '^  fettle ' log.txt | sed 's/   .*//' >commands
  [ "$(wc -l <commands)" -eq 3 ] || fail "three commands expected: $(cat commands)"
  while read -r command; do
    eval "$command" >log.txt || fail "$command: $(cat log.txt)"
  done <commands
  expect_files saves/mine/adapter_model.safetensors
}

test_an_example_is_copied_with_its_data() {
  fettle init --from train_lora/llama3_lora_sft >log.txt
  expect_files llama3_lora_sft.yaml data/identity.json data/alpaca_en_demo.json data/dataset_info.json
  "$FETTLE_TOOLS/tiny_model" model
  fettle train llama3_lora_sft.yaml model_name_or_path=model --dry-run >log.txt
  expect_match '^warning: dataset identity: 91 of 91 samples hold' log.txt
  expect_failure fettle init --from train_lora/llama3_lora_sft
  expect_match 'stands there already' failure
}
