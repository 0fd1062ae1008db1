#!/bin/sh
# Installs the packages named in packaging/dependencies.LIST for each LIST given:
#   sh packaging/dependencies.sh build test
# Asks the network for nothing when all of them are there already. What is marked `optional` may be
# missing afterwards; that is said.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

missing=
wished=
for list in "$@"; do
    while read -r package kind _; do
        case $package in '' | '#'*) continue ;; esac
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" != installed ] || continue
        if [ "$kind" = optional ]; then
            wished="$wished $package"
        else
            missing="$missing $package"
        fi
    done <"$here/dependencies.$list"
done
[ -n "$missing$wished" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null; then
        as_root=sudo
    else
        [ -z "$wished" ] || echo "take5: without the optional packages:$wished" >&2
        [ -n "$missing" ] || exit 0
        echo "take5: missing packages:$missing" >&2
        echo "take5: run this as root, or install sudo, so that they can be installed" >&2
        exit 1
    fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # words on purpose
install() {
    echo "take5: installing: $*" >&2
    $as_root apt-get update >"$log" 2>&1 &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1
}

# shellcheck disable=SC2086
if [ -n "$missing" ] && ! install $missing; then
    cat "$log" >&2
    echo "take5: apt-get could not install:$missing" >&2
    exit 1
fi
for package in $wished; do
    install "$package" || echo "take5: apt-get could not install $package, which is optional" >&2
done
