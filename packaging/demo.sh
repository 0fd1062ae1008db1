#!/bin/sh
# Builds take5 on a bare Debian 12 and shows it at work:
#   sh packaging/demo.sh [--for 10s] [-c FILE]
# What follows is given to `take5 run --demo` as it is.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=${TAKE5_DEMO_BUILD:-$root/build/demo}

sh "$root/packaging/dependencies.sh" build

# The log is only of interest when something fails; it is long otherwise.
mkdir -p "$build"
log=$build/build.log
echo "take5: building a release in $build" >&2
if ! { cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTAKE5_TESTS=OFF &&
    cmake --build "$build"; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "take5: the build failed; its log is $log" >&2
    exit 1
fi

exec "$build/host/take5" run --demo "$@"
