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

mkdir -p "$work/said/host/room"
printf '/* one.c: see one() and struct one */\nstruct one { int one; };\n' >"$work/said/host/room/one.c"
comments() {
    expect "$1" "$2" /usr/bin/python3 -B "$tests/checks/comments.py" "$work/said"
}
comments passes '1 comments, 0 with'
for name in 'two()' 'struct two' two.c room/two.h; do
    printf '/* see %s */\n' "$name" >"$work/said/host/room/two_says.c"
    comments fails "two_says.c:1: there is no .*$name"
done

mkdir -p "$work/rooms/host"
library() { # C of one.c, C of two.c
    rm -f "$work/rooms/host/libroom.a"
    for name in one two; do
        echo "$1" >"$work/$name.c"
        gcc -c -o "$work/rooms/$name.c.o" "$work/$name.c"
        shift
    done
    ar rc "$work/rooms/host/libroom.a" "$work/rooms/one.c.o" "$work/rooms/two.c.o"
}
circles() {
    expect "$1" "$2" /usr/bin/python3 -B "$tests/checks/circles.py" "$work/rooms"
}
circles fails 'nothing to look at'
library 'int two(void); int one(void) { return two(); }' 'int two(void) { return 2; }'
circles passes '1 rooms, 0 circles'
library 'int two(void); int one(void) { return two(); }' 'int one(void); int two(void) { return one(); }'
circles fails 'libroom: a circle of one.c, two.c'

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

tidy='--remember room -- clang-tidy-14 --quiet --warnings-as-errors=* -p {build}
    --extra-arg=-DTAKE5_CHECK_LOCKS --extra-arg=-Wthread-safety'
# shellcheck disable=SC2086 # words on purpose
guarded() { # RESULT TEXT BODY
    unit unit.c "-I$tests/../host" <<C
#include "base/sync/locks.h"
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
    units "$1" "$2" $tidy
}
take='lock_acquire(&one->mutex, one_lock)'
give='lock_release(&one->mutex, one_lock)'
guarded passes '0 with findings' "$take; const int count = count_of(one); $give; return count;"
guarded fails "reading variable 'count' requires holding" 'return one->count;'
guarded fails "calling function 'count_of' requires holding" 'return count_of(one);'
guarded fails 'still held at the end' "$take; return count_of(one);"
guarded fails 'already held' "$take; $take; $give; return 0;"
guarded fails 'writing variable' 'lock_only_writer(one_lock); one->count++; return 0;'

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
build() { # as CMake has it built
    printf 'rule cc\n command = gcc -MD -MF $out.d -c $in -o $out\n depfile = $out.d\n deps = gcc\nbuild unit.o: cc %s\n' \
        "$work/room/unit.c" >"$work/build/build.ninja"
    ninja -C "$work/build" >"$work/out"
}
remembered() {
    [ "$(find "$work/build/checks" -type f | wc -l)" -eq "$1" ] || {
        echo "not $1 passed, remembered:" "$work/build/checks"/*
        failed=1
    }
}
remembered 0 # nothing is built
build
for try in first again; do # what passed is remembered, what failed is not
    # shellcheck disable=SC2086 # words on purpose
    units passes '1 units, 0 with findings' $tidy
    # shellcheck disable=SC2086 # words on purpose
    units passes '1 units, 0 with findings' $analyzer
done
remembered 2
echo 'int of(int size); int of(int size) { if (size > 0); return size; }' >"$work/room/unit.c"
for try in changed built; do
    [ "$try" = changed ] || build
    # shellcheck disable=SC2086 # words on purpose
    units fails 'bugprone' $tidy
done
remembered 2
exit "$failed"
