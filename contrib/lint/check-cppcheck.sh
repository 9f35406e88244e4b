#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-cppcheck.sh - cppcheck over src/: warnings, portability and performance. Skipped (77) without cppcheck.
set -u
: "${CPPCHECK:=cppcheck}" "${top_srcdir:=.}"
if [ "$CPPCHECK" = : ] || ! command -v "$CPPCHECK" >/dev/null 2>&1; then
    echo "check-cppcheck: skipped, install the package cppcheck"
    exit 77
fi
if ! find "$top_srcdir/src" -name '*.c' | grep -q .; then
    echo "check-cppcheck: no file was found, so nothing was proven"
    exit 1
fi
mkdir -p cppcheck.cache
# Unknown macros, unused functions and missing system headers are not faults of ours.
"$CPPCHECK" --quiet --std=c11 --language=c --enable=warning,portability,performance \
    --inline-suppr --suppress=missingIncludeSystem --suppress=unmatchedSuppression \
    --suppress=preprocessorErrorDirective --cppcheck-build-dir=cppcheck.cache -j 2 \
    --template='{file}:{line}: {severity}: {message} [{id}]' --error-exitcode=1 \
    -DHAVE_CONFIG_H -I "$top_srcdir/src" "$top_srcdir/src" 2>&1
status=$?
echo "check-cppcheck: $([ $status -eq 0 ] && echo clean || echo "faults above")"
exit $status
