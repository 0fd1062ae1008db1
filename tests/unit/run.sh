#!/bin/sh
# Runs one Criterion binary, and fails as well when it ran no test at all (Criterion would not).
#   sh tests/unit/run.sh BINARY [ARGUMENT...]
set -u

output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT

binary=$1
shift
# A test that hangs is ended by its own limit, with its name, before ctest ends the whole binary.
"$binary" --timeout 120 "$@" >"$output" 2>&1
status=$?
cat "$output"

tested=$(sed -n 's/.*Tested: *\(\x1b\[[0-9;]*m\)*\([0-9][0-9]*\).*/\2/p' "$output" | tail -n 1)
if [ "${tested:-0}" -eq 0 ]; then
    echo "$binary: no test ran"
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
