# The lesson's files and commands as they stand there, but for the model's name and the size of the model.

# A quantised GGUF, since the lesson asks for 4 bits, and the lesson's registration of its data.
lay_out_lesson() {
  "$FETTLE_TOOLS/tiny_model" folder
  fettle export --model_name_or_path folder --export_dir tiny --export_format gguf-q8_0 --template qwen >/dev/null
  mkdir data
  cat >data/dataset_info.json <<'JSON'
{
  "your_dataset_name": {
    "file_name": "data/medical.json",
    "columns": {
      "prompt": "instruction",
      "response": "output"
    }
  }
}
JSON
  cat >data/medical.json <<'JSON'
[
  {"instruction": "什么是高血压？", "input": "", "output": "高血压是指动脉血压持续升高。"},
  {"instruction": "感冒了怎么办？", "input": "发烧 38 度", "output": "多喝水，多休息。"},
  {"instruction": "What is anaemia?", "input": "", "output": "Too few red blood cells."}
]
JSON
}

expect_the_lessons_run() {
  expect_match '^none of do_train, do_eval and do_predict is set: training' log.txt
  expect_match 'data/data/medical.json does not exist; reading data/medical.json from the working folder' log.txt
  expect_match '^warning: .*text in "input" \(1 records\).*add "query": "input"' log.txt
  expect_match 'quantization_bit: 4 changes nothing: the base is quantised already \(Q8_0\)' log.txt
  expect_match '^3 samples, 3 steps of 16 samples' log.txt
  expect_files saves/qwen2-7b-lora/adapter_model.safetensors saves/qwen2-7b-lora/trainer_log.jsonl
  expect_match '"r": 64' saves/qwen2-7b-lora/adapter_config.json
}

test_the_lessons_yaml_trains() {
  lay_out_lesson
  cat >qwen2_lora.yaml <<'YAML'
model_name_or_path: tiny/tiny-Q8_0.gguf
dataset_dir: data
dataset: your_dataset_name
finetuning_type: lora
template: qwen
output_dir: saves/qwen2-7b-lora
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
learning_rate: 2e-5
num_train_epochs: 3
lora_rank: 64
quantization_bit: 4
YAML
  fettle train qwen2_lora.yaml check_model=false >log.txt 2>&1  # nothing can be checked of random weights
  expect_the_lessons_run
}

test_the_lessons_command_line_trains() {
  lay_out_lesson
  ln -s "$FETTLE_BIN" llamafactory-cli
  CUDA_VISIBLE_DEVICES=0 ./llamafactory-cli train --stage sft --model_name_or_path tiny/tiny-Q8_0.gguf \
    --dataset your_dataset_name --template qwen \
    --finetuning_type lora --lora_rank 64 --per_device_train_batch_size 2 --gradient_accumulation_steps 8 \
    --learning_rate 2e-5 --num_train_epochs 3 \
    --quantization_bit 4 --output_dir saves/qwen2-7b-lora --check_model false >log.txt 2>&1
  expect_the_lessons_run
}

test_the_lessons_copy_of_an_example_trains() {
  "$FETTLE_TOOLS/tiny_model" model
  mkdir configs
  cp -r "$FETTLE_ROOT/examples" "$FETTLE_ROOT/data" .
  cp examples/train_lora/llama3_lora_sft.yaml configs/qwen2_lora.yaml
  sed -i 's|^model_name_or_path: .*|model_name_or_path: model|' configs/qwen2_lora.yaml
  fettle train configs/qwen2_lora.yaml max_samples=8 check_model=false >log.txt 2>&1
  expect_files saves/llama3-8b/lora/sft/adapter_model.safetensors
}
