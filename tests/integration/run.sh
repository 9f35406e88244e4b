#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the integration tests with Debian's Python: all of them, some side by side (lanes.py); with arguments, what they
# tell pytest, in one process.
# OUTRIGGER names the binary (default: ./outrigger in the current folder).
set -u
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON3:-/usr/bin/python3}
OUTRIGGER=${OUTRIGGER:-$PWD/outrigger}
PYTHONDONTWRITEBYTECODE=1     # the source folder may be read-only
export OUTRIGGER PYTHONDONTWRITEBYTECODE

skip() {
    echo "skipped: $1"
    exit 77
}

"$python" -c 'import grpc, pytest, google.protobuf' 2>/dev/null ||
    skip "install python3-grpcio, python3-protobuf and python3-pytest to run these tests"
[ -f "${GRPC_PROTO_ROOT:-/usr/share/grpc-proto}/grpc/testing/test.proto" ] ||
    skip "install grpc-proto to run these tests"
command -v protoc >/dev/null || "$python" -c 'import grpc_tools' 2>/dev/null ||
    skip "install protobuf-compiler to run these tests"
if [ "${OUTRIGGER_TEST_DIRECT:-}" != 1 ] && [ ! -x "$OUTRIGGER" ]; then
    echo "no proxy at $OUTRIGGER: build it, or set OUTRIGGER"
    exit 1
fi
# A hang must not take the whole of make check with it.
if [ $# -eq 0 ]; then
    set -- "$here/lanes.py"
else
    set -- -m pytest -q -p no:cacheprovider "$here" "$@"
fi
exec timeout --kill-after=10 "${OUTRIGGER_TEST_TIMEOUT:-1600}" "$python" "$@"
