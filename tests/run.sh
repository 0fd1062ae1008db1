#!/bin/sh
# Builds and runs every test, on a bare Debian 12 as well, and ends with ctest's summary.
#   sh tests/run.sh [ctest's arguments...]     such as -R unit_base, or -L kafka
# Variants: plain (release, everything), asan (AddressSanitizer and UndefinedBehaviorSanitizer; unit
# tests and the integration tests that touch memory in many ways), tsan (ThreadSanitizer; unit tests
# and what runs several lanes).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=${TAKE5_BUILD:-$root/build/tests}
jobs=${TAKE5_JOBS:-$(nproc)}

TAKE5_KAFKA_LIB=$(sh "$root/tests/setup.sh")
export TAKE5_KAFKA_LIB

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
mkdir -p "$build/all"
: >"$build/all/CTestTestfile.cmake.new"

variant() {
    name=$1
    shift
    step "configuring $name" cmake -S "$root" -B "$build/$name" -G Ninja -DTAKE5_TESTS=ON "$@"
    step "building $name" cmake --build "$build/$name" -j "$jobs"
    echo "subdirs(\"$build/$name\")" >>"$build/all/CTestTestfile.cmake.new"
}
variant plain -DCMAKE_BUILD_TYPE=Release
variant asan -DCMAKE_BUILD_TYPE=RelWithDebInfo '-DTAKE5_SANITIZE=address;undefined'
variant tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTAKE5_SANITIZE=thread
mv "$build/all/CTestTestfile.cmake.new" "$build/all/CTestTestfile.cmake"

echo "take5: testing" >&2
status=0
ctest --test-dir "$build/all" --output-on-failure --no-tests=error -j "$jobs" "$@" || status=$?

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
