#!/bin/sh
# The README's first strategy builds as it says, is fit to run, and says something in the demo.
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
