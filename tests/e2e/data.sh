# fettle data and a dry run, on a tiny model.

lay_out() {
  "$FETTLE_TOOLS/tiny_model" model
  mkdir data
  printf '{"set": {"file_name": "set.jsonl"}}\n' >data/dataset_info.json
  printf '{"instruction": "%s", "input": "", "output": "%s"}\n' a b c d c d "e f" "" >data/set.jsonl
  printf 'model_name_or_path: model\ndataset: set\ntemplate: alpaca\noutput_dir: out\nmax_steps: 1\n' >run.yaml
}

test_data_names_what_is_wrong_by_line() {
  lay_out
  fettle data run.yaml report_file=report.json >log.txt
  expect_match 'data/set.jsonl +4 samples' log.txt
  expect_match 'duplicate \(1\)' log.txt
  expect_match 'data/set.jsonl:3: the same as data/set.jsonl:2' log.txt
  expect_match 'empty_answer \(1\)' log.txt
  expect_match '【b' log.txt
  expect_match '"duplicate": 1' report.json
  expect_failure fettle data run.yaml fail_on=duplicate
  fettle data run.yaml --fail-on leak,encoding >/dev/null
  expect_failure fettle data run.yaml fail_on=dupes
  expect_match "fail_on: 'dupes' is no kind of finding" failure
  [ ! -e out ] || fail "something was written"
}

test_a_dry_run_shows_template_samples_and_memory_and_writes_nothing() {
  lay_out
  fettle train run.yaml --dry-run >log.txt
  expect_match '^Template  alpaca' log.txt
  expect_match '【b' log.txt
  expect_match 'at the peak' log.txt
  expect_match 'Nothing was trained and nothing written' log.txt
  expect_no_match 'step 1' log.txt
  [ ! -e out ] || fail "something was written"
}
