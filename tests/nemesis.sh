#!/bin/sh
# Does to running hosts what a bad day does, and checks what they said: tests/nemesis/nemesis.py.
#   sh tests/nemesis.sh [--for 1h] [--hosts 3,1] [--delivery exactly_once] [--store kafka] ...
# Builds what it needs, unless it runs as a test of tests/run.sh (for two minutes in all; see
# tests/integration/CMakeLists.txt).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${TAKE5_BUILD_DIR:-}" ]; then
    TAKE5_KAFKA_LIB=$(sh "$root/tests/setup.sh")
    TAKE5_SOURCE_DIR=$root
    TAKE5_BUILD_DIR=${TAKE5_BUILD:-$root/build/tests}/plain
    export TAKE5_KAFKA_LIB TAKE5_SOURCE_DIR TAKE5_BUILD_DIR
    cmake -S "$root" -B "$TAKE5_BUILD_DIR" -G Ninja -DTAKE5_TESTS=ON -DCMAKE_BUILD_TYPE=Release >&2
    cmake --build "$TAKE5_BUILD_DIR" --target take5_nemesis >&2
fi
exec python3 -B "$root/tests/nemesis/nemesis.py" "$@"
