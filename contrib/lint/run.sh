#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - all checks of `make lint`, one line each; a check that fails shows all it said.
# Needs the environment that the Makefile gives. Status 1 when a check fails.
set -u
: "${top_srcdir:=.}" "${PYTHON3:=/usr/bin/python3}"
here=$top_srcdir/contrib/lint
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
status=0
for check in layers.py size.py banned.py headers.sh link.sh docs.py dist.py cppcheck.sh format.sh shell.sh man.sh install.sh; do
    case $check in
    *.py) "$PYTHON3" -B "$here/check-$check" >"$log" 2>&1 ;;
    *) sh "$here/check-$check" >"$log" 2>&1 ;;
    esac
    case $? in
    0)
        grep '^warning: ' "$log"
        echo "ok - $(tail -n 1 "$log")"
        ;;
    77) echo "ok - skip $(tail -n 1 "$log")" ;;
    *)
        cat "$log"
        echo "not ok - check-$check"
        status=1
        ;;
    esac
done
exit $status
