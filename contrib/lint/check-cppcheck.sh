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
# cppcheck 2.10 does not know __VA_OPT__, which the one macro of base/log.h needs: it looks at a copy with the
# older spelling of the same.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp -R "$top_srcdir/src" "$work/src" && find "$work/src" -name proto -type d -prune -exec rm -rf {} + || exit 1
sed -i 's/__VA_ARGS__ __VA_OPT__(, *) *{ 0 }/{ 0 }, ##__VA_ARGS__/' "$work/src/base/log.h" || exit 1
if grep -rl __VA_OPT__ "$work/src"; then
    echo "check-cppcheck: the files above use __VA_OPT__ in a way that this script does not know"
    exit 1
fi
# Reflection's answers point to pieces on the stack while they are packed, which ends in the same function.
# gcc checks the formats itself. Unknown macros, unused functions and missing system headers are not faults of ours.
(cd "$work" && "$CPPCHECK" --quiet --std=c11 --language=c --enable=warning,portability,performance \
    --inline-suppr --suppress=missingIncludeSystem --suppress=unmatchedSuppression \
    --suppress=preprocessorErrorDirective --suppress=invalidPrintfArgType_uint --suppress=invalidPrintfArgType_sint \
    --suppress=autoVariables:src/grpc/reflection.c -j 2 \
    --template='{file}:{line}: {severity}: {message} [{id}]' --error-exitcode=1 \
    -DHAVE_CONFIG_H -I src src 2>&1)
status=$?
echo "check-cppcheck: $([ $status -eq 0 ] && echo clean || echo "faults above")"
exit $status
