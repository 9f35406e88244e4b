#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the live page one HTML file and that a C array, with the hashes that its Content-Security-Policy needs. Comments and indentation stay here.
# Usage: build.sh SOURCE_FOLDER OUTPUT_FILE (page_bytes.made.c). Needs a POSIX shell and coreutils.
set -eu

from=$1 out=$2
tmp=$out.tmp.$$
trap 'rm -f "$tmp".*' EXIT

# strip PATTERN FILE... - the files in a row, without lines that are only a comment, and without what stands before the text of a line.
strip()
{
    pattern=$1
    shift
    cat "$@" | sed -e 's/^[[:space:]]*//' -e "/$pattern/d" -e '/^$/d'
}

# hash FILE - SHA-256 in base64.
hash()
{
    sha256sum "$1" | cut -c 1-64 | tr a-f A-F | basenc --base16 -d | base64 -w 0
}

# A browser takes the hash of all between the tags, so nothing else may stand there.
strip '^\/\*.*\*\/$' "$from/style.css" | sed -e 's/[[:space:]]*\/\*.*\*\/$//' >"$tmp.css"
strip '^\/\/' "$from/format.js" "$from/dom.js" "$from/charts.js" "$from/pools.js" "$from/sections.js" "$from/view.js" \
    "$from/feed.js" >"$tmp.js"
strip '^<!-- .* -->$' "$from/index.html" >"$tmp.frame"

{
    sed -e '/^<!--style-->$/,$d' "$tmp.frame"
    printf '<style>'
} >"$tmp.html"
style_at=$(($(wc -c <"$tmp.html")))
{
    cat "$tmp.css" && echo '</style>'
    sed -e '1,/^<!--style-->$/d' -e '/^<!--script-->$/,$d' "$tmp.frame"
    printf '<script>' && cat "$tmp.js" && echo '</script>'
    sed -e '1,/^<!--script-->$/d' "$tmp.frame"
} >>"$tmp.html"

{
    echo '/* Made by build.sh from the files of admin/page. */'
    echo '#include "admin/page.h"'
    echo 'static const uint8_t page_bytes[] = {'
    od -An -v -tx1 "$tmp.html" | sed -e 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    echo 'const struct slice page_html = { page_bytes, sizeof(page_bytes) };'
    echo "const struct slice page_style = { page_bytes + $style_at, $(($(wc -c <"$tmp.css"))) };"
    printf 'const char page_style_hash[] = "sha256-%s";\n' "$(hash "$tmp.css")"
    printf 'const char page_script_hash[] = "sha256-%s";\n' "$(hash "$tmp.js")"
} >"$tmp.c"
mv "$tmp.c" "$out"
