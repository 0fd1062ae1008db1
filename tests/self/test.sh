#!/bin/sh
# The tests' own machinery: what must fail does fail.
#   sh tests/self/test.sh
# A leak in a Criterion test, undefined behaviour, a data race, a binary without a test, a failing
# test, and a test that a filter leaves out.
set -eu

tests=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

criterion='-lcriterion'
tsan="-isystem $tests/tsan -D_GNU_SOURCE $tests/tsan/runner.c -fsanitize=thread -pthread"
build() {
    name=$1
    shift
    # shellcheck disable=SC2068 # words on purpose
    cc -std=gnu11 -g -Wno-missing-prototypes "$tests/self/cases.c" -o "$work/$name" $@
}
# expect RESULT TEXT NAME [ARGUMENT...]: passes or fails, and says TEXT.
expect() {
    result=$1 text=$2 name=$3
    shift 3
    if sh "$tests/watch.sh" sh "$tests/unit/run.sh" "$work/$name" "$@" >"$work/out" 2>&1; then
        got=passes
    else
        got=fails
    fi
    if [ "$got" != "$result" ] || ! grep -q "$text" "$work/out"; then
        echo "$name $*: $got, should have been: $result, with '$text' in:"
        cat "$work/out"
        failed=1
    fi
}

build plain $criterion
expect passes 'Tested: 1' plain --filter 'cases/passes'
expect fails 'Failing: 1' plain --filter 'cases/fails'
expect fails 'no test ran' plain --filter 'cases/nowhere'

build asan $criterion -fsanitize=address,undefined -fno-sanitize-recover=undefined
expect passes 'Tested: 1' asan --filter 'cases/passes'
expect fails 'LeakSanitizer: detected memory leaks' asan --filter 'cases/leaks'
expect fails 'heap-use-after-free' asan --filter 'cases/uses_after_free'
expect fails 'signed integer overflow' asan --filter 'cases/overflows'

TAKE5_VARIANT=tsan
export TAKE5_VARIANT
build tsan $tsan
expect passes 'Tested: 1' tsan --filter 'cases/passes'
expect fails 'Failing: 1' tsan --filter 'cases/fails'
expect fails 'data race' tsan --filter 'cases/races'
expect fails 'no test ran' tsan --filter 'cases/nowhere'
exit "$failed"
