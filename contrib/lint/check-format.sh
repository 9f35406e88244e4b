#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-format.sh - which files clang-format would change. Only tells: different versions of the tool differ.
set -u
: "${CLANG_FORMAT:=clang-format}" "${top_srcdir:=.}"
if [ "$CLANG_FORMAT" = : ] || ! command -v "$CLANG_FORMAT" >/dev/null 2>&1; then
    echo "check-format: skipped, install the package clang-format"
    exit 77
fi
cd "$top_srcdir" || exit 1
count=0
differ=0
for file in $(find src tests -name '*.[ch]' ! -path '*/proto/*' ! -name '*.made.c' | LC_ALL=C sort); do
    count=$((count + 1))
    if ! "$CLANG_FORMAT" --style=file "$file" | cmp -s - "$file"; then
        differ=$((differ + 1))
        echo "warning: $file would change"
    fi
done
echo "check-format: $count files, $differ would change (make format changes them)"
[ "$count" -gt 0 ]
