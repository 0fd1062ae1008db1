#!/bin/sh
# Layout and spelling: every source is as clang-format 14 leaves it, and no text has a word that
# codespell knows to be misspelt (tests/checks/words: those that are meant, one a line).
#   sh tests/checks/format.sh [FOLDER]
# A finding is FILE:LINE: and what. `clang-format-14 -i FILE` repairs a layout.
set -u

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# What is ours, without git, which a copy of the tree may lack. Frozen copies stay as they were
# released, and inputs of fuzzers are bytes.
find . -type f ! -path './.git' ! -path './.git/*' ! -path './build*' ! -path './.cache/*' \
    ! -path '*/__pycache__/*' ! -path '*/frozen-*' ! -path './sdk/abi/*' \
    ! -path './tests/fuzz/corpus/*' ! -path './tests/bench/results/*' | sort >"$work/texts"
grep -E '\.(c|h|hpp|cc|cpp)$' "$work/texts" >"$work/sources"
if [ ! -s "$work/sources" ]; then
    echo "no source in $(pwd)"
    exit 1
fi

failed=0
# Sixty a process: as many processes as there are cores would otherwise not share them.
xargs -P "$(nproc)" -n 60 clang-format-14 --dry-run --Werror <"$work/sources" 2>"$work/layout" ||
    failed=1
sed -n 's/^\(.*: \)error: \(code should be clang-formatted\).*/\1\2/p' "$work/layout" | sort -u |
    sort -t: -k1,1 -k2,2n
[ "$failed" -eq 0 ] || grep -q 'should be clang-formatted' "$work/layout" || cat "$work/layout"

xargs -P "$(nproc)" -n 200 codespell -I "$here/words" <"$work/texts" || failed=1

[ "$failed" -ne 0 ] || echo "$(wc -l <"$work/sources") sources, $(wc -l <"$work/texts") texts"
exit "$failed"
