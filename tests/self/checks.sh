#!/bin/sh
# The checks of tests/checks: what each is there to find, it finds, and says where.
#   sh tests/self/checks.sh
set -eu

tests=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

mkdir -p "$work/room" "$work/build"
cp "$tests/../.clang-format" "$work"
[ ! -e "$tests/../.clang-tidy" ] || cp "$tests/../.clang-tidy" "$work"
unit() { # NAME FLAG...: the tree has one unit, of what is read
    name=$1
    shift
    rm -rf "$work/room"
    mkdir "$work/room"
    cat >"$work/room/$name"
    cat >"$work/build/compile_commands.json" <<JSON
[{"directory": "$work/build", "file": "$work/room/unit.c",
  "command": "cc -O2 -std=gnu11 $* -o unit.o -c $work/room/unit.c"}]
JSON
}
# expect RESULT TEXT COMMAND...: passes or fails, and says TEXT.
expect() {
    result=$1 text=$2
    shift 2
    if TAKE5_SOURCE_DIR=$work "$@" >"$work/out" 2>&1; then got=passes; else got=fails; fi
    if [ "$got" != "$result" ] || ! grep -q "$text" "$work/out"; then
        echo "$*: $got, should have been: $result, with '$text' in:"
        cat "$work/out"
        failed=1
    fi
}
units() {
    result=$1 text=$2
    shift 2
    expect "$result" "$text" /usr/bin/python3 -B "$tests/checks/units.py" "$work/build" "$@"
}

unit unit.c <<'C'
int one;
C
expect passes '1 sources' sh "$tests/checks/format.sh" "$work"
unit unit.c <<'C'
int one;
int  two;
C
expect fails 'room/unit.c:2:4: code should be clang-formatted' sh "$tests/checks/format.sh" "$work"
misspelt=rec''ieved # not in one word: this file is looked at as well
unit unit.c <<C
int one; // one is $misspelt
C
expect fails "room/unit.c:1: $misspelt ==> received" sh "$tests/checks/format.sh" "$work"

mkdir -p "$work/source/host" "$work/source/packaging"
printf 'log_event(log, LEVEL, "ops",\n  is_one ? "one.a" : "one.b", "%%s", f(1, 2));\n' >"$work/source/host/one.c"
printf '| `one.a` | x |\n| `one.b` | x |\n' >"$work/source/packaging/README.md"
events() {
    expect "$1" "$2" /usr/bin/python3 -B "$tests/checks/events.py" "$work/source"
}
events passes '2 events'
sed -i 1d "$work/source/packaging/README.md"
events fails 'one.c:1: one.a is not in the table'
printf '| `one.a` | x |\n| `two.a` | x |\n' >>"$work/source/packaging/README.md"
events fails 'no line of the log has the event two.a'

unit header.h <<'C'
#ifndef HEADER_H
#define HEADER_H
#include <stddef.h>
struct one {
    size_t size;
};
#endif
C
: >"$work/room/unit.c"
units passes '1 headers, 0 with findings' --headers room -- gcc -fsyntax-only -Werror
sed -i /stddef/d "$work/room/header.h"
units fails "header.h:4:5: error: unknown type name 'size_t'" \
    --headers room -- gcc -fsyntax-only -Werror
echo 'struct one { int size; };' >"$work/room/header.h"
units fails "redefinition of 'struct one'" --headers room -- gcc -fsyntax-only -Werror
units fails 'nothing to look at' elsewhere -- gcc -fsyntax-only

locks='room -- clang -fsyntax-only -DTAKE5_CHECK_LOCKS -Wthread-safety -Werror'
# shellcheck disable=SC2086 # words on purpose
guarded() { # RESULT TEXT BODY
    unit unit.c "-I$tests/../host" <<C
#include "base/locks.h"
LOCK_CLASS(one_lock);
struct one {
    pthread_mutex_t mutex;
    int count GUARDED_BY(one_lock);
};
REQUIRES(one_lock) static int count_of(const struct one *one) {
    return one->count;
}
int touch(struct one *one);
int touch(struct one *one) {
    $3
}
C
    units "$1" "$2" $locks
}
take='lock_acquire(&one->mutex, one_lock)'
give='lock_release(&one->mutex, one_lock)'
guarded passes '0 with findings' "$take; const int count = count_of(one); $give; return count;"
guarded fails "reading variable 'count' requires holding" 'return one->count;'
guarded fails "calling function 'count_of' requires holding" 'return count_of(one);'
guarded fails 'still held at the end' "$take; return count_of(one);"
guarded fails 'already held' "$take; $take; $give; return 0;"
guarded fails 'writing variable' 'lock_only_writer(one_lock); one->count++; return 0;'

tidy='--remember room -- clang-tidy-14 --quiet --warnings-as-errors=* -p {build}'
analyzer='--remember room -- gcc -fanalyzer -Werror -S -o /dev/null'
for body in 'if (size > 0); return size;' 'return size == size;'; do
    unit unit.c <<C
int of(int size);
int of(int size) {
    $body
}
C
    # shellcheck disable=SC2086 # words on purpose
    units fails 'unit.c:3:.*bugprone\|unit.c:3:.*misc' $tidy
done
unit unit.c <<'C'
#include <stdlib.h>
int of(int size);
int of(int size) {
    char *bytes = malloc((size_t)size);
    return bytes[0];
}
C
# shellcheck disable=SC2086 # words on purpose
units fails 'unit.c:5:.*leak' $analyzer
cat >"$work/room/unit.c" <<'C'
int of(int size);
int of(int size) {
    return size + 1;
}
C
for try in first again; do # what passed is remembered, what failed is not
    # shellcheck disable=SC2086 # words on purpose
    units passes '1 units, 0 with findings' $tidy
    # shellcheck disable=SC2086 # words on purpose
    units passes '1 units, 0 with findings' $analyzer
done
[ "$(find "$work/build/checks" -type f | wc -l)" -eq 2 ] || {
    echo 'two checks passed, remembered:' "$work/build/checks"/*
    failed=1
}
exit "$failed"
