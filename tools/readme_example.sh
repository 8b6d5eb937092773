#!/bin/bash
# Builds and runs the C++ example of README.md (its first ```cpp block), so that it stays true.
#
# usage: tools/readme_example.sh [BUILD]    BUILD is a configured build folder, build/debug by default
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/debug}

example="$build/readme/example.cpp"
mkdir -p "$build/readme"
awk '/^```cpp/ { inside = 1; next } /^```/ && inside { exit } inside' README.md >"$example.new"
[ -s "$example.new" ] || { echo "readme_example: README.md has no \`\`\`cpp block" >&2; exit 1; }
cmp -s "$example.new" "$example" && rm "$example.new" || mv "$example.new" "$example"
cmake -S . -B "$build" >/dev/null
cmake --build "$build" --target readme_example
"$build/examples/readme_example"
