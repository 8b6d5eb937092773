#!/bin/bash
# Installs what building and testing jaxc needs, on Debian 12 and Ubuntu 24.04; does nothing when all is there.
#
# usage: tools/setup.sh [--list]    --list prints the packages that are missing, and installs nothing
set -euo pipefail

packages=(
  ca-certificates git cmake ninja-build ccache g++ python3-venv
  clang-19 clang-format-19 clang-tidy-19 lld-19 llvm-19-dev libclang-rt-19-dev
  libzstd-dev libxml2-dev zlib1g-dev
  libfmt-dev libcli11-dev nlohmann-json3-dev libgtest-dev
  libhwy-dev liblapack-dev
  spirv-headers spirv-tools libvulkan-dev vulkan-validationlayers mesa-vulkan-drivers
)
# What Debian 12 has in spirv-tools, later releases split.
optional=(libspirv-tools-dev spirv-tools-dev)

installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing() {
  for package in "$@"; do
    installed "$package" || echo "$package"
  done
}

needed=$(missing "${packages[@]}")
if [ "${1:-}" = --list ]; then
  [ -z "$needed" ] || echo "$needed"
  exit 0
fi
[ -n "$needed" ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: run as root, or install sudo; these are missing:" $needed >&2; exit 1; }
  as_root=(sudo)
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -q "$@"
}

echo "setup: installing" $needed
apt update
for package in "${optional[@]}"; do
  if apt-cache show "$package" >/dev/null 2>&1; then needed+=" $package"; fi
done
# shellcheck disable=SC2086
apt install -y --no-install-recommends $needed
