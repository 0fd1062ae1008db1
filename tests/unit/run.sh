#!/bin/sh
# Runs one Criterion binary, and fails as well when it ran no test at all (Criterion would not).
#   sh tests/unit/run.sh BINARY [ARGUMENT...]
set -u

output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT

binary=$1
shift
# A test that hangs is ended by a limit, with its name, before ctest ends the whole binary. The limit
# is one for all: of two tests at once, Criterion forgets and leaks the limit of the one that began
# first when that of the other ends before it.
"$binary" --timeout 120 "$@" >"$output" 2>&1
status=$?
cat "$output"

tested=$(sed -n 's/.*Tested: *\(\x1b\[[0-9;]*m\)*\([0-9][0-9]*\).*/\2/p' "$output" | tail -n 1)
if [ "${tested:-0}" -eq 0 ]; then
    echo "$binary: no test ran"
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
