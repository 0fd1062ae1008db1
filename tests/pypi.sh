#!/bin/sh
# Installs programs from PyPI into a folder of their own.
#   sh tests/pypi.sh FOLDER NAME==VERSION...
# What is there already is not fetched again. Exit code 1: it could not be installed; 2: the registry
# does not answer.
set -eu

folder=$1
shift

[ ! -f "$folder/complete" ] || exit 0
echo "take5: fetching $* into $folder" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
# A registry may stumble once; three failures in a row are an answer.
try=1
until /usr/bin/python3 -m venv --clear "$folder" >"$log" 2>&1 &&
    "$folder/bin/pip" install --disable-pip-version-check "$@" >"$log" 2>&1; do
    if [ "$try" -ge 3 ]; then
        cat "$log" >&2
        echo "take5: pip could not fetch $*" >&2
        "$folder/bin/pip" index versions "${1%%==*}" >"$log" 2>&1 || exit 2
        exit 1
    fi
    try=$((try + 1))
    sleep 5
done
: >"$folder/complete"
