# Sourced by dev, .ci/run, tools/* and tests/e2e/run; they start in the root of the tree.

root=$(pwd)
build_root=${FETTLE_BUILD_DIR:-build}  # release; the other kinds lie beside it: build-debug, build-asan, build-tsan
cache_dir=${FETTLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fettle}

say() { printf '%s\n' "$@"; }  # one line for each argument
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# step WHAT COMMAND…: output goes to a log that is shown only when the command fails. A step that takes longer than two
# seconds says what it does.
step() {
  local what=$1 log start=$SECONDS status=0 watcher
  shift
  mkdir -p "$build_root/logs"
  log=$build_root/logs/$(tr -cs 'a-zA-Z0-9\n' '-' <<<"$what").log
  { sleep 2 >/dev/null && say "$what …"; } 2>/dev/null &
  watcher=$!
  "$@" >"$log" 2>&1 || status=$?
  kill "$watcher" 2>/dev/null && wait "$watcher" 2>/dev/null || true
  if [ "$status" -ne 0 ]; then
    grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n "${FETTLE_LOG_LINES:-60}"
    say "failed: $what (all of it: $log)"
  elif [ $((SECONDS - start)) -gt 2 ]; then
    say "  done in $((SECONDS - start)) s"
  fi
  return "$status"
}

# What every check adds to, and the line a caller sums: "N passed, N failed".
passed=0 failed=0
count_pass() { passed=$((passed + ${1:-1})); }
count_fail() { failed=$((failed + ${1:-1})); }
print_counts() {
  say "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# count_check NAME COMMAND…: one check that passes or fails as a whole.
count_check() {
  local name=$1
  shift
  if step "$name" "$@"; then count_pass; else count_fail; fi
}

# count_run COMMAND…: a command whose last line is "N passed, N failed"; one that does not get that far is a failure.
count_run() {
  local out status=0 line
  out=$(mktemp)
  "$@" 2>&1 | tee "$out" | sed '$ { /passed, [0-9]* failed$/d }' || status=$?
  line=$(tail -n 1 "$out")
  rm -f "$out"
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    count_pass "${BASH_REMATCH[1]}"
    count_fail "${BASH_REMATCH[2]}"
    [ "$status" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || count_fail
  else
    count_fail
  fi
}

# The first finding ends the program, with names and lines: binutils' addr2line reads them where clang's own tool is missing.
sanitizer_options() {
  local names=external_symbolizer_path=/usr/bin/addr2line
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1:$names}
  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:$names}
  export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:$names}
  export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$root/tests/lsan.supp}
}

# The project's files: what git tracks, or in a tarball everything outside the build folders.
tracked_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files "$@"
  else
    find . -path './build*' -prune -o -path ./saves -prune -o -type f -print | sed 's|^\./||'
  fi
}
source_files() { tracked_files | grep -E '^(src|tests|bench)/.*\.(h|cpp|inl)$'; }

# An active conda environment changes compilers, flags and search paths; nothing of it may reach the build.
leave_conda() {
  local prefix=${CONDA_PREFIX:-} entry clean=
  [ -n "$prefix" ] || return 0
  local IFS=:
  for entry in $PATH; do
    case $entry in "$prefix"/* | */miniconda3/* | */anaconda3/* | */miniforge3/* | /opt/conda/*) continue ;; esac
    clean+=${clean:+:}$entry
  done
  export PATH=$clean
  unset CONDA_PREFIX CONDA_DEFAULT_ENV PYTHONHOME PKG_CONFIG_PATH CPATH LIBRARY_PATH LD_LIBRARY_PATH CMAKE_PREFIX_PATH \
    CMAKE_ARGS CC CXX CPP LD AR NM RANLIB CFLAGS CXXFLAGS CPPFLAGS LDFLAGS
}
