#!/bin/sh
# Measures take5 side by side with what one would use instead, on real Apache Kafka:
#   sh tests/bench/run.sh [--quick] [--only PART,...]
# Sets up all that it needs. Ends with a table, tests/bench/results/results.json and plots beside
# it; with --quick, or of some parts only, they go into build/bench/results instead.
# See tests/bench/README.md.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${TAKE5_BENCH_BUILD:-$root/build/bench}

TAKE5_KAFKA_LIB=$(sh "$root/tests/setup.sh")
sh "$root/packaging/dependencies.sh" bench >&2

# The Python service's client, in an environment of its own beside Kafka's jars.
client=2.3.0
venv=$(dirname "$TAKE5_KAFKA_LIB")/confluent-kafka-$client
if [ ! -f "$venv/complete" ]; then
    echo "take5: fetching confluent-kafka $client into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    # A registry may stumble once; three failures in a row are an answer.
    try=1
    until "$venv/bin/pip" install -q --disable-pip-version-check "confluent-kafka==$client" >&2; do
        if [ "$try" -ge 3 ]; then
            echo "take5: pip could not fetch confluent-kafka $client" >&2
            exit 1
        fi
        try=$((try + 1))
        sleep 5
    done
    : >"$venv/complete"
fi

# Those that it is compared with, if they can be had.
peers=$(sh "$root/tests/bench/peers/setup.sh" "$(dirname "$TAKE5_KAFKA_LIB")" "$build")
TAKE5_BENCH_STREAMS=$(echo "$peers" | sed -n 's/^TAKE5_BENCH_STREAMS=//p')
TAKE5_BENCH_QUIX=$(echo "$peers" | sed -n 's/^TAKE5_BENCH_QUIX=//p')

mkdir -p "$build"
echo "take5: building a release in $build" >&2
if ! { cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release &&
    cmake --build "$build" --target take5 python topics bench; } >"$build/build.log" 2>&1; then
    cat "$build/build.log" >&2
    echo "take5: the build failed; its log is $build/build.log" >&2
    exit 1
fi

export TAKE5_KAFKA_LIB TAKE5_BENCH_STREAMS TAKE5_BENCH_QUIX
export TAKE5_SOURCE_DIR="$root" TAKE5_BUILD_DIR="$build" TAKE5_BENCH_PYTHON="$venv/bin/python3"
exec python3 -B "$root/tests/bench/main.py" "$@"
