#!/bin/sh
# Gets what the tests need: Debian packages, Apache Kafka from Maven Central, and from PyPI
# schemathesis and packages for Python strategies, without which their tests are skipped, and say so.
#   sh tests/setup.sh
# Prints the directory with Kafka's jars. What is there already is not fetched again, so a second
# run needs no network.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
kafka_version=3.9.1
slf4j_version=1.7.36

sh "$root/packaging/dependencies.sh" build package test >&2

if [ -n "${TAKE5_CACHE:-}" ]; then
    cache=$TAKE5_CACHE
elif [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ]; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/take5
else
    cache=$root/build/cache
fi
jars=$cache/kafka-$kafka_version

if [ ! -f "$jars/complete" ]; then
    echo "take5: fetching Apache Kafka $kafka_version into $jars" >&2
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cat >"$work/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>take5.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$kafka_version</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>$slf4j_version</version>
    </dependency>
  </dependencies>
</project>
POM
    # A registry may stumble once; three failures in a row are an answer.
    try=1
    until mvn -B -q -f "$work/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$work/lib" >"$work/mvn.log" 2>&1; do
        if [ "$try" -ge 3 ]; then
            cat "$work/mvn.log" >&2
            echo "take5: Maven could not fetch Apache Kafka $kafka_version" >&2
            exit 1
        fi
        try=$((try + 1))
        sleep 5
    done
    rm -rf "$jars"
    mkdir -p "$jars"
    cp "$work"/lib/*.jar "$jars/"
    : >"$jars/complete"
fi
sh "$root/tests/schemathesis.sh" "$cache" >/dev/null ||
    echo "take5: without schemathesis the http interface is not tried against its description" >&2
sh "$root/tests/python_packages.sh" "$cache" >/dev/null ||
    echo "take5: without packages from PyPI some tests of Python strategies are skipped" >&2
echo "$jars"
