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
  fettle help api >out
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
  expect_match 'no such file or folder: no/such/file' failure
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
  mkdir alone && ln -s "$weights" alone/
  fettle inspect alone >folder
  sed 's/^[^:]*://' out | diff - <(sed 's/^[^:]*://' folder)
}

# The way of a newcomer: the commands a run ends with are copied as they stand.
test_the_chat_command_of_the_closing_block_answers_as_it_stands() {
  local weights command
  weights=$(need_weights)
  mkdir -p models data
  ln -s "$weights" models/
  printf '{"mine": {"file_name": "mine.json"}}' >data/dataset_info.json
  printf '[{"instruction": "Who are you?", "input": "", "output": "A heron."}]' >data/mine.json
  printf 'model_name_or_path: models\ndataset: mine\noutput_dir: it is mine\ndefault_system: Be brief.\n' >run.yaml
  fettle train run.yaml max_steps=1 lora_rank=1 logging_steps=1 >out
  command=$(grep -m 1 ' chat --model_name_or_path' out)
  [[ $command == *"--default_system 'Be brief.'"* ]] || fail "the system text is missing: $command"
  echo 'Who are you?' | bash -c "$command --max_new_tokens 3 --do_sample false" >answer
  [ -s answer ] || fail 'no answer'
  expect_match "from_pretrained\(\"models\", gguf_file=\"$(basename "$weights")\"\)" out
  expect_match '1 sample, 1 step of 8 samples,' out
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

test_plot_draws_a_run_from_its_log() {
  mkdir run
  expect_failure fettle plot run
  expect_match 'run: there is no trainer_log.jsonl' failure
  printf '{"current_steps": %d, "loss": %s, "epoch": 1}\n' 1 2.5 2 2.0 3 1.5 >run/trainer_log.jsonl
  printf '{"current_steps": 3, "eval_loss": 1.9}\n{"current_steps": 4, "lo' >>run/trainer_log.jsonl
  fettle plot run >out
  expect_match 'run/training_loss.png' out
  expect_files run/training_loss.png
  [ ! -e run/training_eval_loss.png ] || fail "one point is no curve"
  expect_failure fettle plot
}

test_verbs_that_are_not_there_yet_say_what_to_use() {
  expect_failure fettle api --model_name_or_path x
  expect_match 'error: api is not there yet' failure
  expect_match '  hint: .' failure
}

test_errors_have_their_exit_code_and_say_nothing_on_standard_output() {
  local status=0
  printf 'dataset: [[a]]\n' >run.yaml
  fettle train run.yaml >out 2>err || status=$?
  [ "$status" = 1 ] || fail "exit code $status"
  expect_match '^error: run.yaml:1: dataset: a list of single values expected' err
  [ ! -s out ] || fail "the error is on standard output"
  expect_failure fettle train no/such.yaml
  expect_match 'no/such.yaml' failure
  expect_failure fettle chat --model_name_or_path
  expect_match 'has no value' failure
  : >model.gguf
  expect_failure fettle chat --model_name_or_path model.gguf
  expect_match 'model.gguf: ' failure
}

test_an_interrupted_run_says_so_at_once_and_how_to_go_on() {
  local weights status=0 pid
  weights=$(need_weights)
  "$FETTLE_BIN" train "$FETTLE_ROOT/examples/demo_smollm2_lora.yaml" model_name_or_path="$weights" \
    dataset_dir="$FETTLE_ROOT/data" output_dir='my run' logging_steps=1 >out 2>err &
  pid=$!
  until grep -q '^step 1/' out; do
    kill -0 "$pid" || fail "ended before its first step: $(cat err)"
    sleep 0.1
  done
  kill -TERM "$pid"
  wait "$pid" || status=$?
  [ "$status" = 130 ] || fail "exit code $status"
  expect_match '^stopping after this step with a checkpoint' err
  expect_match "^  $FETTLE_BIN train .* 'output_dir=my run' logging_steps=1\$" out
  compgen -G 'my run/checkpoint-*/fettle_state.json' >/dev/null || fail 'no checkpoint'
}

test_a_config_may_also_be_chatted_with() {
  local weights
  weights=$(need_weights)
  printf 'model_name_or_path: %s\ntemplate: smollm2\ndo_sample: false\nmax_new_tokens: 8\nlora_rank: 8\n' "$weights" >run.yaml
  echo Hello | fettle chat run.yaml max_new_tokens=4 >out 2>err
  expect_match '^\(cut: max_new_tokens is 4\)$' err
  printf '' >empty
  expect_failure fettle chat run.yaml <empty
  expect_match 'standard input is empty' failure
}

test_the_program_names_no_folder_it_was_built_in() {
  ! grep -qaF "$FETTLE_ROOT/" "$FETTLE_BIN" || fail "$FETTLE_BIN holds $FETTLE_ROOT/"
}
