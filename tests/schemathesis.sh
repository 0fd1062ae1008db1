#!/bin/sh
# Installs schemathesis, which tries an HTTP interface against its own description, from PyPI.
#   sh tests/schemathesis.sh CACHE
# Prints the program. What is there already is not fetched again.
set -eu

version=4.32.5
folder=$1/schemathesis-$version

if [ ! -f "$folder/complete" ]; then
    echo "take5: fetching schemathesis $version into $folder" >&2
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    rm -rf "$folder"
    mkdir -p "$1"
    # A registry may stumble once; three failures in a row are an answer.
    try=1
    until /usr/bin/python3 -m venv --clear "$folder" >"$log" 2>&1 &&
        "$folder/bin/pip" install --disable-pip-version-check "schemathesis==$version" >"$log" 2>&1; do
        if [ "$try" -ge 3 ]; then
            cat "$log" >&2
            echo "take5: pip could not fetch schemathesis $version" >&2
            exit 1
        fi
        try=$((try + 1))
        sleep 5
    done
    : >"$folder/complete"
fi
echo "$folder/bin/schemathesis"
