#!/bin/bash
# Runs the benchmarks: builds jaxc, gets the peers that can be had, measures all in alternation, and prints the tables.
#
# usage: tools/bench.sh [WORKLOAD...] [--peers jaxc,plain,xla,xla_tuned,jaxjs] [--publish] [option of bench/bench.py...]
#
# --publish rewrites the figures of docs/benchmarks.md and README.md and the chart. The report is build/bench.json.
set -euo pipefail
cd "$(dirname "$0")/.."

jax=jax==0.10.2
jaxjs=@jax-js/jax@0.1.25

mkdir -p build
tools/setup.sh
cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
echo "bench: building jaxc (a few minutes the first time)" >&2
cmake --build --preset release --target jaxc_bench jaxc_plain >build/bench-build.log 2>&1 ||
  { tail -50 build/bench-build.log; exit 1; }

environment=build/venv-bench
[ -x "$environment/bin/pip" ] || python3 -m venv "$environment"
"$environment/bin/pip" install -q --disable-pip-version-check "$jax"
if command -v npm >/dev/null; then
  npm install --silent --no-audit --no-fund --prefix build/jaxjs "$jaxjs" >&2 ||
    echo "bench: npm cannot install $jaxjs" >&2
fi
exec "$environment/bin/python" bench/bench.py "$@"
