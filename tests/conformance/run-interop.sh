#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs grpc-go's interop client through the proxy to grpc-go's interop server.
# Exit 77 (skipped) when they are not there. GRPC_INTEROP_CLIENT and GRPC_INTEROP_SERVER name
# the programs (default: grpc-interop-client and grpc-interop-server in PATH; go install calls
# them just client and server, which is too common a name to look for), OUTRIGGER the proxy.
# Arguments: the cases to run (default: all that need no cloud).
set -u
here=$(cd "$(dirname "$0")" && pwd)
GRPC_INTEROP_CLIENT=${GRPC_INTEROP_CLIENT:-$(command -v grpc-interop-client)}
GRPC_INTEROP_SERVER=${GRPC_INTEROP_SERVER:-$(command -v grpc-interop-server)}
for program in "$GRPC_INTEROP_CLIENT" "$GRPC_INTEROP_SERVER"; do
    if [ -z "$program" ] || [ ! -x "$program" ]; then
        echo "skipped: set GRPC_INTEROP_CLIENT and GRPC_INTEROP_SERVER to grpc-go's programs"
        exit 77
    fi
done
export GRPC_INTEROP_CLIENT GRPC_INTEROP_SERVER
exec timeout --kill-after=10 300 "${PYTHON3:-/usr/bin/python3}" "$here/conform.py" interop "$@"
