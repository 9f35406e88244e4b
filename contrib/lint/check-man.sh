#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-man.sh - mandoc and groff have nothing to say about our man pages. Lines may be long (pages are made from rows, a sentence per line), and the
# pages that they name need not be installed here. Skipped (77) without mandoc; groff is asked when it is there.
set -u
: "${top_srcdir:=.}"
if ! command -v mandoc >/dev/null 2>&1; then
    echo "check-man: skipped, install the package mandoc"
    exit 77
fi
cd "$top_srcdir" || exit 1
pages=$(find man -name '*.[1-8]' | LC_ALL=C sort)
[ -n "$pages" ] || { echo "check-man: no pages in man"; exit 1; }
faults=0
for page in $pages; do
    said=$(mandoc -T lint "$page" | grep -v -e 'input text line longer than 80 bytes' -e 'referenced manual not found')
    if command -v groff >/dev/null 2>&1; then
        said=$said$(groff -mandoc -ww -T utf8 -z "$page" 2>&1)
    fi
    # A row of ours that groff prints as it is: an escape that lost its backslash.
    said=$said$(mandoc -T utf8 "$page" | sed 's/.\x08//g' | grep -n -e '(dq' -e '\bAr ')
    if [ -n "$said" ]; then
        printf '%s: %s\n' "$page" "$said"
        faults=$((faults + 1))
    fi
done
# shellcheck disable=SC2086 # names without blanks
set -- $pages
echo "check-man: $# pages, $faults with faults"
[ $faults -eq 0 ]
