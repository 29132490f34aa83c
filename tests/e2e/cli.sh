# The command line as a newcomer meets it.

test_alone_it_shows_the_first_three_commands() {
  fettle >out
  expect_match 'fettle train CFG.yaml' out
  expect_match 'fettle chat' out
  expect_match 'fettle help' out
}

test_help_lists_verbs_and_options() {
  fettle help >out
  expect_match '^  train ' out
  fettle train --help >out
  expect_match 'lora_rank \(> 0, default 8\)' out
  fettle help export >out
  expect_match 'Not there yet' out
}

test_an_unknown_verb_is_answered_with_the_nearest() {
  local status=0
  fettle trian 2>err || status=$?
  [ "$status" = 2 ] || fail "exit code $status"
  expect_match 'Did you mean train\?' err
}

test_errors_name_file_line_and_key() {
  printf 'model_name_or_path: x\nlora_rnak: 8\n' >run.yaml
  expect_failure fettle train run.yaml
  expect_match 'run.yaml:2: unknown key' failure
  expect_match 'did you mean lora_rank\?' failure
  expect_failure fettle train --dataset d
  expect_match 'model_name_or_path is missing' failure
  expect_failure fettle inspect no/such/file
  expect_match 'no/such/file: no such file' failure
}

test_env_names_the_kernels_and_isa_is_forced() {
  fettle env >out
  expect_match '^kernels +(generic|avx2|avx512|avx512bf16)' out
  FETTLE_ISA=generic fettle env >out
  expect_match '^kernels +generic by FETTLE_ISA' out
  FETTLE_ISA=fast expect_failure fettle env
  expect_match 'FETTLE_ISA' failure
}

test_inspect_knows_the_real_model() {
  local weights
  weights=$(need_weights)
  fettle inspect "$weights" >out
  expect_match '^family +llama' out
  expect_match '^parameters +134,515,008' out
  expect_match 'template: smollm2' out
  expect_match 'Q4_1 +210 tensors' out
}

test_chat_answers_one_prompt_from_standard_input() {
  local weights
  weights=$(need_weights)
  echo 'What is the capital of France?' |
    fettle chat --model_name_or_path "$weights" --do_sample false --infer_dtype float32 --max_new_tokens 30 >out 2>err
  expect_match 'Paris' out
  [ "$(wc -l <out)" = 1 ] || fail "more than the answer on standard output"
  expect_match 'template: smollm2 \(not set' err
}

test_installed_under_both_names() {
  cmake --install "$(dirname "$FETTLE_BIN")/../.." --prefix "$PWD/usr" >/dev/null
  usr/bin/llamafactory-cli version >out
  expect_match '^fettle [0-9]' out
}
