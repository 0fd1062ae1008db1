#!/bin/sh
# What the tests of Python strategies need from PyPI, in a virtual environment of the system's
# Python: the client of the service that take5 replaces, and what analytics are written with.
#   sh tests/python_packages.sh CACHE
# Prints its directory. What is there already is not fetched again. Ends with 1 when it cannot be
# had.
set -eu

packages='confluent-kafka==2.3.0 numpy==1.26.4 pandas==2.1.4 pytest==7.4.4'
venv=$1/python-packages-1

if [ ! -f "$venv/complete" ]; then
    echo "take5: fetching $packages into $venv" >&2
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv" >&2
    # A registry may stumble once; three failures in a row are an answer.
    try=1
    until "$venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: $packages >&2
    do
        if [ "$try" -ge 3 ]; then
            echo "take5: pip could not fetch $packages" >&2
            exit 1
        fi
        try=$((try + 1))
        sleep 5
    done
    : >"$venv/complete"
fi
echo "$venv"
