#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-link.sh - each room links with the rooms above it and nothing else.
# An include check cannot see a call through a hand-written prototype; the linker can.
# Needs the environment of `make check-link` (CC, OUT_CC_FLAGS, OUT_LD_FLAGS, OUT_ROOM_LIBS, OUT_LIBS), in the build tree.
set -u
: "${CC:=cc}" "${OUT_CC_FLAGS:=}" "${OUT_LD_FLAGS:=}" "${OUT_ROOM_LIBS:?run this by make check-link}" "${OUT_LIBS:=}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
# Archives without members still need a list of symbols; an empty main is the program.
echo 'int main(void); int main(void) { return 0; }' >"$work/main.c"
# shellcheck disable=SC2086 # the flags are lists, here and below
$CC $OUT_CC_FLAGS -c -o "$work/main.o" "$work/main.c" || exit 1
lower=
count=0
faults=0
for lib in $OUT_ROOM_LIBS; do
    count=$((count + 1))
    # main() of the program is in the last room and would clash with the empty one.
    if [ "$lib" = libmain.a ]; then
        continue
    fi
    if ! $CC $OUT_LD_FLAGS -o "$work/out" "$work/main.o" -Wl,--whole-archive "$lib" -Wl,--no-whole-archive \
        $lower $OUT_LIBS >"$work/log" 2>&1; then
        faults=$((faults + 1))
        echo "$lib uses something of a room below it:"
        grep -o 'undefined reference to .*' "$work/log" | sort -u | head -20
        grep -q 'undefined reference' "$work/log" || tail -5 "$work/log"
    fi
    lower="$lib $lower"
done
echo "check-link: $count rooms, $faults faults"
[ "$count" -gt 0 ] && [ "$faults" -eq 0 ]
