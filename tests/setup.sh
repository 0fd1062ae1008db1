#!/bin/sh
# Gets what the tests need: Debian packages, Apache Kafka from Maven Central, and from PyPI schemathesis,
# the schemas of Kubernetes and packages for Python strategies, without which their tests are skipped,
# and say so.
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
sh "$root/tests/pypi.sh" "$cache/schemathesis-4.32.5" schemathesis==4.32.5 ||
    echo "take5: without schemathesis the http interface is not tried against its description" >&2
# The second has the definitions of the Prometheus Operator.
sh "$root/tests/pypi.sh" "$cache/kubernetes-1.37.0" kubernetes-validate==1.37.0 \
    cloudcoil-models-prometheus-operator==0.80.1.0 ||
    echo "take5: without the schemas of Kubernetes the manifests are not checked against them" >&2
# The client of the service that take5 replaces, and what analytics are written with.
sh "$root/tests/pypi.sh" "$cache/python-packages-1" confluent-kafka==2.3.0 numpy==1.26.4 \
    pandas==2.1.4 pytest==7.4.4 || {
    [ "$?" -eq 2 ] || exit 1
    echo "take5: without packages from PyPI some tests of Python strategies are skipped" >&2
}
echo "$jars"
