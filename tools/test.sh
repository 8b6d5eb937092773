#!/bin/bash
# Installs what is missing, builds, and runs all tests. The last line counts them: "N passed, M failed".
#
# usage: tools/test.sh [STAGE...]    without names, all stages; their order is that of `all_stages`
# FUZZ_SECONDS (60) is the time of each fuzzer, FUZZ_SEED (1) where it starts, 0 for somewhere new; RANDOM_PROGRAMS
# (2000) is their number; TIDY=changed checks only what differs from origin/main.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

all_stages=(setup layers format build unit conformance random nile readme python asan fuzz tsan tidy)
export CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions="$PWD/tools/leaks.txt":print_suppressions=0
export TSAN_OPTIONS=suppressions="$PWD/tools/races.txt"
cores=$(nproc)
logs=build/logs
mkdir -p "$logs"
passed=0
failed=0
summary=()

# count PASSED FAILED: adds to the totals.
count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

# one LABEL COMMAND...: a test that is one command.
one() {
  local label=$1
  shift
  if "$@"; then
    count 1 0
  else
    count 0 1
    echo "FAILED: $label"
  fi
}

# quiet NAME COMMAND...: runs a long command with its output in a log, and shows its latest line now and then.
quiet() {
  local log="$logs/$1.log" waited=0
  shift
  "$@" >"$log" 2>&1 &
  local child=$!
  while kill -0 "$child" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    if [ $((waited % 30)) -eq 0 ]; then echo "  ${waited} s: $(tail -n 1 "$log" | cut -c 1-110)"; fi
  done
  wait "$child"
  local status=$?
  if [ "$status" -ne 0 ]; then
    grep -E "error|FAILED|undefined reference" "$log" | head -n 20
    echo "  ... the end of $log:"
    tail -n 25 "$log"
  fi
  return "$status"
}

# compile PRESET TARGET...: configures and builds; the options of cmake come from `configure_options`.
configure_options=()
compile() {
  local preset=$1
  shift
  local targets=()
  if [ $# -gt 0 ]; then targets=(--target "$@"); fi
  quiet "configure-$preset" cmake --preset "$preset" "${configure_options[@]}" &&
    quiet "build-$preset" cmake --build "build/$preset" --parallel "$cores" "${targets[@]}"
}

# googletests FOLDER NAME...: runs test programs and counts what they say; one that dies counts as a failure.
googletests() {
  local folder=$1 name
  shift
  for name in "$@"; do
    local label log status good bad
    label="$(basename "$(dirname "$folder")")-$name"
    log="$logs/$label.log"
    quiet "$label" timeout 1200 "$folder/$name" --gtest_brief=0 "${test_options[@]}"
    status=$?
    good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -n 1)
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -n 1)
    # A program that dies, or that ran no test, has failed.
    if [ -z "$bad" ] && { [ "$status" -ne 0 ] || [ "${good:-0}" -eq 0 ]; }; then bad=1; fi
    count "${good:-0}" "${bad:-0}"
    echo "  $label: ${good:-0} passed, ${bad:-0} failed"
  done
}
test_options=()

# check ARGUMENTS...: jaxc check on programs with data.
check() {
  local log="$logs/check.log" last good bad
  timeout 1200 build/debug/tools/jaxc check "$@" >"$log" 2>&1
  last=$(tail -n 1 "$log")
  good=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' <<<"$last")
  bad=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' <<<"$last")
  # No programs, or no closing line, is a failure too.
  if [ "${good:-0}" -eq 0 ] && [ "${bad:-0}" -eq 0 ]; then good=0 bad=1; fi
  echo "  jaxc check $*: $good passed, $bad failed"
  if [ "$bad" -ne 0 ]; then grep -v " passed, " "$log" | cut -c 1-160 | head -n 40; fi
  count "$good" "$bad"
}

stage_setup() {
  one setup tools/setup.sh
}

stage_layers() {
  one layers python3 tools/check_layers.py
}

sources() {
  git ls-files -- "*.cpp" "*.h" ':!tests/data'
}

stage_format() {
  # shellcheck disable=SC2046
  one format clang-format-19 --dry-run -Werror $(sources)
}

stage_build() {
  configure_options=()
  one "build with warnings as errors" compile debug
}

stage_unit() {
  test_options=()
  googletests build/debug/tests test_ir test_compiler test_reference test_llvm test_spirv test_session
}

# The GPU runs under the validation layers too: what they say is an error.
stage_conformance() {
  local backend
  for backend in eval reference cpu gpu; do
    check tests/data/conformance --backend "$backend"
    check tests/data/dlm --backend "$backend"
    check tests/data/extra --backend "$backend"
    check tests/data/regressions --backend "$backend"
  done
  check tests/data/conformance --backend gpu --validate
}

# Random programs against the evaluator; each failing one is printed, made small.
stage_random() {
  local log="$logs/random.log" last good bad
  quiet random timeout 1200 build/debug/tests/random_programs --count "${RANDOM_PROGRAMS:-2000}" --save "$logs/random"
  last=$(tail -n 1 "$log")
  good=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed.*/\1/p' <<<"$last")
  bad=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed.*/\1/p' <<<"$last")
  # Programs are refused now and then; most must run.
  if [ "${good:-0}" -lt $((${RANDOM_PROGRAMS:-2000} * 9 / 10)) ]; then good=${good:-0} bad=$((${bad:-0} + 1)); fi
  echo "  random programs: $last"
  count "$good" "$bad"
}

nile() {
  build/debug/tools/jaxc run examples/nile/nile.jaxpr --data examples/nile/nile.safetensors \
    --out build/nile-results.safetensors &&
    build/debug/examples/nile_plot build/nile-results.safetensors examples/nile/nile.safetensors build/nile.svg
}

stage_nile() {
  check examples/nile --rtol 1e-9
  one "the Nile's fit and plot" nile
}

# Compiles the project's own file only: the library is this one, built elsewhere.
embed() {
  cmake -S tests/embed -B build/embed -G Ninja && cmake --build build/embed --target CMakeFiles/embed.dir/main.cpp.o
}

stage_readme() {
  one "the README's example" quiet readme tools/readme_example.sh build/debug
  one "a project that embeds jaxc" quiet embed embed
}

# make_environment FOLDER JAX: a virtual environment with that JAX.
make_environment() {
  [ -x "$1/bin/pytest" ] || {
    python3 -m venv "$1" && "$1/bin/pip" install -q "$2" numpy pytest equinox safetensors
  }
}

# The oldest JAX that export supports, and the newest that installs here.
stage_python() {
  local jax environment last good bad
  for jax in jax==0.4.30 jax; do
    environment="build/venv-$jax"
    if ! quiet "venv-$jax" make_environment "$environment" "$jax"; then
      count 0 1
      echo "FAILED: an environment with $jax"
      continue
    fi
    JAXC="$PWD/build/debug/tools/jaxc" quiet "pytest-$jax" timeout 1200 "$environment/bin/python" -m pytest -q \
      -p no:cacheprovider tests/python
    last=$(tail -n 1 "$logs/pytest-$jax.log")
    echo "  $("$environment/bin/python" -c 'import jax; print("JAX", jax.__version__)'): $last"
    good=$(grep -oE "[0-9]+ passed" <<<"$last" | grep -oE "[0-9]+")
    # What is skipped would pass unseen.
    bad=$(grep -oE "[0-9]+ (failed|error|skipped)" <<<"$last" | awk '{ total += $1 } END { print total + 0 }')
    if [ -z "$good" ]; then bad=1; fi
    count "${good:-0}" "${bad:-0}"
  done
}

# One build has the address and undefined-behaviour sanitizers, no Vulkan, and the fuzzers' instrumentation.
stage_asan() {
  configure_options=(-DJAXC_VULKAN=OFF -DJAXC_BENCH=OFF -DJAXC_FUZZ=ON)
  if ! compile asan; then
    count 0 1
    echo "FAILED: build with sanitizers, without Vulkan"
    return
  fi
  count 1 0
  one "a build without Vulkan says that the GPU is absent" grep -q "^no gpu: " \
    <(build/asan/tools/jaxc devices 2>&1)
  test_options=()
  googletests build/asan/tests test_ir test_compiler test_reference test_llvm test_session
}

# fuzz NAME: one fuzzer, from the programs and data of the tests.
fuzz() {
  local name=$1 corpus="build/corpus/$1" dictionary=()
  mkdir -p "$corpus"
  if [ "$name" != safetensors_fuzz ]; then dictionary=(-dict=tests/fuzz/jaxpr.dict); fi
  rm -f "$logs/$name"-{crash,oom,timeout,leak}-*
  timeout $((${FUZZ_SECONDS:-60} + 600)) "build/asan/tests/fuzz/$name" "$corpus" tests/data/conformance \
    tests/data/extra tests/data/regressions "${dictionary[@]}" -max_total_time="${FUZZ_SECONDS:-60}" \
    -seed="${FUZZ_SEED:-1}" -timeout=40 -rss_limit_mb=4096 -max_len=20000 -print_final_stats=1 -artifact_prefix="$logs/$name-" && return
  # Last, what a reader of the log needs: the innermost frames of ours, and the input.
  grep -aE "what\(\)|^ERROR|==ERROR|^ +#[0-9]+ .* in jaxc::" "$logs/$name.log" | head -n 12
  echo "the input, by gzip | base64:"
  find "$logs" -name "$name-*-*" -exec gzip -c {} + | base64 -w 0 | head -c 12000
  echo
  return 1
}

stage_fuzz() {
  local name
  for name in parse_fuzz safetensors_fuzz compile_fuzz; do one "$name" quiet "$name" fuzz "$name"; done
}

# Threads meet in the session: one program run from many threads, and the pool that shares out its work.
stage_tsan() {
  configure_options=(-DJAXC_VULKAN=OFF -DJAXC_BENCH=OFF)
  if ! compile tsan test_session; then
    count 0 1
    echo "FAILED: build with the thread sanitizer"
    return
  fi
  test_options=(--gtest_filter='*Thread*:*Concurren*')
  googletests build/tsan/tests test_session
}

tidy() {
  local files left_out=(':!tests' ':!bench')
  if [ "${TIDY:-all}" = changed ]; then
    files=$(git diff --name-only --diff-filter=d "$(git merge-base origin/main HEAD)" -- "*.cpp" "${left_out[@]}")
  else
    files=$(git ls-files -- "*.cpp" "${left_out[@]}")
  fi
  [ -n "$files" ] || return 0
  # shellcheck disable=SC2086
  printf '%s\n' $files | xargs -P "$cores" -n 1 clang-tidy-19 -p build/debug --quiet
}

stage_tidy() {
  one clang-tidy quiet tidy tidy
}

selected=("$@")
if [ ${#selected[@]} -eq 0 ]; then selected=("${all_stages[@]}"); fi
begin=$SECONDS
for stage in "${selected[@]}"; do
  if ! declare -F "stage_$stage" >/dev/null; then
    echo "test: no stage $stage; there are: ${all_stages[*]}" >&2
    exit 2
  fi
  echo "==> $stage (at $((SECONDS - begin)) s)"
  stage_begin=$SECONDS
  failed_before=$failed
  "stage_$stage"
  result=passed
  if [ "$failed" -gt "$failed_before" ]; then result=FAILED; fi
  summary+=("$(printf '%-12s %5d s  %s' "$stage" $((SECONDS - stage_begin)) "$result")")
done

echo
printf '%s\n' "${summary[@]}"
echo "total        $((SECONDS - begin)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
