#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-install.sh - make install puts everything where it belongs, the unit names the program where it then is, make uninstall takes all of it away.
# Skipped (77) when nothing is built.
set -u
: "${top_srcdir:=.}" "${top_builddir:=.}"
if [ ! -x "$top_builddir/outrigger" ] || [ ! -f "$top_builddir/Makefile" ]; then
    echo "check-install: skipped, outrigger is not built"
    exit 77
fi
to=$(mktemp -d) || exit 1
trap 'rm -rf "$to"' EXIT
faults=0

# make_as TARGET - as a package builder does it, in whatever make this runs.
make_as()
{
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -C "$top_builddir" "$1" DESTDIR="$to" prefix=/opt/o systemdsystemunitdir=/opt/o/lib/systemd/system \
        TESTS= >"$to.log" 2>&1 || {
        cat "$to.log"
        echo "check-install: make $1 failed"
        rm -f "$to.log"
        exit 1
    }
    rm -f "$to.log"
}

make_as install
doc=share/doc/outrigger
for file in sbin/outrigger bin/outriggerctl \
    share/man/man8/outrigger.8 share/man/man5/outrigger.json.5 share/man/man1/outriggerctl.1 \
    share/bash-completion/completions/outriggerctl share/bash-completion/completions/outrigger \
    share/zsh/site-functions/_outriggerctl share/fish/vendor_completions.d/outriggerctl.fish \
    lib/systemd/system/outrigger.service lib/systemd/system/outrigger.socket \
    $doc/README.md $doc/LICENSE $doc/SECURITY.md $doc/metrics.md $doc/stats-json.md \
    $doc/contrib/outrigger.schema.json $doc/monitoring/alerts.yml $doc/monitoring/outrigger.json \
    $(cd "$top_srcdir/conf" && for name in *.json *.yaml; do echo "$doc/examples/$name"; done); do
    if [ ! -f "$to/opt/o/$file" ]; then
        echo "make install does not put PREFIX/$file"
        faults=$((faults + 1))
    fi
done
for file in "$to/opt/o/$doc"/examples/*.json; do
    # A list of endpoints has no schema, and one file has each key with its default, as the program prints them.
    case $file in */endpoints.json | */full.json) continue ;; esac
    if ! grep -q '"$schema": "../contrib/outrigger.schema.json"' "$file"; then
        echo "$(basename "$file") does not name the schema where make install puts it"
        faults=$((faults + 1))
    fi
done
if ! grep -q '^ExecStart=/opt/o/sbin/outrigger -c' "$to/opt/o/lib/systemd/system/outrigger.service" ||
    grep -q '/usr/sbin/outrigger' "$to/opt/o/lib/systemd/system/outrigger.service"; then
    echo "the unit that make install puts does not name PREFIX/sbin/outrigger"
    faults=$((faults + 1))
fi
count=$(find "$to" -type f | wc -l)
make_as uninstall
left=$(find "$to" -type f)
if [ -n "$left" ]; then
    echo "make uninstall leaves: $left"
    faults=$((faults + 1))
fi
echo "check-install: $count files, $faults faults"
[ $faults -eq 0 ]
