#!/bin/sh
# Every header of the SDK compiles alone, without a warning, in each language that it promises, and
# so does a strategy made with each of the two macros.
#   sh tests/abi/headers.sh INCLUDE_DIR
set -eu

include=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings='-Wall -Wextra -Wshadow -pedantic -Werror'
failed=0
compiled=0

# compile LANGUAGE STANDARD SOURCE COMPILER...
compile() {
    language=$1 standard=$2 source=$3
    shift 3
    for compiler in "$@"; do
        if ! command -v "$compiler" >/dev/null; then
            echo "$compiler: not installed"
            failed=1
            continue
        fi
        # shellcheck disable=SC2086 # words on purpose
        if "$compiler" -x "$language" "-std=$standard" $warnings -I"$include" -fsyntax-only "$source"; then
            compiled=$((compiled + 1))
        else
            echo "$compiler -std=$standard does not take $source"
            failed=1
        fi
    done
}

for header in "$include"/take5/*.h; do
    name=${header##*/}
    # Alone, and a second time: guarded. With a declaration, for a unit may not be empty.
    printf '#include <take5/%s>\n#include <take5/%s>\nextern int unit;\n' "$name" "$name" \
        >"$work/$name.c"
    compile c c11 "$work/$name.c" gcc clang
    for standard in c++11 c++14 c++17 c++20; do
        compile c++ "$standard" "$work/$name.c" g++ clang++
    done
done
for header in "$include"/take5/*.hpp; do
    [ -e "$header" ] || continue
    name=${header##*/}
    printf '#include <take5/%s>\n#include <take5/%s>\n' "$name" "$name" >"$work/$name.cc"
    for standard in c++17 c++20; do
        compile c++ "$standard" "$work/$name.cc" g++ clang++
    done
done

compile c c11 "$here/smallest.c" gcc clang
compile c c17 "$here/smallest.c" gcc clang
compile c++ c++20 "$here/smallest.c" g++ clang++
for standard in c++11 c++14 c++17 c++20; do
    compile c++ "$standard" "$here/smallest.cc" g++ clang++
done

# Some warnings need an optimiser, and which one it takes differs.
for level in 0 1 2 3 s; do
    for compiler in gcc clang 'g++ -x c++ -std=c++17' 'clang++ -x c++ -std=c++17'; do
        # shellcheck disable=SC2086 # words on purpose
        if $compiler -O$level $warnings -Wconversion -I"$include" -c "$here/inline.c" -o /dev/null; then
            compiled=$((compiled + 1))
        else
            echo "$compiler -O$level does not take inline.c without a warning"
            failed=1
        fi
    done
done

echo "$compiled compilations"
[ "$compiled" -gt 0 ] || failed=1
exit "$failed"
