#!/bin/sh
# The SDK's types, as libabigail sees them, against the committed baseline:
#   sh tests/abi/abidiff.sh INCLUDE_DIR BASELINE.abi
#   sh tests/abi/abidiff.sh INCLUDE_DIR BASELINE.abi --write     makes the baseline anew
set -eu

include=$1 baseline=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Paths of this machine are no part of the ABI.
cc -std=c11 -g -O0 -shared -fPIC -ffile-prefix-map="$here"=. -ffile-prefix-map="$include"=include \
    -I"$include" "$here/every_type.c" -o "$work/every_type.so"

# A struct that the border gets must be in the library, or it would not be compared. The border is
# what take5.h includes; helper headers are compiled into a strategy.
for header in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$include/take5/take5.h"); do
    for type in $(sed -n 's/^} \(t5_[a-z_]*\);$/\1/p' "$include/take5/$header"); do
        if ! grep -q "^    $type " "$here/every_type.c"; then
            echo "every_type.c lacks $type of $header"
            exit 1
        fi
    done
done

if [ "${3:-}" = --write ]; then
    abidw --no-corpus-path --no-comp-dir-path --no-show-locs "$work/every_type.so" --out-file "$baseline"
    exit 0
fi
# Any change at all is reported and fails; one that is meant comes with a new baseline.
abidiff --no-show-locs "$baseline" "$work/every_type.so"
