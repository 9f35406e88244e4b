#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs h2spec against the plain port. Exit 77 (skipped) when there is no h2spec.
# H2SPEC names the program (default: h2spec in PATH), OUTRIGGER the proxy.
# Arguments go to h2spec: run-h2spec.sh http2/5.1.1/2 runs one case.
set -u
here=$(cd "$(dirname "$0")" && pwd)
H2SPEC=${H2SPEC:-$(command -v h2spec)}
if [ -z "$H2SPEC" ] || [ ! -x "$H2SPEC" ]; then
    echo "skipped: no h2spec in PATH; set H2SPEC to the program to run its cases"
    exit 77
fi
export H2SPEC
exec timeout --kill-after=10 300 "${PYTHON3:-/usr/bin/python3}" "$here/conform.py" h2spec "$@"
