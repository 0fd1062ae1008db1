#!/bin/sh
# Runs a test command so that nothing which a sanitizer finds goes unseen:
#   sh tests/watch.sh COMMAND [ARGUMENT...]
# Criterion runs each test in a child whose leaks it does not count, and tests start hosts, so every
# process writes its findings into one directory; the run fails when there is one.
set -u

reports=$(mktemp -d) || exit 1
trap 'rm -rf "$reports"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# A crash stays the crash that it is without a sanitizer: the host's own crash handling, and tests
# of it, see the signal.
signals=handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:handle_abort=0
common=log_path=$reports/report:$signals
suppressions=$(cd "$(dirname "$0")" && pwd)/suppressions
ASAN_OPTIONS=$common:allocator_may_return_null=1:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
# No ":abort_on_error": a finding ends with the sanitizer's own exit code, not with a core.
UBSAN_OPTIONS=$common:print_stacktrace=1
LSAN_OPTIONS=print_suppressions=0:suppressions=$suppressions/leak
TSAN_OPTIONS=$common:allocator_may_return_null=1:second_deadlock_stack=1:suppressions=$suppressions/thread
export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS

# ThreadSanitizer's shadow memory wants the addresses that a kernel with little randomness gives.
if [ "${TAKE5_VARIANT:-}" = tsan ] && setarch -R true 2>/dev/null; then
    set -- setarch -R "$@"
fi

# In the background, so that a signal to this script is taken at once and passed on.
"$@" &
child=$!
trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 143' TERM
trap 'kill -INT "$child" 2>/dev/null; wait "$child"; exit 130' INT
wait "$child"
status=$?

# What a sanitizer merely notes, such as an allocation that it refused as malloc would, is none.
for report in "$reports"/*; do
    [ -e "$report" ] || continue
    grep -Eq 'ERROR: |WARNING: ThreadSanitizer|runtime error: ' "$report" || continue
    echo "---- a sanitizer reports: ----"
    head -n 100 "$report"
    [ "$status" -ne 0 ] || status=1
done
exit "$status"
