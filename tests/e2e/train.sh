# Training the real SmolLM2: output folder, determinism, resuming. Skipped where the weights are not.

train_smollm2() {  # train_smollm2 OUTPUT_DIR [key=value…]
  local out=$1
  shift
  need_weights >weights.txt
  fettle train "$FETTLE_ROOT/examples/demo_smollm2_lora.yaml" model_name_or_path="$(cat weights.txt)" \
    dataset_dir="$FETTLE_ROOT/data" max_samples=24 per_device_train_batch_size=2 logging_steps=1 lora_dropout=0.05 \
    output_dir="$out" "$@"
}

same_adapter() { cmp "$1/adapter_model.safetensors" "$2/adapter_model.safetensors"; }

test_train_leaves_llama_factorys_output_folder() {
  train_smollm2 out max_steps=4 save_steps=2 >log.txt
  local file
  for file in adapter_model.safetensors adapter_config.json trainer_log.jsonl trainer_state.json train_results.json \
    all_results.json training_loss.png checkpoint-2/fettle_state.json checkpoint-2/adapter_model.safetensors; do
    [ -s "out/$file" ] || { echo "missing: out/$file"; return 1; }
  done
  grep -q 'trainable params' log.txt
  [ "$(grep -c '"loss"' out/trainer_log.jsonl)" = 4 ]
}

test_one_and_two_threads_give_the_same_bits() {
  train_smollm2 two max_steps=3 >/dev/null
  FETTLE_THREADS=1 train_smollm2 one max_steps=3 >/dev/null
  same_adapter one two
}

# FETTLE_KILLS=100 FETTLE_TEST_LIMIT=3600 for the long form. Kills inside write, flush and rename are SafeHandsTest's.
test_kill_at_random_moments_then_resume_gives_the_same_bits() {
  local wanted=${FETTLE_KILLS:-10} kills=0 runs=0 begin=${EPOCHREALTIME/[.,]/} third delay
  train_smollm2 whole max_steps=24 save_steps=2 >/dev/null
  third=$(((${EPOCHREALTIME/[.,]/} - begin) / 3))  # of a run, in microseconds: on a busy machine later moments
  while [ "$kills" -lt "$wanted" ] && [ "$runs" -lt $((wanted * 6)) ]; do
    runs=$((runs + 1))
    train_smollm2 killed max_steps=24 save_steps=2 >/dev/null 2>&1 &
    local pid=$!
    delay=$((RANDOM * third / 32768))
    sleep "$((delay / 1000000)).$(printf %06d $((delay % 1000000)))"
    if pkill -9 -P "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
    # A run that came to its end is compared and begun again, so that all kills happen.
    if [ -f killed/trainer_state.json ]; then
      same_adapter whole killed
      [ "$kills" = "$wanted" ] || rm -rf killed
    fi
  done
  [ "$kills" = "$wanted" ] || { echo "only $kills kills"; return 1; }
  [ -f killed/trainer_state.json ] || train_smollm2 killed max_steps=24 save_steps=2 >/dev/null
  same_adapter whole killed
  cmp <(grep -o '"loss":[^,]*' whole/trainer_log.jsonl) <(grep -o '"loss":[^,]*' killed/trainer_log.jsonl)
  [ -z "$(find killed -mindepth 1 -name '.*')" ] || { echo "left behind:"; find killed -mindepth 1 -name '.*'; return 1; }
}

test_an_interrupt_saves_and_the_next_start_resumes() {
  train_smollm2 whole max_steps=12 save_steps=100 >/dev/null
  train_smollm2 stopped max_steps=12 save_steps=100 >log.txt 2>&1 &
  local pid=$!
  until grep -q '"loss"' stopped/trainer_log.jsonl 2>/dev/null; do sleep 0.05; done
  pkill -INT -P "$pid"
  wait "$pid" || true
  ls -d stopped/checkpoint-* >/dev/null
  train_smollm2 stopped max_steps=12 save_steps=100 >/dev/null
  same_adapter whole stopped
}

test_evaluation_alone_gives_the_last_evaluation_again() {
  train_smollm2 out max_steps=4 val_size=4 eval_strategy=steps eval_steps=2 >/dev/null
  local trained
  trained=$(grep '"eval_loss"' out/eval_results.json)
  [ "$(grep -c '"eval_loss"' out/trainer_log.jsonl)" = 2 ]
  [ -s out/training_eval_loss.png ]
  train_smollm2 again val_size=4 do_eval=true do_train=false adapter_name_or_path=out >/dev/null
  [ "$(grep '"eval_loss"' again/eval_results.json)" = "$trained" ]
}

# Time that a run was stopped for is neither its own nor taken for its pace.
test_a_stopped_process_keeps_a_right_remaining_time() {
  local begin=$SECONDS
  train_smollm2 out max_steps=6 >/dev/null 2>&1 &
  local pid=$!
  until [ "$(grep -c '"loss"' out/trainer_log.jsonl 2>/dev/null)" -ge 2 ]; do sleep 0.05; done
  pkill -STOP -P "$pid"
  sleep 8
  pkill -CONT -P "$pid"
  wait "$pid"
  local clock hours minutes seconds
  clock=$(tail -1 out/trainer_log.jsonl | grep -o '"elapsed_time":"[^"]*' | cut -d'"' -f4)
  IFS=: read -r hours minutes seconds <<<"$clock"
  [ $((10#$hours * 3600 + 10#$minutes * 60 + 10#$seconds + 5)) -le $((SECONDS - begin)) ] ||
    { echo "elapsed $clock of $((SECONDS - begin)) seconds, 8 of them stopped"; return 1; }
}
