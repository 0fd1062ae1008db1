#!/bin/sh
# Gets the peers that are optional, Kafka Streams and Quix Streams, into CACHE, and builds what is
# compiled of them in BUILD. What cannot be had is said on standard error, and left out.
#   sh tests/bench/peers/setup.sh CACHE BUILD
# Prints what main.py is told of them: lines of NAME=VALUE.
set -u

here=$(cd "$(dirname "$0")" && pwd)
cache=$1
build=$2
streams=3.9.1
slf4j=1.7.36
quix=3.28.1

# A registry may stumble once; three failures in a row are an answer.
try_thrice() {
    for _ in 1 2; do
        "$@" && return 0
        sleep 5
    done
    "$@"
}

fetch_jars() {
    jars=$cache/kafka-streams-$streams
    [ ! -f "$jars/complete" ] || return 0
    echo "take5: fetching Kafka Streams $streams into $jars" >&2
    rm -rf "$jars"
    mkdir -p "$jars" || return 1
    cat >"$jars/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>take5.tests</groupId>
  <artifactId>streams</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-streams</artifactId>
      <version>$streams</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>$slf4j</version>
    </dependency>
  </dependencies>
</project>
POM
    try_thrice mvn -B -q -Dstyle.color=never -f "$jars/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$jars" >&2 && : >"$jars/complete"
}

build_streams() {
    command -v javac >/dev/null || {
        echo "take5: there is no javac" >&2
        return 1
    }
    fetch_jars && mkdir -p "$build/peers" &&
        javac -cp "$jars/*" -d "$build/peers" "$here/Streams.java" >&2
}

fetch_quix() {
    venv=$cache/quixstreams-$quix
    [ ! -f "$venv/complete" ] || return 0
    echo "take5: fetching Quix Streams $quix into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv" &&
        try_thrice "$venv/bin/pip" install -q --disable-pip-version-check "quixstreams==$quix" >&2 &&
        : >"$venv/complete"
}

if build_streams; then
    echo "TAKE5_BENCH_STREAMS=$build/peers:$jars/*"
else
    echo "take5: without Kafka Streams $streams; its rows stay empty" >&2
fi
if fetch_quix; then
    echo "TAKE5_BENCH_QUIX=$venv/bin/python3"
else
    echo "take5: without Quix Streams $quix; its row stays empty" >&2
fi
