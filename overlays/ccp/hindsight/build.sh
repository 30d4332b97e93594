#!/bin/sh
# Build Hindsight and the sandboxes that it runs, from sources below /src, into /usr/local.
set -eu
build() {
    source="$1"
    shift
    cmake -S "$source" -B "$source/release" -DCMAKE_BUILD_TYPE=release "$@"
    make -C "$source/release" install
}
build /src/lua-sandbox
build /src/hindsight
# Of the extensions only what talks to the others and works on what it hears.
build /src/lua-sandbox-extensions -DENABLE_ALL_EXT=off \
    -DEXT_circular_buffer=on -DEXT_heka=on -DEXT_hindsight=on -DEXT_lpeg=on -DEXT_socket=on
ldconfig
