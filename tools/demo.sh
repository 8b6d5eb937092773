#!/bin/bash
# The main job on real data: fits the Nile's flow with a Kalman filter and smoother, and draws it.
# Installs what is missing and builds what it needs. The plot is build/nile.svg.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build
tools/setup.sh
if [ ! -f build/release/build.ninja ]; then
  cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
fi
echo "demo: building jaxc (a few minutes the first time)"
cmake --build --preset release --target jaxc_command nile_plot

jaxc=build/release/tools/jaxc
results=build/nile-results.safetensors
echo
echo "\$ jaxc run examples/nile/nile.jaxpr --repeat 100"
"$jaxc" run examples/nile/nile.jaxpr --data examples/nile/nile.safetensors --backend cpu --repeat 100 --out "$results"
echo
echo "\$ jaxc check examples/nile --rtol 1e-9"
"$jaxc" check examples/nile --rtol 1e-9
echo
build/release/examples/nile_plot "$results" examples/nile/nile.safetensors build/nile.svg
