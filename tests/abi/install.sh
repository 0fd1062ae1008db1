#!/bin/sh
# The SDK, installed into an empty prefix, builds strategies outside of this project: with the
# compiler and pkg-config alone, and with its CMake package.
#   sh tests/abi/install.sh BUILD_DIR
set -eu

build=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$*"
    exit 1
}

# Exactly one dynamic symbol, the descriptor; the note; nothing needed but libc and libm.
looks_like_a_strategy() {
    readelf -n "$1" | grep -q 'take5 *0x00000070' || fail "$1: no note"
    nm -D --defined-only "$1" | grep -q ' take5_strategy$' || fail "$1: no descriptor"
    others=$(readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
        grep -Ev '^(libc|libm|libstdc\+\+|libgcc_s)\.so' || true)
    [ -z "$others" ] || fail "$1: needs $others"
}
exports_nothing_else() {
    symbols=$(nm -D --defined-only "$1" | awk '{print $3}')
    [ "$symbols" = take5_strategy ] || fail "$1: exports $symbols"
}

cmake --install "$build" --component sdk --prefix "$work/first" >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "cmake --install failed"; }

# A moved installation works as well: nothing in it names the place it was installed to.
mv "$work/first" "$work/prefix"
if grep -rI "$work/first" "$work/prefix"; then
    fail "these files name the place of installation"
fi
pc=$(find "$work/prefix" -name take5-sdk.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
cmake_dir=$(dirname "$(find "$work/prefix" -name take5-sdk-config.cmake)")
[ -s "$work/prefix/share/take5/abi/1.0.layout" ] || fail "abi/1.0.layout is not installed"
template=$(pkg-config --variable=templatedir take5-sdk)

# 1. The compiler and pkg-config.
cp "$here/smallest.c" "$work/x.c"
cd "$work"
# shellcheck disable=SC2046 # words on purpose
cc $(pkg-config --cflags take5-sdk) -shared -fPIC x.c -o x.so
looks_like_a_strategy "$work/x.so"

# 2. The CMake package, with the template as it is.
cp -r "$template" "$work/template"
cmake -S "$work/template" -B "$work/template/build" -G Ninja -Dtake5-sdk_DIR="$cmake_dir" >"$work/log" 2>&1 &&
    cmake --build "$work/template/build" >>"$work/log" 2>&1 ||
    { cat "$work/log"; fail "the template does not build"; }
if grep -i 'warning' "$work/log"; then
    fail "the template builds with warnings"
fi
looks_like_a_strategy "$work/template/build/momentum.so"
exports_nothing_else "$work/template/build/momentum.so"

# 3. C++ with the CMake package.
mkdir "$work/cc"
cp "$here/smallest.cc" "$work/cc/"
cat >"$work/cc/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(smallest LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 11)
find_package(take5-sdk 1.0 REQUIRED)
take5_add_strategy(smallest-cc smallest.cc)
CMAKE
cmake -S "$work/cc" -B "$work/cc/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1 &&
    cmake --build "$work/cc/build" >>"$work/log" 2>&1 ||
    { cat "$work/log"; fail "a C++ strategy does not build"; }
looks_like_a_strategy "$work/cc/build/smallest-cc.so"
exports_nothing_else "$work/cc/build/smallest-cc.so"

# 4. A later major is refused by CMake.
sed -i 's/find_package(take5-sdk 1.0/find_package(take5-sdk 2.0/' "$work/cc/CMakeLists.txt"
if cmake -S "$work/cc" -B "$work/cc/build2" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1; then
    fail "find_package(take5-sdk 2.0) was satisfied"
fi

# 5. What is not defined anywhere is found when it is linked.
echo 'extern int nowhere(void); int32_t later(void); int32_t later(void) { return nowhere(); }' \
    >>"$work/template/momentum.c"
if cmake --build "$work/template/build" >"$work/log" 2>&1; then
    fail "an undefined function was linked"
fi
grep -q "undefined reference to .nowhere" "$work/log" || { cat "$work/log"; fail "failed otherwise"; }
echo "installed SDK: all well"
