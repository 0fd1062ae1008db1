#!/bin/sh
# Builds the Debian packages take5, take5-sdk and take5-python from this checkout:
#   sh packaging/package.sh [DIRECTORY]      where the .deb files go; default: build/packages
# The compiler hardens them as Debian's own packages are (dpkg-buildflags).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/build/packages}
build=${TAKE5_PACKAGE_BUILD:-$root/build/package}

[ -n "${TAKE5_DEPENDENCIES_ARE_THERE:-}" ] || sh "$root/packaging/dependencies.sh" build package

mkdir -p "$out" "$build"
out=$(cd "$out" && pwd)
log=$build/package.log

# Neither this machine's paths nor its settings are to be found in what is built.
flags() {
    DEB_BUILD_MAINT_OPTIONS=hardening=+bindnow \
        DEB_CFLAGS_MAINT_APPEND="-ffile-prefix-map=$root=." \
        DEB_CXXFLAGS_MAINT_APPEND="-ffile-prefix-map=$root=." dpkg-buildflags --get "$1"
}

build_all() {
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTAKE5_TESTS=OFF \
        -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_SYSCONFDIR=/etc \
        -DCMAKE_C_FLAGS="$(flags CPPFLAGS) $(flags CFLAGS)" \
        -DCMAKE_CXX_FLAGS="$(flags CPPFLAGS) $(flags CXXFLAGS)" \
        -DCMAKE_EXE_LINKER_FLAGS="$(flags LDFLAGS)" \
        -DCMAKE_MODULE_LINKER_FLAGS="$(flags LDFLAGS)" &&
        cmake --build "$build" ${TAKE5_JOBS:+-j "$TAKE5_JOBS"} &&
        (cd "$build" && umask 022 && cpack -G DEB -B "$build/cpack")
}
rm -rf "$build/cpack"
echo "take5: building packages in $build" >&2
if ! build_all >"$log" 2>&1; then
    cat "$log" >&2
    echo "take5: the packages could not be built; the log is $log" >&2
    exit 1
fi
cp "$build"/cpack/*.deb "$out/"
for package in "$build"/cpack/*.deb; do
    echo "$out/${package##*/}"
done
