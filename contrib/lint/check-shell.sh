#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-shell.sh - shellcheck over our shell scripts. Skipped (77) without shellcheck.
set -u
: "${SHELLCHECK:=shellcheck}" "${top_srcdir:=.}"
if [ "$SHELLCHECK" = : ] || ! command -v "$SHELLCHECK" >/dev/null 2>&1; then
    echo "check-shell: skipped, install the package shellcheck"
    exit 77
fi
cd "$top_srcdir" || exit 1
scripts=$(find contrib src tests .ci -type f 2>/dev/null | while read -r file; do
    case $(head -c 40 "$file" | head -n 1 | tr -d '\0') in
    '#!/bin/sh'* | '#!/bin/bash'*) echo "$file" ;;
    esac
done | LC_ALL=C sort)
# shellcheck disable=SC2086 # a list of file names without blanks
"$SHELLCHECK" --severity=warning $scripts
status=$?
# shellcheck disable=SC2086
set -- $scripts
echo "check-shell: $# files, $([ $status -eq 0 ] && echo clean || echo "faults above")"
[ $# -gt 0 ] && exit $status
