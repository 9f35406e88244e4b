#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-headers.sh - each header of src/ compiles alone and starts with a comment that says what it is.
# Needs the environment of `make lint` (CC, OUT_CC_FLAGS, top_srcdir).
set -u
: "${CC:=cc}" "${OUT_CC_FLAGS:=}" "${top_srcdir:=.}"
count=0
faults=0
for header in $(cd "$top_srcdir" && find src -name '*.h' ! -path '*/proto/*' | LC_ALL=C sort); do
    count=$((count + 1))
    # shellcheck disable=SC2086 # the flags are a list
    if ! $CC $OUT_CC_FLAGS -fsyntax-only -Wno-unused -x c "$top_srcdir/$header" 2>&1; then
        echo "$header: does not compile alone"
        faults=$((faults + 1))
    fi
    case $(sed -n 2p "$top_srcdir/$header") in
    "/* "*) ;;
    *)
        echo "$header:2: the second line starts the comment that says what this header is"
        faults=$((faults + 1))
        ;;
    esac
done
echo "check-headers: $count files, $faults faults"
[ "$count" -gt 0 ] && [ "$faults" -eq 0 ]
