#!/bin/sh
# The README's first strategy builds as it says, is fit to run, and emits a signal in the demo. The
# walk for quants gives what the README shows.
#   readme_test.sh TAKE5
set -eu
take5=$1
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
mkdir "$work/strategies"
awk '/^```c$/ {on = 1; next} /^```$/ {on = 0} on' "$source/README.md" >"$work/spread.c"
cc -Wall -Wextra -pedantic -Werror -I"$source/sdk/include" -shared -fPIC "$work/spread.c" \
    -o "$work/strategies/spread.so"
"$take5" check "$work/strategies/spread.so"
"$take5" run --demo --for 8s -s "take5.strategy_dir=$work/strategies" \
    -s strategy:spread.most=0.01 >"$work/out" 2>&1
grep -q 'wide_bar' "$work/out" || {
    cat "$work/out"
    echo "no signal of the README's strategy"
    exit 1
}

shown() {
    tr -d '\n' <"$source/README.md" | grep -qF "$1" || {
        echo "not in the README: $1"
        exit 1
    }
}
cd "$work"
"$take5" new alpha
cd alpha
cc -O2 -g -I"$source/sdk/include" -shared -fPIC -fvisibility=hidden alpha.c -o alpha.so
"$take5" check ./alpha.so >"$work/check"
shown "$(sed -n 's/^.*alpha.so: fit to run/fit to run/p' "$work/check")"
"$take5" feed --seed 7 --symbols 5 --count 20000 >day.jsonl
"$take5" replay -c alpha.ini -s take5.strategy_dir=. day.jsonl -o signals.jsonl 2>"$work/summary"
shown "$(sed -n 's/^replayed.*): //p' "$work/summary")"
shown "$(head -1 signals.jsonl)"
