#!/bin/sh
# Installs the packages named in packaging/dependencies.LIST for each LIST given:
#   sh packaging/dependencies.sh build test
# Asks the network for nothing when all of them are there already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

missing=
for list in "$@"; do
    while read -r package _; do
        case $package in '' | '#'*) continue ;; esac
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" = installed ] || missing="$missing $package"
    done <"$here/dependencies.$list"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "take5: missing packages:$missing" >&2
        echo "take5: run this as root, or install sudo, so that they can be installed" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "take5: installing:$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # words on purpose
if ! { $as_root apt-get update &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
    >"$log" 2>&1; then
    cat "$log" >&2
    echo "take5: apt-get could not install:$missing" >&2
    exit 1
fi
