# Every misuse ends with one message: what, where, found, expected, what to do. Cases are in tests/cases/misuse/*.case:
#
#   # what the user did
#   shell lines that lay it out, in an empty folder with `model` (tiny) and `data` (two good samples)
#   $ fettle …                       the command
#   the output it must give, word by word; "(exit code 0)" behind it where a word of help is all that is wanted
#
# FETTLE_ACCEPT=1 writes what was given into the cases, to be read before it is committed.

lay_out() {
  "$FETTLE_TOOLS/tiny_model" model
  export HOME=$PWD OLLAMA_MODELS=$PWD/.ollama/models  # no stores of this machine
  unset HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE XDG_CACHE_HOME MODELSCOPE_CACHE
  mkdir data
  printf '{"good": {"file_name": "good.json"}}\n' >data/dataset_info.json
  printf '[{"instruction": "a", "input": "", "output": "b"},\n {"instruction": "c", "input": "", "output": "d"}]\n' >data/good.json
  printf 'model_name_or_path: model\ndataset: good\ntemplate: alpaca\noutput_dir: out\nmax_steps: 1\n' >run.yaml
}

# run_case FILE: its output goes to `given`, what is expected to `expected`
run_case() {
  local command status=0
  mkdir case
  (
    cd case
    lay_out
    awk '/^\$ / { exit } NR > 1' "$1" >../setup
    . ../setup
    command=$(sed -n 's/^\$ //p' "$1")
    eval "$command" >../given 2>&1 || status=$?
    [ "$status" -eq 1 ] || echo "(exit code $status)" >>../given
    [ ! -e out ] || echo "(something was written to out)" >>../given
  )
  # Folders and amounts of memory are not the same twice.
  sed -Ei "s|$PWD/case|FOLDER|g; s/[0-9.]+ [KMG]iB/SOME MiB/g" given
  sed '1,/^\$ /d' "$1" >expected
  rm -rf case
}

test_every_misuse_ends_with_its_message() {
  local file bad=0
  for file in "$FETTLE_ROOT"/tests/cases/misuse/*.case; do
    run_case "$file"
    if [ -n "${FETTLE_ACCEPT:-}" ]; then
      sed -i '/^\$ /q' "$file"
      cat given >>"$file"
    elif ! diff expected given >difference; then
      bad=$((bad + 1))
      echo "$(basename "$file"): $(head -n 1 "$file")"
      cat difference
    fi
  done
  [ "$bad" -eq 0 ] || fail "$bad messages are not as they should be"
}
