# Helpers of the end-to-end tests (sourced by run, inside each test's own bash).
#   fettle …                     the program under test
#   $FETTLE_ROOT                 the tree; the working directory is an empty folder
#   weights=$(need_weights)      path of the real model; skips the test where it cannot be had
set -E  # a failing command inside a function is named too
trap '[ $? -eq 77 ] || echo "line $LINENO of ${BASH_SOURCE[0]}: $BASH_COMMAND" >&2' ERR

fettle() { "$FETTLE_BIN" "$@"; }

fail() {
  echo "$*" >&2
  exit 1
}

skip() {
  echo "$*" >&2
  exit 77
}

need_weights() {
  [ -n "$FETTLE_WEIGHTS" ] || skip "the weights of SmolLM2 are neither in the cache nor to be fetched"
  echo "$FETTLE_WEIGHTS"
}

# expect_match REGEX FILE, expect_no_match REGEX FILE
expect_match() { grep -qE -e "$1" "$2" || fail "no line of $2 matches: $1"$'\n'"$(head -n 20 "$2")"; }
expect_no_match() { ! grep -nE -e "$1" "$2" || fail "a line of $2 matches: $1"; }

# expect_files PATH…: exist and are not empty
expect_files() {
  local path
  for path in "$@"; do [ -s "$path" ] || fail "missing or empty: $path"; done
}

# expect_failure COMMAND…: must exit with a code of its own (not by a signal); its output is left in the file `failure`.
expect_failure() {
  local status=0
  "$@" >failure 2>&1 || status=$?
  [ "$status" -ne 0 ] || fail "succeeded, but must not: $*"
  [ "$status" -lt 126 ] || fail "died with status $status: $*"
}
