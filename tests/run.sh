#!/bin/sh
# Builds and runs every test, on a bare Debian 12 as well, and ends with ctest's summary.
#   sh tests/run.sh [ctest's arguments...]     such as -R unit_base, or -L kafka
#   sh tests/run.sh quick [ctest's arguments...]
# Variants: plain (release, everything), asan (AddressSanitizer and UndefinedBehaviorSanitizer; unit
# tests and the integration tests that touch memory in many ways), tsan (ThreadSanitizer; unit tests
# and what runs several lanes).
# quick, for daily work, has one of its own: the unit tests, unoptimised, the layout and the headers;
# then it says how many lines the unit tests run, by room.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=${TAKE5_BUILD:-$root/build/tests}
jobs=${TAKE5_JOBS:-$(nproc)}
# One more than there are cores: those with Kafka wait for it a good part of their time.
tests=${TAKE5_JOBS:-$(($(nproc) + 1))}

mode=all
if [ "${1:-}" = quick ]; then
    mode=quick
    shift
fi

TAKE5_KAFKA_LIB=$(sh "$root/tests/setup.sh")
export TAKE5_KAFKA_LIB
# Where PyPI answers, no test is skipped for lack of its packages.
for complete in "${TAKE5_KAFKA_LIB%/*}"/python-packages-*/complete; do
    [ ! -f "$complete" ] || export TAKE5_REQUIRE_PACKAGES=yes
done

# Quiet unless it fails; the log of each step is kept.
step() {
    what=$1
    shift
    echo "take5: $what" >&2
    if ! "$@" >"$build/step.log" 2>&1; then
        cat "$build/step.log" >&2
        echo "take5: $what failed" >&2
        exit 1
    fi
}

# One ctest directory over all variants, so that one summary tells of all.
mkdir -p "$build/$mode"
: >"$build/$mode/CTestTestfile.cmake.new"

# variant NAME TARGET CMAKE's arguments...
variant() {
    name=$1 target=$2
    shift 2
    step "configuring $name" cmake -S "$root" -B "$build/$name" -G Ninja -DTAKE5_TESTS=ON "$@"
    step "building $name" cmake --build "$build/$name" --target "$target" -j "$jobs"
    echo "subdirs(\"$build/$name\")" >>"$build/$mode/CTestTestfile.cmake.new"
}
if [ "$mode" = quick ]; then
    variant units take5_units -DCMAKE_BUILD_TYPE=Debug -DTAKE5_COVERAGE=ON
    find "$build/units" -name '*.gcda' -delete # of the run before
else
    variant plain all -DCMAKE_BUILD_TYPE=Release
    variant asan all -DCMAKE_BUILD_TYPE=RelWithDebInfo '-DTAKE5_SANITIZE=address;undefined'
    variant tsan all -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTAKE5_SANITIZE=thread
fi
mv "$build/$mode/CTestTestfile.cmake.new" "$build/$mode/CTestTestfile.cmake"

echo "take5: testing" >&2
status=0
ctest --test-dir "$build/$mode" --output-on-failure --no-tests=error -j "$tests" "$@" || status=$?

if [ "$mode" = quick ] && [ "$#" -eq 0 ]; then
    python3 -B "$root/tests/checks/coverage.py" "$build/units" >&2 || status=$?
fi

# No test may leave a process: nothing that runs may come from what was built here, or be a broker
# of ours.
for process in /proc/[0-9]*; do
    program=$(readlink "$process/exe" 2>/dev/null) || continue
    case $program in
    "$build"/*) ;;
    */java) tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -q "^-Dtake5.tests=$build/" || continue ;;
    *) continue ;;
    esac
    echo "take5: a test left process ${process#/proc/} behind: $program" >&2
    status=1
done
exit "$status"
